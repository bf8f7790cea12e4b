"""What the documents say is so: their commands, options, links and quoted messages exist."""

import ast
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from liq_nautilus.cli import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("backtests/*.md"), ROOT / "catalog" / "README.md"]
)
COMMANDS = typer.main.get_command(main.app).commands
ANY = "…"


def options_of(command):
    return {name for option in COMMANDS[command].params for name in option.opts}


def wrong_commands(text):
    """Return what a document lets a reader type that the command line does not know."""
    wrong = []
    for line in re.findall(r"liq-nautilus ([a-z][^`\n]*)", text):
        words = shlex.split(line.partition(";")[0].partition("(")[0].replace("'", ""))
        command = words[0].rstrip(".,:;")
        if command not in COMMANDS:
            wrong.append(command)
            continue
        given = [word for word in words if word.startswith("--")]
        wrong += [f"{command} {word}" for word in given if word not in options_of(command)]
    return wrong


def templates():
    """Return every text of the package's sources, with `…` for what is filled in."""
    found = []
    for path in (ROOT / "liq_nautilus").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else ANY for v in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def quoted_messages(text):
    """Return the messages in the first column of the table of troubles."""
    table = text.partition("## Troubleshooting")[2].partition("\n## ")[0]
    first_cells = [line.split("|")[1].strip() for line in table.splitlines() if "|" in line]
    return [cell.strip("`") for cell in first_cells if re.fullmatch(r"`[^`]+ [^`]+`", cell)]


def unknown_messages(messages):
    known = templates()

    def is_known(message):
        pieces = [re.escape(piece.strip()) for piece in message.split(ANY)]
        pattern = re.compile(rf"\s*{ANY}\s*".join(pieces))
        return any(pattern.search(template) for template in known)

    return [message for message in messages if not is_known(message)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_options_of_the_documents_exist(document):
    assert wrong_commands(document.read_text(encoding="utf-8")) == []


def test_the_readme_lists_every_command():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([a-z]+)` \|", text, re.MULTILINE))
    assert set(COMMANDS) <= listed


def test_the_readme_lists_every_variable():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    read = {name for part in templates() for name in re.findall(r"^LIQ_NAUTILUS_[A-Z_]+$", part)}
    assert len(read) > 5
    assert {name for name in read if f"`{name}`" not in text} == set()


def test_a_wrong_command_or_option_would_be_found():
    assert wrong_commands("uv run liq-nautilus levles --json") == ["levles"]
    assert wrong_commands("    uv run liq-nautilus levels --jason x") == ["levels --jason"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_the_documents_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_named_by_the_documents_exist(document):
    text = document.read_text(encoding="utf-8")
    rooms = "backtests|scripts|tests|core|data|nautilus|studies|reports|market|queries|cli"
    for name in re.findall(rf"`((?:liq_nautilus/)?(?:{rooms})/[\w/]+\.(?:py|json|md))`", text):
        homes = (ROOT, ROOT / "liq_nautilus")
        assert any((home / name).exists() for home in homes), name


def test_the_readme_quotes_messages_that_exist():
    messages = quoted_messages((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(messages) >= 5
    assert unknown_messages(messages) == []


def test_a_message_that_does_not_exist_would_be_found():
    assert unknown_messages(["must hold data, … there were some"]) != []


def test_the_readme_can_be_read_in_five_minutes():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|^\|[^\n]*$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert len(re.findall(r"[A-Za-z]{2,}", prose)) < 5 * 220


def test_the_changelog_has_the_unreleased_on_top():
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert [headings[0], *sorted(headings[1:], reverse=True)] == headings
    assert headings[0] == "Unreleased"
    assert all(new != old for new, old in pairwise(headings))
