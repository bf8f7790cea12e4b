"""Files and folders no reader expects: each is one line of the account, the rest goes in."""

import csv
import errno
import gzip
import io
import os
import random
import zipfile
from pathlib import Path

import duckdb
import pytest
from support.data_files import KINDS
from support.data_files import digest
from support.data_files import stored_rows
from support.data_files import write_bytes
from support.data_files import write_file

from liq_nautilus.data.files import archives
from liq_nautilus.data.reading import rows
from liq_nautilus.data.reading import source as source_files
from liq_nautilus.data.reading.rows import read_careful
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.ingest import series_ingestion
from liq_nautilus.nautilus.ingest.ingest import IngestSummary
from liq_nautilus.nautilus.ingest.ingest import ingest

KLINES, METRICS, AGG_TRADES = KINDS["klines"], KINDS["metrics"], KINDS["aggTrades"]
GOOD = "BTCUSDT-1m-2025-01-01"
ODD = "BTCUSDT-1m-2025-01-02"


@pytest.fixture
def source(tmp_path) -> Path:
    """Return a folder with one good file."""
    write_file(tmp_path / "source", KLINES, KLINES.lines(5), name=GOOD)
    return tmp_path / "source"


def issues_of(source: Path) -> list[str]:
    """Ingest, assert that the good file went in, and return what was said of the others."""
    catalog = source.parent / "catalog"
    summary = ingest(source, catalog)
    assert len(stored_rows(catalog, KLINES)) == 5
    assert list(catalog.glob(".staging/*")) == []
    assert all("\n" not in issue.what for issue in summary.issues)
    return [f"{issue.file}: {issue.what}" for issue in summary.issues]


