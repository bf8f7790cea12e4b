"""Texts a stranger reads name nothing that is not in the project."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Papers and tables that nobody outside can look at.
FOREIGN = re.compile(r"\bthe specification\b|\bFACTS\b|\bDESIGN\b|\(R\d{1,2}\)")


def test_no_text_refers_to_papers_that_are_not_here():
    found = []
    for folder in ("liq_nautilus", "backtests", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if FOREIGN.search(line) and "specification_ensemble" not in line:
                    found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    for path in [*ROOT.glob("*.md"), *(ROOT / "backtests").glob("*.md")]:
        found += [f"{path.name}: {m.group()}" for m in FOREIGN.finditer(path.read_text("utf-8"))]
    assert found == []
