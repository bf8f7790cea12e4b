"""What quality says of files as they were ingested: rejected rows, lost trades, forced orders."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.data_files import KINDS
from support.data_files import write_file
from support.snapshots import KnownMarket

from liq_nautilus.cli.main import app
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.quality import CatalogQuality
from liq_nautilus.nautilus.ingest.ingest import ingest


def quality_of(catalog):
    (report,) = CatalogQuality(Catalog(catalog)).reports()
    return report.quality


@pytest.mark.parametrize("every", [2, 3, 10])
@pytest.mark.parametrize("name", ["metrics", "klines", "aggTrades"])
def test_day_of_rejected_rows_is_no_good_day(tmp_path, name, every):
    kind = KINDS[name]
    lines = kind.lines(1440)
    bad = [line.rpartition(",")[0] if i % every else line for i, line in enumerate(lines)]
    bad = [line if i % every == 0 else lines[i].replace(",", ";") for i, line in enumerate(bad)]
    write_file(tmp_path / "source", kind, bad)
    ingest(tmp_path / "source", tmp_path / "catalog")
    assert quality_of(tmp_path / "catalog").score <= 1 / every + 0.01


def test_few_rejected_rows_cost_little_and_a_repeated_file_nothing_more(tmp_path):
    kind = KINDS["metrics"]
    lines = kind.lines(288)
    write_file(tmp_path / "clean", kind, lines)
    ingest(tmp_path / "clean", tmp_path / "sound")
    sound = quality_of(tmp_path / "sound").score
    write_file(tmp_path / "source", kind, [*lines, "x"])
    for _ in range(2):
        ingest(tmp_path / "source", tmp_path / "catalog")
        assert quality_of(tmp_path / "catalog").score == pytest.approx(sound * 288 / 289)


@pytest.mark.parametrize("name", ["aggTrades", "trades"])
@pytest.mark.parametrize(("first", "n_lost"), [(10, 1), (500, 77), (998, 900)])
def test_trades_that_are_left_out_are_absent(tmp_path, name, first, n_lost):
    kind = KINDS[name]
    lines = kind.lines(2_000)
    write_file(tmp_path / "source", kind, lines[:first] + lines[first + n_lost :])
    ingest(tmp_path / "source", tmp_path / "catalog")
    found = quality_of(tmp_path / "catalog")
    assert found.total("n_absent") == n_lost
    assert found.score == pytest.approx(1 - n_lost / 2_000)


@pytest.mark.parametrize(("ordered", "executed"), [("10", "7"), ("0.5", "0.125"), ("3", "3")])
@pytest.mark.parametrize("name", ["with", "without"])
def test_executed_quantity_of_a_forced_order_counts(tmp_path, ordered, executed, name):
    kind = KINDS["liquidationSnapshot"]
    fields = kind.row(1).split(",")
    fields[4], fields[8], fields[9] = ordered, "0.1", executed
    lines = [",".join(fields)]
    header = kind.header
    if name == "without":  # no such column
        header, lines = header.rpartition(",")[0], [lines[0].rpartition(",")[0]]
    path = tmp_path / "source" / "BTCUSDT-liquidationSnapshot-2025-01-01.csv"
    path.parent.mkdir()
    path.write_text("\n".join([header, *lines, ""]))
    ingest(tmp_path / "source", tmp_path / "catalog")
    (file,) = (tmp_path / "catalog" / "data" / "custom_liquidation_order").rglob("*.parquet")
    expected = float(executed if name == "with" else ordered)
    assert np.asarray(pq.ParquetFile(file).read()["quantity"]).tolist() == [expected]


@pytest.mark.parametrize("executed", ["-1", "11", "x"])
def test_more_than_was_ordered_cannot_have_been_executed(tmp_path, executed):
    kind = KINDS["liquidationSnapshot"]
    fields = kind.row(1).split(",")
    fields[4], fields[9] = "10", executed
    write_file(tmp_path / "source", kind, [kind.row(0), ",".join(fields)])
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    (issue,) = summary.issues
    assert issue.what.startswith("accumulated_fill_quantity must be")


@pytest.mark.parametrize("place", [0, 40, 287])
@pytest.mark.parametrize("factor", [0.0, 0.001, 50.0])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "XRPUSDT"])
def test_suspicious_snapshots_are_named_when_they_come_and_kept(tmp_path, place, factor, symbol):
    market = KnownMarket(symbol, n_days=2)
    market.write_bars(tmp_path / "source")
    path = market.write_snapshots(tmp_path / "source", 0, lead=0)
    lines = path.read_text().splitlines()
    fields = lines[1 + place].split(",")
    fields[2] = f"{float(fields[2]) * factor:.3f}"
    path.write_text("\n".join([*lines[: 1 + place], ",".join(fields), *lines[2 + place :], ""]))
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    (stretch,) = summary.suspicious[symbol]["metrics"]
    assert (stretch.start_ns, stretch.n_rows) == (market.moments[place], 1)
    assert summary.kinds["metrics"][symbol].kept == 288
    (found,) = summary.to_dict()["suspicious"][symbol]
    assert found["rows"] == 1
    again = ingest(tmp_path / "source", tmp_path / "catalog")
    assert again.suspicious == summary.suspicious


def test_ordinary_snapshots_are_not_suspicious(tmp_path, capsys):
    market = KnownMarket("ETHUSDT", n_days=2)
    market.write_bars(tmp_path / "source")
    path = market.write_snapshots(tmp_path / "source", 0, lead=1)
    assert ingest(tmp_path / "source", tmp_path / "catalog").suspicious == {}
    text = path.read_text()
    path.write_text(text.replace("ETHUSDT,8", "ETHUSDT,9000008"))
    with pytest.raises(SystemExit):
        app(["ingest", str(tmp_path / "source"), "--catalog", str(tmp_path / "second")])
    words = "rows are suspicious and not believed by the map, the first at 2026-01-01"
    assert words in capsys.readouterr().out