def zipped(path: Path, **members: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_csv", ".csv"), text)


def test_pipe_is_not_waited_for(source):
    os.mkfifo(source / f"{ODD}.csv")
    (said,) = issues_of(source)
    assert said == f"{ODD}.csv: {ODD}.csv must be a regular file, was none; leave it out"


def test_link_to_nothing_or_itself_is_named(source):
    (source / f"{ODD}.csv").symlink_to(source / "nothing.csv")
    (source / "BTCUSDT-1m-2025-01-03.zip").symlink_to(source / "BTCUSDT-1m-2025-01-03.zip")
    said = issues_of(source)
    assert len(said) == 2
    assert "must be readable, No such file or directory" in said[0]
    assert "must be readable, Too many levels of symbolic links" in said[1]


def test_linked_folders_are_read_once_even_in_a_ring(source, tmp_path):
    write_file(tmp_path / "elsewhere", METRICS, METRICS.lines(3))
    (source / "link").symlink_to(tmp_path / "elsewhere")
    (source / "other link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "ring").symlink_to(source)
    assert issues_of(source) == []
    assert len(stored_rows(tmp_path / "catalog", METRICS)) == 3


def test_folder_named_like_a_file_is_a_folder(source):
    (source / f"{ODD}.csv").mkdir()
    (source / f"{ODD}.zip").mkdir()
    write_file(source / f"{ODD}.csv", KLINES, KLINES.lines(5), name=GOOD)
    assert issues_of(source) == []


@pytest.mark.parametrize("suffix", [".csv", ".zip", ".csv.gz"])
def test_file_that_may_not_be_read_is_named(source, monkeypatch, suffix):
    path = write_file(source, KLINES, KLINES.lines(5), name=ODD, suffix=suffix)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything: let opening fail for him
        refuse_to_open(monkeypatch, path)
    (said,) = issues_of(source)
    assert "Permission denied" in said


def refuse_to_open(monkeypatch, forbidden: Path) -> None:
    import builtins

    opening = io.open

    def guarded(path, *rest, **named):
        if str(path) == str(forbidden):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opening(path, *rest, **named)

    monkeypatch.setattr(io, "open", guarded)
    monkeypatch.setattr(builtins, "open", guarded)


def test_folder_that_may_not_be_read_is_named(source, monkeypatch):
    closed = source / "closed"
    write_file(closed, KLINES, KLINES.lines(9), name=ODD)
    closed.chmod(0)
    if os.access(closed, os.R_OK):
        scanning = os.scandir

        def guarded(path):
            if str(path) == str(closed):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return scanning(path)

        monkeypatch.setattr(os, "scandir", guarded)
    try:
        (said,) = issues_of(source)
    finally:
        closed.chmod(0o755)
    assert said == (
        "closed: must be a folder that can be read, Permission denied; check its rights"
    )


def test_disk_that_fails_in_the_middle_of_a_file_costs_that_file_only(source, monkeypatch):
    path = write_file(source, KLINES, KLINES.lines(5_000), name=ODD)
    opening = Path.open

    class Failing(io.FileIO):
        def readinto(self, buffer):
            if self.tell() >= 100_000:
                raise OSError(errno.EIO, "Input/output error")
            return super().readinto(memoryview(buffer)[:100_000])

        def read(self, size=-1):
            if self.tell() >= 100_000:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(min(size, 100_000))

    def guarded(self, *rest, **named):
        return Failing(self) if self == path else opening(self, *rest, **named)

    monkeypatch.setattr(Path, "open", guarded)
    for stream_bytes in (source_files.SMALL_BYTES, 0):
        monkeypatch.setattr(source_files, "SMALL_BYTES", stream_bytes)
        (said,) = issues_of(source)
        assert "must be readable, Input/output error" in said


@pytest.mark.parametrize("folder", ["a [2025] b*", "what?", "it's", "symbol=X", 'say "so"'])
@pytest.mark.parametrize("damage", ["", "x"])
def test_folder_with_signs_of_patterns_is_read(tmp_path, folder, damage):
    lines = [*KLINES.lines(5), *([damage] if damage else [])]
    write_file(tmp_path / folder, KLINES, lines, name=GOOD)
    summary = ingest(tmp_path / folder, tmp_path / folder / "catalog")
    assert len(stored_rows(tmp_path / folder / "catalog", KLINES)) == 5
    assert len(summary.issues) == bool(damage)


def test_path_that_is_no_text_is_refused(source):
    folder = Path(os.fsdecode(os.fsencode(source) + b"/\xff\xfe"))
    write_file(folder, KLINES, KLINES.lines(9), name=ODD)
    (said,) = issues_of(source)
    assert said.endswith("the path must be UTF-8 text; rename the file or its folder")
    said.encode()


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({}, "held 0"),
        ({"folder__": ""}, "held 0"),
        ({"inner.zip": "PK"}, "held 0"),
        ({"a_csv": "1", "b_csv": "1"}, "held 2"),
        ({"a_csv": ""}, "was empty"),
        ({"a_csv": '""""""\n"'}, "must have the columns"),
        ({"a_csv": "," * 100_000}, "must have the columns"),
    ],
)
def test_archive_without_its_one_file_is_named(source, members, what):
    zipped(source / "klines" / f"{ODD}.zip", **members)
    (said,) = issues_of(source)
    assert what in said


def test_hidden_files_of_an_archive_are_not_meant(source):
    text = "\n".join([KLINES.header, *KLINES.lines(5)])
    zipped(source / "klines" / f"{ODD}.zip", **{"a_csv": text, "__MACOSX__._a_csv": "\x00\x05"})
    assert issues_of(source) == []


@pytest.mark.parametrize("suffix", [".zip", ".csv.gz"])
def test_archive_that_grows_beyond_reason_is_refused(source, monkeypatch, suffix):
    write_bytes(source, ODD, b"0" * (3 << 20), suffix)
    monkeypatch.setattr(source_files, "SMALL_BYTES", 1 << 20)
    monkeypatch.setattr(archives, "_ALWAYS_FINE_BYTES", 1 << 20)
    (said,) = issues_of(source)
    assert "must unpack to at most 200 times its size" in said


def test_archive_that_does_not_fit_on_the_disk_is_named(source, monkeypatch):
    write_file(source, KLINES, KLINES.lines(5), name=ODD, suffix=".zip")
    monkeypatch.setattr(source_files, "SMALL_BYTES", 0)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100})())
    (said,) = issues_of(source)
    assert "must fit on the disk unpacked" in said


