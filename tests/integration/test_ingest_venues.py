"""Of which venues liquidation sums are is kept; those of others are none of the map's dollars."""

import json

import pytest
from support.catalogs import frame_of
from support.data_files import KINDS
from support.data_files import write_bytes
from support.data_files import write_file

from liq_nautilus.cli.main import app
from liq_nautilus.core.dollars.covered_venues import UNNAMED_VENUES
from liq_nautilus.core.dollars.covered_venues import named_venues
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.data.reading import source as source_files
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.catalog.events import event_options
from liq_nautilus.nautilus.ingest.ingest import ingest

SUMS = KINDS["liquidations"]


def sources(catalog) -> list[str]:
    return frame_of(catalog, LIQUIDATION_SUMS)["source"].tolist()


@pytest.mark.parametrize(
    ("venues", "source"),
    [
        ((), UNNAMED_VENUES),
        (("binance",), "BINANCE"),
        (("OKX", "Bybit+binance"), "BINANCE+BYBIT+OKX"),
        (("binance:thinned",), "BINANCE:THINNED"),
    ],
)
@pytest.mark.parametrize("odd", ["", "x,1,2,3"])
def test_venues_that_were_named_are_kept(tmp_path, venues, source, odd):
    lines = SUMS.lines(20) + ([odd] if odd else [])
    write_file(tmp_path / "source", SUMS, lines)
    summary = ingest(tmp_path / "source", tmp_path / "catalog", venues=venues)
    assert summary.kinds["liquidations-1m"]["BTCUSDT"].rejected == bool(odd)
    assert sources(tmp_path / "catalog") == [source] * 20


@pytest.mark.parametrize("name", ["venues", "venue", "source", ""])
@pytest.mark.parametrize("is_careful", [False, True])
@pytest.mark.parametrize("small_bytes", [source_files.SMALL_BYTES, 0])
def test_a_column_of_venues_counts_more(tmp_path, monkeypatch, name, is_careful, small_bytes):
    monkeypatch.setattr(source_files, "SMALL_BYTES", small_bytes)
    texts = ["binance", "Bybit+Binance", "", "okx:thinned", "BINANCE + BYBIT", "BYBIT+BYBIT"]
    lines = [f"{line},{text}" for line, text in zip(SUMS.lines(6), texts, strict=True)]
    if is_careful:
        lines.append(f"{SUMS.lines(1, 6)[0]},12")
    header = [f"{SUMS.header},{name}"] if name else []
    text = "\n".join([*header, *lines, ""]).encode()
    write_bytes(tmp_path / "source" / SUMS.kind, SUMS.name, text)
    summary = ingest(tmp_path / "source", tmp_path / "catalog", venues=["OKX"])
    assert sources(tmp_path / "catalog") == [
        "BINANCE",
        "BINANCE+BYBIT",
        "OKX",
        "OKX:THINNED",
        "BINANCE+BYBIT",
        "BYBIT",
    ]
    assert [issue.line for issue in summary.issues] == [7 + bool(name)] * is_careful


def test_a_file_keeps_the_venues_it_was_taken_in_with(tmp_path):
    write_file(tmp_path / "source", SUMS, SUMS.lines(20))
    write_file(tmp_path / "source", KINDS["klines"], KINDS["klines"].lines(5))
    ingest(tmp_path / "source", tmp_path / "catalog", venues=["BINANCE"])
    again = ingest(tmp_path / "source", tmp_path / "catalog", venues=["BYBIT"])
    (issue,) = again.issues
    assert "must be of the venues it was ingested with, BINANCE, was given BYBIT" in issue.what
    assert sources(tmp_path / "catalog") == ["BINANCE"] * 20
    assert ingest(tmp_path / "source", tmp_path / "catalog", venues=["binance"]).issues == []


@pytest.mark.parametrize("venues", [["BINANCE", ""], ["1"], ["a b"], ["BINANCE:half"], ["'"]])
def test_what_is_no_name_of_a_venue_is_refused(tmp_path, venues):
    with pytest.raises(SettingError, match="--venues must be names such as BINANCE"):
        ingest(tmp_path, tmp_path / "catalog", venues=venues)


@pytest.mark.parametrize(
    ("source", "counts"),
    [("BINANCE+BYBIT+OKX", True), (UNNAMED_VENUES, True), ("BINANCE", False),
     ("BINANCE:THINNED", False), ("BINANCE:THINNED+BYBIT+OKX", False)],
)  # fmt: skip
def test_sums_of_other_venues_are_none_of_the_maps_dollars(tmp_path, source, counts):
    write_file(tmp_path / "source", SUMS, SUMS.lines(9))
    venues = () if source == UNNAMED_VENUES else (source,)
    ingest(tmp_path / "source", tmp_path / "catalog", venues=venues)
    assert LIQUIDATION_SUMS.events is not None
    frame = frame_of(tmp_path / "catalog", LIQUIDATION_SUMS)
    tracker = LiquidationTracker()
    before = json.dumps(tracker.state()["watch"], default=str)
    events = list(LIQUIDATION_SUMS.events(_as_frame(frame), event_options()))
    assert {event.payload[5] for event in events} == {named_venues(source)}
    for event in events:
        tracker.on_liquidation(*event.payload)
    assert (json.dumps(tracker.state()["watch"], default=str) != before) == counts


def _as_frame(frame):
    from liq_nautilus.data.frames import Frame

    return Frame({name: frame[name].to_numpy() for name in frame.columns})


def test_the_option_of_the_command(tmp_path):
    write_file(tmp_path / "source", SUMS, SUMS.lines(4))
    options = ["--catalog", str(tmp_path / "catalog"), "--venues", "okx", "--venues", "bybit"]
    with pytest.raises(SystemExit):
        app(["ingest", str(tmp_path / "source"), *options])
    assert sources(tmp_path / "catalog") == ["BYBIT+OKX"] * 4
