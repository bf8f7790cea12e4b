"""The commands ingest, quality and download as a person, or a program, meets them."""

import json

import pytest
from support.data_files import KINDS
from support.data_files import write_bytes
from support.data_files import write_file
from typer.testing import CliRunner

from liq_nautilus.cli import app
from liq_nautilus.cli.main import run
from liq_nautilus.data.files import download
from liq_nautilus.data.files.download import Outcome

RUNNER = CliRunner()
KLINES = KINDS["klines"]


@pytest.fixture
def source(tmp_path):
    lines = KLINES.lines(30)
    lines[3] = "damaged"
    write_file(tmp_path / "source", KLINES, lines)
    write_file(tmp_path / "source", KINDS["metrics"], KINDS["metrics"].lines(20))
    write_bytes(tmp_path / "source", "BTCUSDT-1m-2025-03-01", b"")
    (tmp_path / "source" / "README.md").write_text("hello")
    return tmp_path / "source"


def call(*arguments: object):
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def failure(monkeypatch, capsys, *arguments: object) -> str:
    monkeypatch.setattr("sys.argv", ["liq-nautilus", *map(str, arguments)])
    with pytest.raises(SystemExit) as raised:
        run()
    assert raised.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_ingest_json_is_the_contract(source, tmp_path):
    result = call("ingest", source, "--catalog", tmp_path / "catalog", "--json")
    document = json.loads(result.stdout)
    assert document["files"] == {"read": 2, "refused": 1, "ignored": 1}
    assert document["kinds"]["klines-1m"]["BTCUSDT"] == {
        "read": 30,
        "kept": 29,
        "rejected": 1,
        "duplicate": 0,
        "already_present": 0,
        "first": "2025-01-01T00:00:00Z",
        "last": "2025-01-01T00:29:00Z",
    }
    assert document["kinds"]["metrics"]["BTCUSDT"]["kept"] == 20
    assert {"file", "kind", "line", "what", "count", "lines"} == document["issues"][0].keys()
    assert {(issue["file"], issue["line"]) for issue in document["issues"]} == {
        ("klines/BTCUSDT-1m-2025-01-01.csv", 5),
        ("BTCUSDT-1m-2025-03-01.csv", None),
    }


def test_ingest_says_what_it_did(source, tmp_path):
    log = tmp_path / "logs" / "ingest.log"
    result = call("ingest", source, "--catalog", tmp_path / "catalog", "--log-file", log)
    assert "klines-1m" in result.stdout
    assert "files: 2 read, 1 refused, 1 ignored" in result.stdout
    assert "line 5: a row must have 12 columns" in result.stderr
    assert "line 5" in log.read_text()
    assert "klines-1m BTCUSDT: read 30, kept 29" in log.read_text()


def test_ingest_log_can_be_json(source, tmp_path):
    log = tmp_path / "ingest.log"
    call("ingest", source, "--catalog", tmp_path / "c", "--log-file", log, "--log-format", "json")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"time", "level", "logger", "message"} == set(lines[0])