def test_full_disk_while_unpacking_ends_the_run(source, monkeypatch):
    def blocks(_):
        yield b"a"
        raise OSError(errno.ENOSPC, "No space left on device")

    write_file(source, KLINES, KLINES.lines(5), name=ODD, suffix=".zip")
    monkeypatch.setattr(archives, "_blocks", blocks)
    with pytest.raises(StoreError, match="No space left on device; run it again when it can"):
        ingest(source, source.parent / "catalog")


def packed(suffix: str) -> bytes:
    text = "\n".join([KLINES.header, *KLINES.lines(40)]).encode()
    if suffix == ".csv.gz":
        return gzip.compress(text)
    file = io.BytesIO()
    method = zipfile.ZIP_LZMA if suffix == "lzma" else zipfile.ZIP_BZIP2
    method = zipfile.ZIP_DEFLATED if suffix == ".zip" else method
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.csv", text)
    return file.getvalue()


@pytest.mark.parametrize("suffix", [".zip", ".csv.gz", "lzma", "bzip2"])
def test_garbled_archives_are_read_or_refused(tmp_path, suffix):
    """Whatever byte is changed: no failure but the one line, and no row that was not there."""
    from liq_nautilus.data.files.finding import recognise
    from liq_nautilus.errors import SchemaError

    random_ = random.Random(5)
    whole = packed(suffix)
    name = f"{ODD}{suffix if suffix.startswith('.') else '.zip'}"
    n_refused = 0
    for _ in range(1_500):
        text = bytearray(whole)
        for _ in range(random_.choice([1, 1, 1, 4])):
            text[random_.randrange(len(text))] = random_.randrange(256)
        del text[random_.choice([len(text), len(text), random_.randrange(len(text))]) :]
        path = tmp_path / name
        path.write_bytes(text)
        try:
            archives.unpack(recognise(path, tmp_path), tmp_path / "plain.csv")
        except SchemaError:
            n_refused += 1
    assert 1_000 < n_refused < 1_500


@pytest.mark.parametrize("junk", [b"\x00" * 9_000, b'"' * 70_000, b"," * 200_000, b"\xff\xfe1\x00"])
@pytest.mark.parametrize("has_header", [True, False])
def test_line_of_junk_is_one_rejected_row(source, junk, has_header):
    start = f"{KLINES.header}\n".encode() if has_header else b""
    text = start + KLINES.lines(5)[0].encode() + b"\n" + junk + b"\n"
    write_bytes(source, ODD, text)
    (said,) = issues_of(source)
    assert "a row must" in said or "quotes must" in said


def test_failure_of_duckdb_costs_that_file_only(source, monkeypatch):
    write_file(source, AGG_TRADES, [*AGG_TRADES.lines(5), "x"])

    def failing(*_):
        msg = "Out of Memory Error: failed\nand more"
        raise duckdb.OutOfMemoryException(msg)

    monkeypatch.setattr(rows, "_stray_query", failing)
    for stream_bytes in (source_files.SMALL_BYTES, 0):
        monkeypatch.setattr(source_files, "SMALL_BYTES", stream_bytes)
        (said,) = issues_of(source)
        assert "must be read by DuckDB, Out of Memory Error: failed; report" in said
        assert stored_rows(source.parent / "catalog", AGG_TRADES) == []


def test_stream_that_fails_late_leaves_nothing_behind(tmp_path, monkeypatch):
    lines = AGG_TRADES.lines(30_000)
    write_file(tmp_path / "source", AGG_TRADES, [*lines[:20_000], "x", *lines[20_000:]])
    write_file(tmp_path / "source", KLINES, KLINES.lines(5))
    monkeypatch.setattr(source_files, "SMALL_BYTES", 0)
    reading = read_careful

    def failing(file, *rest):
        yield from reading(file, *rest)
        if file.source.kind == "aggTrades":
            raise series_ingestion.SchemaError("the disk failed")  # noqa: EM101 - a message of the test

    monkeypatch.setattr(series_ingestion, "read_careful", failing)
    summary: IngestSummary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert [issue.what for issue in summary.issues] == ["the disk failed"]
    assert not list((tmp_path / "catalog" / "data").rglob("trade_tick/**/*.parquet"))
    monkeypatch.undo()
    ingest(tmp_path / "source", tmp_path / "catalog")
    ingest(tmp_path / "source", tmp_path / "undisturbed")
    assert digest(tmp_path / "catalog") == digest(tmp_path / "undisturbed")


