"""Rows of any kind that the map does not believe are stored, counted and listed when they come."""

import pytest
from support.data_files import KINDS
from support.data_files import write_file
from support.snapshots import KnownMarket

from liq_nautilus.cli.main import app
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.quality import CatalogQuality
from liq_nautilus.nautilus.ingest.ingest import ingest

N_ROWS = 40


def changed(line, columns, factor, decimals=8):
    fields = line.split(",")
    for at in columns:
        fields[at] = f"{float(fields[at]) * factor:.{decimals}f}"
    return ",".join(fields)


def check(source, catalog, kind, *, n_rows, n_kept):
    """Check what a run, the next one and `quality` say."""
    summary = ingest(source, catalog)
    (symbol,) = summary.suspicious
    found = summary.suspicious[symbol]
    assert {name: sum(one.n_rows for one in some) for name, some in found.items()} == {kind: n_rows}
    assert summary.kinds[kind][symbol].kept == n_kept
    document = summary.to_dict()["suspicious"][symbol]
    assert sum(one["rows"] for one in document) == n_rows
    assert {one["kind"] for one in document} == {kind}
    assert ingest(source, catalog).suspicious == summary.suspicious
    (report,) = CatalogQuality(Catalog(catalog)).reports(kinds=[kind])
    assert report.quality.impossible == found[kind]
    assert report.quality.total("n_impossible") == n_rows


@pytest.mark.parametrize("name", ["klines", "markPriceKlines", "indexPriceKlines"])
@pytest.mark.parametrize(("places", "factor"), [([20], 1000), ([5, 30], 0.01), ([3, 38, 39], 50)])
def test_bars_at_prices_nobody_paid_are_named(tmp_path, name, places, factor):
    kind = KINDS[name]
    lines = kind.lines(N_ROWS)
    for place in places:
        lines[place] = changed(lines[place], [1, 2, 3, 4], factor, decimals=2)
    write_file(tmp_path / "source", kind, lines)
    check(
        tmp_path / "source",
        tmp_path / "catalog",
        f"{name}-1m",
        n_rows=len(places),
        n_kept=N_ROWS,
    )


@pytest.mark.parametrize(("place", "rate"), [(0, 0.5), (7, -0.11), (39, 0.9)])
def test_funding_rates_beyond_any_cap_are_named(tmp_path, place, rate):
    kind = KINDS["fundingRate"]
    lines = kind.lines(N_ROWS)
    fields = lines[place].split(",")
    lines[place] = ",".join([*fields[:2], str(rate)])
    write_file(tmp_path / "source", kind, lines, name="BTCUSDT-fundingRate-2025-01")
    check(tmp_path / "source", tmp_path / "catalog", "fundingRate", n_rows=1, n_kept=N_ROWS)


@pytest.mark.parametrize("name", ["liquidations", "liquidationSnapshot"])
@pytest.mark.parametrize(("place", "factor"), [(9, 1e8), (39, 1e9)])
def test_liquidations_beyond_all_that_is_held_are_named(tmp_path, name, place, factor):
    for other in ("klines", "metrics"):
        write_file(tmp_path / "source", KINDS[other], KINDS[other].lines(N_ROWS))
    kind = KINDS[name]
    lines = kind.lines(N_ROWS)
    columns = [2, 3] if name == "liquidations" else [4, 9]
    lines[place] = changed(lines[place], columns, factor)
    write_file(tmp_path / "source", kind, lines)
    series = "liquidations-1m" if name == "liquidations" else name
    check(tmp_path / "source", tmp_path / "catalog", series, n_rows=1, n_kept=N_ROWS)


def test_liquidations_are_believed_where_nothing_tells_how_much_is_held(tmp_path):
    kind = KINDS["liquidations"]
    write_file(tmp_path / "source", kind, [changed(kind.row(0), [2], 1e9)])
    assert ingest(tmp_path / "source", tmp_path / "catalog").suspicious == {}


@pytest.mark.parametrize(
    ("symbol", "place", "column", "factor"),
    [
        ("BTCUSD_PERP", 0, 3, 1000.0),
        ("BTCUSD_PERP", 100, 2, 0.0),
        ("BTCUSD_PERP", 287, 3, 0.01),
        ("ETHUSD_PERP", 0, 2, 100.0),
        ("ETHUSD_PERP", 150, 3, 0.01),
        ("ETHUSD_PERP", 287, 2, 0.0),
    ],
)
def test_snapshots_in_contracts_are_judged_as_others(tmp_path, symbol, place, column, factor):
    market = KnownMarket(symbol, n_days=2)
    market.write_bars(tmp_path / "source")
    path = market.write_snapshots(tmp_path / "source", 0, lead=0)
    lines = path.read_text().splitlines()
    lines[1 + place] = changed(lines[1 + place], [column], factor)
    path.write_text("\n".join([*lines, ""]))
    check(tmp_path / "source", tmp_path / "catalog", "metrics", n_rows=1, n_kept=288)


@pytest.mark.parametrize("symbol", ["BTCUSD_PERP", "XRPUSD_PERP"])
def test_nothing_is_suspicious_in_contracts_that_are_as_they_should(tmp_path, symbol):
    market = KnownMarket(symbol, n_days=1)
    market.write_bars(tmp_path / "source")
    market.write_snapshots(tmp_path / "source", 0, lead=0)
    assert ingest(tmp_path / "source", tmp_path / "catalog").suspicious == {}
    (report,) = CatalogQuality(Catalog(tmp_path / "catalog")).reports(kinds=["metrics"])
    assert report.quality.total("n_impossible") == 0


def test_what_was_found_is_looked_for_again_when_files_come(tmp_path):
    kind = KINDS["klines"]
    lines = kind.lines(N_ROWS)
    lines[9] = changed(lines[9], [1, 2, 3, 4], 1000)
    write_file(tmp_path / "first", kind, lines[:20])
    write_file(tmp_path / "second", kind, lines[20:], name="BTCUSDT-1m-2025-01-02")
    (found,) = ingest(tmp_path / "first", tmp_path / "catalog").suspicious["BTCUSDT"].values()
    assert ingest(tmp_path / "second", tmp_path / "catalog").suspicious == {}
    again = ingest(tmp_path / "first", tmp_path / "catalog").suspicious["BTCUSDT"]
    assert again == {"klines-1m": found}
    note = tmp_path / "catalog" / "file_records" / "closing.BTCUSDT.json"
    note.write_text("{")
    assert ingest(tmp_path / "first", tmp_path / "catalog").suspicious["BTCUSDT"] == again


def test_terminal_names_kind_symbol_and_moment(tmp_path, capsys):
    kind = KINDS["fundingRate"]
    lines = [kind.row(0), changed(kind.row(1), [2], 1e4), kind.row(2)]
    write_file(tmp_path / "source", kind, lines, name="BTCUSDT-fundingRate-2025-01")
    with pytest.raises(SystemExit):
        app(["ingest", str(tmp_path / "source"), "--catalog", str(tmp_path / "catalog")])
    words = "fundingRate BTCUSDT: 1 rows are suspicious and not believed by the map, the first at "
    assert words + "2025-01-01T08:00:00.001Z" in capsys.readouterr().out