@pytest.mark.parametrize("suffix", [".csv", ".zip"])
def test_ingest_groups_what_was_rejected_and_cuts_a_long_list(source, tmp_path, suffix):
    for day in range(2, 27):
        lines = [*KLINES.lines(5), *["x"] * 40]
        write_file(source, KLINES, lines, name=f"BTCUSDT-1m-2025-01-{day:02}", suffix=suffix)
    log = tmp_path / "log.txt"
    result = call("ingest", source, "--catalog", tmp_path / "catalog", "--log-file", log)
    said = result.stderr.splitlines()
    assert len(said) == 21
    name = f"klines/BTCUSDT-1m-2025-01-02{suffix}"
    assert f"{name} lines 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 and 30 more: a row must" in said[2]
    assert said[-1].startswith("and 7 more reasons for 280 rows or files; --json or --log-file")
    assert sum("and 30 more" in line for line in log.read_text().splitlines()) == 25


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["ingest", "nowhere"], "there was none at nowhere"),
        (["ingest", ".", "--start", "yesterday"], "--start must be an ISO 8601 time"),
        (["ingest", ".", "--start", "2025-01-02", "--end", "2025-01-01"], "--end must come after"),
        (["ingest", ".", "--kind", "candles"], "--kind must be one of"),
        (["ingest", ".", "--log-file", "/proc/x/log"], "--log-file must be a file"),
        (["ingest", ".", "--log-file", "x.log", "--log-format", "xml"], "must be text or json"),
        (["ingest", "."], "there were none among 0 files"),
        (["quality"], "must hold data of the symbols and kinds asked for"),
        (
            [
                "download",
                "BTCUSDT",
                "--kind",
                "x",
                "--start",
                "2025-01-01",
                "--end",
                "2025-01-02",
                "--out",
                "o",
            ],
            "--kind must be one of",
        ),
    ],
)
def test_failure_is_one_line(monkeypatch, capsys, tmp_path, arguments, what):
    monkeypatch.chdir(tmp_path)
    assert what in failure(monkeypatch, capsys, *arguments)


def test_quality_prints_and_scores(source, tmp_path):
    call("ingest", source, "--catalog", tmp_path / "catalog")
    text = call("quality", "--catalog", tmp_path / "catalog").stdout
    assert "BTCUSDT klines-1m: 29 rows" in text
    assert "gap 2025-01-01T00:03:00Z .. 2025-01-01T00:04:00Z: 1 rows" in text
    assert "file BTCUSDT-1m-2025-01-01.csv: of 30 rows 1 rejected (0 of another symbol)" in text
    assert "data quality of BTCUSDT: 0." in text
    assert "(metrics) + 0.2 x 0.000 (fundingRate)" in text
    document = json.loads(call("quality", "--catalog", tmp_path / "catalog", "--json").stdout)
    klines, metrics = document["series"]
    assert (klines["kind"], klines["missing"]) == ("klines-1m", 1)
    assert klines["files"][0]["rejected"] == 1
    assert metrics["days"][0]["rows"] == 20
    assert 0 < document["scores"]["BTCUSDT"] < 1
    only = call("quality", "--catalog", tmp_path / "catalog", "--kind", "metrics", "--json")
    assert [series["kind"] for series in json.loads(only.stdout)["series"]] == ["metrics"]


def fake_download(monkeypatch, states):
    def fetch(files, out, transfer, progress):
        assert transfer.base_url == "http://x"
        progress(1_000_000, None)
        for file in files:
            progress(0, file.name)
        return [Outcome(f, s, 5, s) for f, s in zip(files, states, strict=True)]

    monkeypatch.setattr(download, "download", fetch)


DOWNLOAD = "download BTCUSDT --kind metrics --start 2025-01-01 --end 2025-01-04 --out dump"


def test_download_reports_missing_days(monkeypatch):
    fake_download(monkeypatch, ["downloaded", "missing", "present"])
    result = call(*DOWNLOAD.split(), "--base-url", "http://x")
    assert "dump: 1 downloaded, 1 missing, 1 present" in result.stdout
    assert "BTCUSDT-metrics-2025-01-02.zip: missing" in result.stderr
    document = json.loads(call(*DOWNLOAD.split(), "--base-url", "http://x", "--json").stdout)
    assert document["files"] == {"downloaded": 1, "present": 1, "missing": 1, "failed": 0}
    assert document["issues"][0]["state"] == "missing"


def test_download_of_nothing_fails(monkeypatch, capsys):
    fake_download(monkeypatch, ["missing", "missing", "failed"])
    monkeypatch.setattr("sys.argv", ["liq-nautilus", *DOWNLOAD.split(), "--base-url", "http://x"])
    with pytest.raises(SystemExit) as raised:
        run()
    assert raised.value.code == 1
    assert "at least one file must come" in capsys.readouterr().err