def test_nothing_but_junk_is_one_line(tmp_path):
    write_bytes(tmp_path / "source" / "klines", GOOD, b"\x00")
    os.mkfifo(tmp_path / "source" / f"{ODD}.csv")
    with pytest.raises(DataGapError, match=r"all were refused: .* \(and 1 more\)"):
        ingest(tmp_path / "source", tmp_path / "catalog")


def spot_rows(kind: str, first: int, unit: int) -> list[str]:
    """Return rows as Binance's spot market publishes them: eight decimals, no header."""
    rows = []
    for i in range(first, first + 60):
        t = (1_735_776_000_000 + i * 60_000) * unit
        price, size = f"{94_000 + i}.12000000", f"{i % 7}.00050000"
        if kind == "klines":
            end = t + 60_000 * unit - 1
            rows.append(f"{t},{price},{price},{price},{price},{size},{end},1.00000000,5,0,0,0")
        elif kind == "aggTrades":
            rows.append(f"{i},{price},{size},{i},{i},{t},True,True")
        else:
            rows.append(f"{i},{price},{size},9.00000000,{t},False,True")
    return rows


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("suffix", [".csv", ".zip"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("klines", "BTCUSDT-1m-2025-01-02"),
        ("aggTrades", "ETHUSDT-aggTrades-2025-01-02"),
        ("trades", "SOLUSDT-trades-2025-01-02"),
    ],
)
def test_spot_file_in_a_flat_folder_is_not_taken(source, kind, name, suffix, unit):
    write_bytes(source, name, "\n".join([*spot_rows(kind, 0, unit), ""]).encode(), suffix)
    (said,) = issues_of(source)
    assert "must be a file of futures, was one of the spot market" in said


def test_files_of_futures_with_many_decimals_are_no_spot_files(source):
    lines = [line.split(",") for line in KLINES.lines(30)]
    eight = [[*f[:1], *(f"{float(x):.8f}" for x in f[1:5]), *f[5:]] for f in lines]
    write_file(source, KLINES, [",".join(f) for f in eight], name=ODD)
    folder = source / "futures" / "um"
    all_eight = [[*f[:5], f"{float(f[5]):.8f}", *f[6:]] for f in eight]
    write_file(folder, KLINES, [",".join(f) for f in all_eight], name="BTCUSDT-1m-2025-01-03")
    summary = ingest(source, source.parent / "catalog")
    assert summary.issues == []


@pytest.mark.parametrize("name", ["aggTrades", "trades", "klines"])
def test_lines_that_end_otherwise_are_no_file_of_another_market(tmp_path, name):
    kind = KINDS[name]
    text = "\r".join([kind.header, *kind.lines(9), ""]).encode()
    write_bytes(tmp_path / "source", kind.name, text)
    with pytest.raises(DataGapError, match="must have the columns") as raised:
        ingest(tmp_path / "source", tmp_path / "catalog")
    assert str(raised.value).count(kind.name) == 1


@pytest.mark.parametrize("at", [0, 7, 11])
@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_line_of_other_length_decides_nothing_of_the_others(tmp_path, name, at):
    kind = KINDS[name]
    lines = kind.lines(12)
    good = lines[:at] + lines[at + 1 :]
    lines[at] = f"{lines[at]},2.5"
    write_file(tmp_path / "source", kind, lines, has_header=False)
    ingest(tmp_path / "source", tmp_path / "catalog")
    wanted = sorted(kind.parse(line) for line in csv.reader(good))
    assert stored_rows(tmp_path / "catalog", kind) == wanted
