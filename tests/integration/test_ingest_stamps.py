"""What a label of open interest means is told file by file, and nothing is seen too early."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.catalogs import frame_of
from support.data_files import digest
from support.snapshots import STEP_NS
from support.snapshots import STEPS_A_DAY
from support.snapshots import KnownMarket

from liq_nautilus.cli.main import app
from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.nautilus.catalog.events import event_options
from liq_nautilus.nautilus.catalog.events import read_events
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.quality import CatalogQuality
from liq_nautilus.nautilus.ingest.ingest import ingest

AT, AFTER = 0, 1


def series(catalog: Path, symbol: str) -> list[tuple[int, int, float]]:
    frame = frame_of(catalog, OPEN_INTEREST, symbol=symbol)
    return list(zip(frame["ts"], frame["ts_known"], frame["open_interest"], strict=True))


def truth(market: KnownMarket, first: int, after: int) -> list[tuple[int, int, float]]:
    moments, quantities = market.moments, market.quantities
    return [(moments[i], moments[i], quantities[i]) for i in range(first, after)]


@pytest.mark.parametrize(
    "market",
    [
        KnownMarket(),
        KnownMarket("ETHUSDT", seed=5, basis=0.0006),
        KnownMarket("SOLUSDT", seed=9, volatility=0.0002, basis=-0.0003),
        KnownMarket("BTCUSD_PERP", seed=3, basis=0.0004),
    ],
    ids=lambda market: market.symbol,
)
@pytest.mark.parametrize(
    ("steps", "changes"),
    [
        pytest.param(1, (AT, AT, AFTER, AFTER), marks=pytest.mark.slow),
        (3, (AT, AT, AFTER, AFTER)),
        pytest.param(12, (AT, AT, AFTER, AFTER), marks=pytest.mark.slow),
        pytest.param(1, (AFTER, AT, AFTER, AT), marks=pytest.mark.slow),
        pytest.param(3, (AFTER, AT, AFTER, AT), marks=pytest.mark.slow),
        (12, (AFTER, AT, AFTER, AT)),
    ],
)
def test_files_of_both_conventions_give_one_series(tmp_path, market, steps, changes):
    market.write_bars(tmp_path / "source", steps)
    for day, lead in enumerate(changes):
        market.write_snapshots(tmp_path / "source", day, lead=lead)
    # The second day once more, by the other convention.
    market.write_snapshots(tmp_path / "source" / "copies", 1, lead=1 - changes[1])
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert summary.issues == []
    found = series(tmp_path / "catalog", market.symbol)
    everything = dict.fromkeys(truth(market, 0, len(market.moments)))
    assert set(found) <= set(everything)
    # Where the label's meaning changes from day to day, a snapshot may be in no file.
    assert len(found) >= 4 * STEPS_A_DAY - 2
    assert found == sorted(set(found))
    assert summary.stamps["metrics"][market.symbol]["undecided"] == 0


@pytest.mark.parametrize("lead", [AT, AFTER])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "XRPUSDT"])
def test_without_bars_a_snapshot_counts_from_the_later_moment_on(tmp_path, lead, symbol):
    market = KnownMarket(symbol, seed=7, n_days=2)
    market.write_snapshots(tmp_path / "source", 0, lead=lead)
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert summary.stamps["metrics"][symbol] == {"at_label": 0, "later": 0, "undecided": 1}
    for ts, known, quantity in series(tmp_path / "catalog", symbol):
        assert known == ts + STEP_NS
        assert known >= market.moments[np.flatnonzero(market.quantities == quantity)].min()


@pytest.mark.parametrize("delay", [0.0, 60.0, 3600.0])
def test_the_delay_is_counted_from_the_moment_it_could_be_known(tmp_path, delay):
    market = KnownMarket("ETHUSDT", seed=2, n_days=3)
    market.write_bars(tmp_path / "source")
    market.write_snapshots(tmp_path / "source", 0, lead=AFTER)
    market.write_snapshots(tmp_path / "source", 1, lead=AFTER, first=100, n=3)
    ingest(tmp_path / "source", tmp_path / "catalog")
    window = (int(market.moments[0]), int(market.moments[-1]))
    options = event_options(delay_secs=delay)
    events = read_events(Catalog(tmp_path / "catalog"), "ETHUSDT", *window, options=options)
    told = [event for event in events if event.kind == "open_interest"]
    assert len(told) == STEPS_A_DAY + 3
    at = dict(zip(market.quantities.tolist(), market.moments.tolist(), strict=True))
    for event in told:
        assert event.ts_known == at[event.payload[0]] + delay * 10**9


@pytest.mark.parametrize("leads", [(AT, AFTER), (AFTER, AT)])
@pytest.mark.parametrize("n", [STEPS_A_DAY, 60])
def test_files_are_told_again_when_bars_come(tmp_path, leads, n):
    market = KnownMarket("ETHUSDT", seed=4, n_days=4, basis=0.0002)
    for day, lead in enumerate(leads):
        market.write_snapshots(tmp_path / "snapshots", day, lead=lead, first=12, n=n - 12)
    market.write_bars(tmp_path / "bars")
    first, second = tmp_path / "first", tmp_path / "second"
    ingest(tmp_path / "snapshots", first)
    untold = series(first, "ETHUSDT")
    assert all(known == ts + STEP_NS for ts, known, _ in untold)
    summary = ingest(tmp_path / "bars", first)
    assert summary.stamps["metrics"]["ETHUSDT"] == {"at_label": 1, "later": 1, "undecided": 0}
    for folder in ("bars", "snapshots"):
        ingest(tmp_path / folder, second)
    assert series(first, "ETHUSDT") == series(second, "ETHUSDT")
    assert set(series(first, "ETHUSDT")) <= set(truth(market, 0, len(market.moments)))
    assert digest(first) == digest(second)
    again = ingest(tmp_path / "snapshots", first).kinds["metrics"]["ETHUSDT"]
    assert (again.kept, again.already_present) == (0, len(untold))


def test_copies_that_contradict_each_other_without_bars_are_right_with_them(tmp_path):
    market = KnownMarket("BTCUSDT", seed=11, n_days=3)
    market.write_snapshots(tmp_path / "snapshots" / "old", 0, lead=AT)
    market.write_snapshots(tmp_path / "snapshots" / "new", 0, lead=AFTER)
    market.write_bars(tmp_path / "bars")
    summary = ingest(tmp_path / "snapshots", tmp_path / "catalog")
    assert summary.kinds["metrics"]["BTCUSDT"].rejected > 200
    ingest(tmp_path / "bars", tmp_path / "catalog")
    ingest(tmp_path / "snapshots", tmp_path / "catalog")
    assert series(tmp_path / "catalog", "BTCUSDT") == truth(market, 0, STEPS_A_DAY + 1)


@pytest.mark.parametrize("lead", [AT, AFTER])
@pytest.mark.parametrize("is_first", [True, False])
def test_few_rows_are_told_by_another_copy(tmp_path, lead, is_first):
    market = KnownMarket("SOLUSDT", seed=6, n_days=3)
    market.write_bars(tmp_path / "source")
    market.write_snapshots(tmp_path / "few", 1, lead=lead, first=40, n=4)
    market.write_snapshots(tmp_path / "source", 1, lead=1 - lead)
    for name in ("few", "source") if is_first else ("source", "few"):
        summary = ingest(tmp_path / name, tmp_path / "catalog")
    assert summary.issues == []
    first = STEPS_A_DAY + 1 - lead
    assert series(tmp_path / "catalog", "SOLUSDT") == truth(market, first, first + STEPS_A_DAY)


@pytest.mark.parametrize("symbol", ["BTCUSD_PERP", "1000PEPEUSDT"])
@pytest.mark.parametrize("firsts", [(0, 0), (0, 1), (0, 90), (200, 0)])
@pytest.mark.parametrize("leads", [(AT, AFTER), (AFTER, AT)])
def test_copies_of_one_name_are_told_apart_by_bars_that_come_later(tmp_path, symbol, firsts, leads):
    # The rows of the copy that came first are in the catalog, the note is of the other one.
    market = KnownMarket(symbol, seed=sum(firsts), n_days=3)
    for folder, first, lead in zip("ab", firsts, leads, strict=True):
        market.write_snapshots(tmp_path / "snapshots" / folder, 0, lead=lead, first=first)
    market.write_bars(tmp_path / "bars")
    ingest(tmp_path / "snapshots", tmp_path / "catalog")
    ingest(tmp_path / "bars", tmp_path / "catalog")
    found = series(tmp_path / "catalog", symbol)
    assert len(found) >= STEPS_A_DAY - 1
    assert set(found) <= set(truth(market, 0, len(market.moments)))
    ingest(tmp_path / "snapshots", tmp_path / "catalog")
    last = max(firsts) + STEPS_A_DAY
    assert set(truth(market, min(firsts) + 1, last)) <= set(series(tmp_path / "catalog", symbol))
    note = (tmp_path / "catalog" / "file_records" / f"metrics.{symbol}.json").read_text()
    assert '"untold":["' not in note


@pytest.mark.parametrize("symbol", ["BTCUSD_PERP", "SOLUSD_PERP"])
@pytest.mark.parametrize("lead", [AT, AFTER])
@pytest.mark.parametrize("steps", [1, 12])
def test_coin_margined_contracts_are_told_by_bars_that_come_later(tmp_path, symbol, lead, steps):
    market = KnownMarket(symbol, seed=21, n_days=3)
    market.write_snapshots(tmp_path / "snapshots", 0, lead=lead)
    market.write_snapshots(tmp_path / "snapshots", 1, lead=1 - lead)
    market.write_bars(tmp_path / "bars", steps)
    untold = ingest(tmp_path / "snapshots", tmp_path / "catalog").stamps["metrics"][symbol]
    assert untold == {"at_label": 0, "later": 0, "undecided": 2}
    told = ingest(tmp_path / "bars", tmp_path / "catalog").stamps["metrics"][symbol]
    assert told == {"at_label": 1, "later": 1, "undecided": 0}
    assert set(series(tmp_path / "catalog", symbol)) <= set(truth(market, 0, len(market.moments)))
    for folder in ("bars", "snapshots"):
        ingest(tmp_path / folder, tmp_path / "second")
    assert digest(tmp_path / "catalog") == digest(tmp_path / "second")


def test_coin_margined_contracts_told_late_leave_nothing_behind(tmp_path):
    market = KnownMarket("BTCUSD_PERP", seed=8, n_days=3)
    market.write_snapshots(tmp_path / "snapshots", 0, lead=AFTER)
    market.write_bars(tmp_path / "bars")
    for name in ("snapshots", "bars", "snapshots"):
        ingest(tmp_path / name, tmp_path / "catalog")
    assert series(tmp_path / "catalog", "BTCUSD_PERP") == truth(market, 1, STEPS_A_DAY + 1)
    frame = frame_of(tmp_path / "catalog", OPEN_INTEREST, symbol="BTCUSD_PERP")
    assert (frame["open_interest_notional"] == 100.0 * frame["open_interest"]).all()


@pytest.mark.parametrize("volatility", [0.0, 1e-7])
def test_prices_that_do_not_move_tell_nothing(tmp_path, volatility):
    market = KnownMarket("ETHUSDT", n_days=2, volatility=volatility)
    market.write_bars(tmp_path / "source")
    market.write_snapshots(tmp_path / "source", 0, lead=AFTER)
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert summary.stamps["metrics"]["ETHUSDT"]["undecided"] == 1


def test_quality_and_summary_say_what_labels_mean(tmp_path, capsys):
    market = KnownMarket("ETHUSDT", n_days=4)
    market.write_bars(tmp_path / "source")
    for day, lead in enumerate((AT, AFTER, AFTER)):
        market.write_snapshots(tmp_path / "source", day, lead=lead)
    catalog = tmp_path / "catalog"
    with pytest.raises(SystemExit):
        app(["ingest", str(tmp_path / "source"), "--catalog", str(catalog)])
    words = "labels are the moment of the snapshot in 1 files, five minutes before it in 2, untold"
    assert f"metrics ETHUSDT: {words}" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        app(["quality", "--catalog", str(catalog)])
    assert words in capsys.readouterr().out
    with pytest.raises(SystemExit):
        app(["quality", "--catalog", str(catalog), "--json"])
    stamps = [one.get("stamps") for one in json.loads(capsys.readouterr().out)["series"]]
    assert stamps == [None, {"at_label": 1, "later": 2, "undecided": 0}]
    (report,) = CatalogQuality(Catalog(catalog)).reports(kinds=["metrics"])
    assert report.files == ()
