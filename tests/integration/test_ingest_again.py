"""What was taken in is known the next time, and anything that changed is noticed."""

import json
import random

import pytest
from support.data_files import KINDS
from support.data_files import digest
from support.data_files import write_file

from liq_nautilus.data.reading import source as source_files
from liq_nautilus.nautilus.catalog.ingest_notes import read_records
from liq_nautilus.nautilus.ingest import series_ingestion
from liq_nautilus.nautilus.ingest.ingest import ingest

KLINES, METRICS = KINDS["klines"], KINDS["metrics"]


@pytest.fixture(params=[".csv", ".zip", ".csv.gz"])
def source(tmp_path, request):
    """Return a folder of five days in two kinds, with a faulty and a contradicting row."""
    folder = tmp_path / "source"
    for day in range(5):
        bars = KLINES.lines(1440, day * 1440)
        if day == 1:
            bars[700] = "x"
        if day == 3:
            bars[9] = KLINES.lines(1, 1441)[0].replace(",94", ",95")
        date = f"2025-01-{day + 1:02}"
        write_file(folder, KLINES, bars, name=f"BTCUSDT-1m-{date}", suffix=request.param)
        rows = METRICS.lines(288, day * 288)
        write_file(folder, METRICS, rows, name=f"BTCUSDT-metrics-{date}", suffix=request.param)
    return folder


@pytest.fixture
def read_names(monkeypatch):
    """Return the names of the files that are opened from now on."""
    names = []
    opening = series_ingestion.opened

    def opened(file, scratch):
        names.append(file.path.name.partition(".")[0])
        return opening(file, scratch)

    monkeypatch.setattr(series_ingestion, "opened", opened)
    return names


def expected_again(first: dict) -> dict:
    for counts in (c for symbols in first["kinds"].values() for c in symbols.values()):
        counts["already_present"] += counts["kept"] + counts["duplicate"]
        counts["kept"] = counts["duplicate"] = 0
    return first


@pytest.mark.parametrize("small_bytes", [source_files.SMALL_BYTES, 0])
def test_second_run_reads_nothing_and_accounts_for_everything(
    source, tmp_path, read_names, monkeypatch, small_bytes
):
    monkeypatch.setattr(source_files, "SMALL_BYTES", small_bytes)
    catalog = tmp_path / "catalog"
    first = ingest(source, catalog).to_dict()
    assert len(first["issues"]) == 2
    before = digest(catalog)
    assert len(read_names) == 10
    read_names.clear()
    again = ingest(source, catalog).to_dict()
    assert read_names == []
    assert again == expected_again(first)
    assert digest(catalog) == before


@pytest.mark.parametrize("day", [1, 3, 5])
def test_changed_file_is_noticed_even_of_the_same_size(source, tmp_path, read_names, day):
    catalog = tmp_path / "catalog"
    ingest(source, catalog)
    (path,) = source.rglob(f"BTCUSDT-1m-2025-01-{day:02}.*")
    suffix = path.name.removeprefix(f"BTCUSDT-1m-2025-01-{day:02}")
    bars = KLINES.lines(1440, (day - 1) * 1440)
    bars[random.Random(day).randrange(20, 1440)] = KLINES.lines(1, 20_000)[0]
    name = f"BTCUSDT-1m-2025-01-{day:02}"
    write_file(source, KLINES, bars, name=name, suffix=suffix)
    read_names.clear()
    again = ingest(source, catalog)
    assert read_names == [name]
    assert again.kinds["klines-1m"]["BTCUSDT"].rejected > 0
    read_names.clear()
    ingest(source, catalog)
    assert read_names == []


@pytest.mark.parametrize("folder", ["bar", "custom_taker_volume"])
def test_catalog_that_lost_rows_gets_them_back(source, tmp_path, read_names, folder):
    catalog = tmp_path / "catalog"
    ingest(source, catalog)
    before = digest(catalog)
    (lost,) = (catalog / "data" / folder).rglob("*.parquet")
    lost.unlink()
    read_names.clear()
    ingest(source, catalog)
    assert len(read_names) == 5
    assert digest(catalog) == before


def test_run_that_ended_before_it_noted_its_files_reads_them_again(
    source, tmp_path, read_names, monkeypatch
):
    ingest(source, tmp_path / "undisturbed")
    with monkeypatch.context() as patch:
        patch.setattr(series_ingestion.SeriesNotes, "write", lambda *_: None)
        ingest(source, tmp_path / "catalog")
    read_names.clear()
    ingest(source, tmp_path / "catalog")
    assert len(read_names) == 10
    assert digest(tmp_path / "catalog") == digest(tmp_path / "undisturbed")


def test_file_of_which_a_part_was_taken_is_read_again(source, tmp_path, read_names):
    catalog = tmp_path / "catalog"
    noon = (1_735_689_600 + 2 * 86_400 + 43_200) * 1_000_000_000
    ingest(source, catalog, end_ns=noon)
    read_names.clear()
    rest = ingest(source, catalog)
    assert set(read_names) == {
        f"BTCUSDT-{kind}-2025-01-{day:02}" for kind in ("1m", "metrics") for day in (3, 4, 5)
    }
    assert rest.kinds["metrics"]["BTCUSDT"].kept == 2 * 288 + 144
    read_names.clear()
    # A window that cuts a known file counts the rows inside.
    counts = ingest(source, catalog, end_ns=noon).kinds["metrics"]["BTCUSDT"]
    assert (counts.read, counts.already_present) == (2 * 288 + 144, 2 * 288 + 144)
    assert not [name for name in read_names if name.endswith(("01", "02"))]


def test_notes_of_the_first_version_are_understood(source, tmp_path, read_names):
    catalog = tmp_path / "catalog"
    ingest(source, catalog)
    before = digest(catalog)
    path = catalog / "file_records" / "klines-1m.BTCUSDT.json"
    old = {"file": "a.csv", "n_rows": 9, "n_rejected": 1, "n_out_of_order": 0, "n_wrong_symbol": 0}
    path.write_text(json.dumps([old]))
    read_names.clear()
    ingest(source, catalog)
    assert len(read_names) == 5
    names = [record.file for record in read_records(catalog, "klines-1m", "BTCUSDT")]
    assert names[-1] == "a.csv"
    assert digest(catalog).keys() == before.keys()
