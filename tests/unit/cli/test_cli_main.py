"""The command line's frame: help, exit codes, one-line failures, times, settings."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from support.data_files import KINDS
from support.data_files import write_file
from typer.testing import CliRunner

from liq_nautilus.cli import common
from liq_nautilus.cli import main
from liq_nautilus.errors import SettingError

ROOT = Path(__file__).parents[3]
COMMANDS = sorted(command.name for command in main.app.registered_commands)


def exit_of(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["liq-nautilus", *arguments])
    monkeypatch.setattr(main, "load_environment_file", lambda: None)
    with pytest.raises(SystemExit) as stopped:
        main.run()
    return stopped.value.code


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    shown = CliRunner().invoke(main.app, [command, "--help"])
    assert shown.exit_code == 0
    assert "Usage: " in shown.output
    known = typer.main.get_command(main.app).commands[command]
    assert known.help
    assert [option.name for option in known.params if not getattr(option, "help", None)] == []


def test_the_contracts_commands_exist():
    assert {"demo", "ingest", "backtest", "levels", "accuracy", "calibrate"} <= set(COMMANDS)


def test_help_is_light():
    code = (
        "import sys; from liq_nautilus.cli.main import app; "
        "print([m for m in ('nautilus_trader', 'duckdb', 'pandas', 'plotly', 'numba', 'scipy') "
        "if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.strip() == "[]"


def test_wrong_usage_exits_with_2(monkeypatch, capsys):
    assert exit_of(monkeypatch, "no-such-command") == 2
    assert "no-such-command" in capsys.readouterr().err


def test_a_stated_failure_is_one_line_and_exit_1(monkeypatch, capsys, tmp_path):
    assert exit_of(monkeypatch, "ingest", str(tmp_path / "nowhere")) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert len(shown) == 1
    assert shown[0].startswith("error: ")
    assert "nowhere" in shown[0]


def test_a_defect_is_one_line_too(monkeypatch, capsys):
    def broken():
        msg = "first\nsecond"
        raise RuntimeError(msg)

    monkeypatch.setattr(main, "app", broken)
    monkeypatch.delenv("LIQ_NAUTILUS_DEBUG", raising=False)
    assert exit_of(monkeypatch) == 1
    shown = capsys.readouterr().err.strip()
    assert "unexpected RuntimeError: first second" in shown
    monkeypatch.setenv("LIQ_NAUTILUS_DEBUG", "1")
    with pytest.raises(RuntimeError, match="first"):
        main.run()


@pytest.mark.parametrize(
    ("failure", "what"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b.csv"), "a/b.csv: there must be spa"),
        (OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No"), "be space on"),
        (RuntimeError("IO error: No space left on device (os error 28)"), "must be space on the"),
        (ValueError("Could not write file: No space left on device"), "must be space on the disk"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the quota is used up"),
        (OSError(errno.EROFS, "Read-only file system", "out"), "out: the place must be writable"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), "permission was denied"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x"), "the system refused: .* too long"),
        (MemoryError(), "must fit into memory"),
    ],
)
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_failure_of_the_world_is_no_defect(monkeypatch, capsys, failure, what, is_wrapped):
    def failing():
        if not is_wrapped:
            raise failure
        try:
            raise failure
        except Exception as e:
            msg = "while writing"
            raise TypeError(msg) from e

    monkeypatch.setattr(main, "app", failing)
    monkeypatch.delenv("LIQ_NAUTILUS_DEBUG", raising=False)
    assert exit_of(monkeypatch) == 1
    (shown,) = capsys.readouterr().err.splitlines()
    if not (is_wrapped and isinstance(failure, MemoryError)):
        assert re.search(what, shown)
        assert "defect" not in shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
@pytest.mark.parametrize("place", ["stdout", "log"])
def test_full_disk_is_said_even_of_what_is_printed_or_logged(tmp_path, place):
    write_file(tmp_path / "source", KINDS["metrics"], [*KINDS["metrics"].lines(5), "x"])
    command = [sys.executable, "-c", "from liq_nautilus.cli import run; run()", "ingest"]
    command += [str(tmp_path / "source"), "--catalog", str(tmp_path / "catalog"), "--json"]
    command += ["--log-file", "/dev/full"] if place == "log" else []
    with Path("/dev/full" if place == "stdout" else os.devnull).open("w") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert len(said) == 1
    assert "there must be space on the disk" in said[-1]


@pytest.mark.parametrize("text", ["~/liq", "file://{home}/liq", "file:///{home}/a%20b", "{home}/~"])
@pytest.mark.parametrize("way", ["option", "joined", "environment"])
def test_paths_may_be_written_with_a_tilde_or_as_an_address(tmp_path, monkeypatch, text, way):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    text = text.format(home=tmp_path)
    write_file(tmp_path / "source", KINDS["metrics"], KINDS["metrics"].lines(5))
    options = {"option": ["--catalog", text], "joined": [f"--catalog={text}"], "environment": []}
    if way == "environment":
        monkeypatch.setenv("LIQ_NAUTILUS_CATALOG", text)
    result = CliRunner().invoke(main.app, ["ingest", "~/source", *options[way]])
    assert result.exit_code == 0, result.output
    name = {"%": "a b", "~": "~"}.get(next((s for s in "%~" if s in text[2:]), ""), "liq")
    assert (tmp_path / name / "data").is_dir()
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"source", name}


def test_home_of_nobody_is_refused():
    with pytest.raises(SettingError, match="no home folder is known"):
        common.local_path(Path("~nobody-of-that-name/x"))


def test_times_are_utc_nanoseconds():
    assert common.time_ns("1970-01-02", "--at") == 86_400 * 10**9
    assert common.time_ns("1970-01-01T01:00:00+01:00", "--at") == 0
    assert common.time_ns("1970-01-01T00:00:00.000001", "--at") == 1000
    assert common.time_ns(None, "--at") is None
    with pytest.raises(SettingError, match=r"--at must be an ISO 8601 time .* was 'soon'"):
        common.time_ns("soon", "--at")


def test_a_window_must_end_after_its_start():
    assert common.window_ns("2026-01-01", None)[1] is None
    with pytest.raises(SettingError, match="--end must come after --start"):
        common.window_ns("2026-01-02", "2026-01-01")


def test_settings_come_from_a_file_unless_set(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text("LIQ_NAUTILUS_CATALOG=there\nLIQ_NAUTILUS_PORT=1\nOTHER=2\n", encoding="utf-8")
    monkeypatch.setenv("LIQ_NAUTILUS_PORT", "9")
    monkeypatch.delenv("LIQ_NAUTILUS_CATALOG", raising=False)
    monkeypatch.delenv("OTHER", raising=False)
    common.load_environment_file(file)
    assert common.os.environ["LIQ_NAUTILUS_CATALOG"] == "there"
    assert common.os.environ["LIQ_NAUTILUS_PORT"] == "9"
    assert "OTHER" not in common.os.environ
    monkeypatch.delenv("LIQ_NAUTILUS_CATALOG")
    common.load_environment_file(tmp_path / "none")


def test_json_has_no_nan(capsys):
    common.print_json({"a": [float("nan"), 1.5], "b": (float("inf"), "x")})
    assert json.loads(capsys.readouterr().out) == {"a": [None, 1.5], "b": [None, "x"]}


def test_remarks_go_to_stderr(capsys):
    common.say("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "hello\n"
