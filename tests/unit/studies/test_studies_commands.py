import json
from pathlib import Path

import numpy as np
import pytest
from support.study_windows import START
from support.study_windows import made_up_orders
from support.study_windows import made_up_window
from support.study_windows import write_files
from support.study_windows import write_labels
from support.study_windows import write_orders
from typer.testing import CliRunner

from liq_nautilus.cli.main import app
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions
from liq_nautilus.nautilus.ingest.ingest import ingest
from liq_nautilus.nautilus.live.live_options import LiveOptions
from liq_nautilus.studies import calibrating
from liq_nautilus.studies.inputs.loading import Request
from liq_nautilus.studies.inputs.loading import load_windows
from liq_nautilus.studies.map_readings import replay
from liq_nautilus.studies.map_readings import tier_ratios
from liq_nautilus.studies.parameter_files import read_fit
from liq_nautilus.studies.parameter_files import shipped_fit
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import MINUTE_NS


@pytest.fixture(scope="module")
def windows():
    return [made_up_window(3, 1), made_up_window(2, 2, START + 20 * DAY_NS)]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory, windows) -> Path:
    folder = tmp_path_factory.mktemp("study")
    for number, window in enumerate(windows):
        write_files(folder / f"files-{number}", window)
    ingest(folder, folder / "catalog")
    return folder / "catalog"


@pytest.fixture(autouse=True)
def small_search(monkeypatch):
    monkeypatch.setattr(calibrating, "CANDIDATES", {"turnover_rate": (1.0, 2.0)})


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and result.exit_code == 1:
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_windows_of_a_catalog_are_those_that_went_in(catalog, windows):
    loaded = load_windows(Request(catalog, "BTCUSDT"))

    assert [(one.start, one.end, len(one.labels)) for one in loaded] == [
        (one.start, one.end, len(one.labels)) for one in windows
    ]
    parameters = calibrating.PRIOR
    for one, original in zip(loaded, windows, strict=True):
        found, expected = replay(one, parameters).tiers, replay(original, parameters).tiers
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-3 * expected.max())


def test_data_before_a_window_is_warm_up(catalog, windows):
    start = windows[0].start + DAY_NS
    (window,) = load_windows(Request(catalog, "BTCUSDT", start, start + DAY_NS))

    assert len(window.labels) == 24
    assert window.start == start
    assert window.bars.ts_open[0] == windows[0].start
    assert replay(window, calibrating.PRIOR).tiers[0].sum() > 0.0


def test_a_window_goes_by_the_brackets_of_a_file(catalog, tmp_path):
    row = {"initialLeverage": 20, "notionalCap": 1e12, "notionalFloor": 0, "cum": 0}
    document = [{"symbol": "BTCUSDT", "brackets": [row | {"maintMarginRatio": 0.03}]}]
    file = tmp_path / "brackets.json"
    file.write_text(json.dumps(document))
    usual, given = (
        load_windows(Request(catalog, "BTCUSDT", brackets=path))[0] for path in (None, file)
    )
    assert given.brackets.description == "BTCUSDT: given"
    # A maintenance rate of 3 % liquidates sooner than one of .4 %.
    tiers = [tier_ratios(one, calibrating.PRIOR)[0] for one in (usual, given)]
    assert (tiers[0] < tiers[1]).all()


@pytest.mark.parametrize("command", ["accuracy", "calibrate"])
def test_brackets_without_the_symbol_are_told(catalog, tmp_path, command):
    file = tmp_path / "brackets.json"
    file.write_text("[]")
    out = ["--out", tmp_path / "p.json"] if command == "calibrate" else []
    with pytest.raises(SettingError, match=r"--brackets must hold .* with BTCUSDT"):
        run(command, "--catalog", catalog, "--brackets", file, *out)


def test_every_map_begins_fourteen_days_before(tmp_path):
    whole = made_up_window(17, 3)
    write_files(tmp_path / "files", whole)
    ingest(tmp_path / "files", tmp_path / "catalog")
    start = whole.start + 16 * DAY_NS
    (window,) = load_windows(Request(tmp_path / "catalog", "BTCUSDT", start, start + DAY_NS))
    assert window.bars.ts_open[0] == start - 14 * DAY_NS
    first = window.open_interest[0][0] - (start - 14 * DAY_NS)
    assert 0 <= first <= HOUR_NS + MINUTE_NS
    assert BacktestOptions(tmp_path, tmp_path).warm_up_days == 14.0
    assert LiveOptions(symbols=["BTCUSDT"]).warm_up_days == 14.0


def test_accuracy_prints_one_json_document(catalog, tmp_path):
    report = tmp_path / "report.html"
    document = json.loads(
        run("accuracy", "--catalog", catalog, "--walk-forward", "--json", "--report", report)
    )
    assert len(document["windows"]) == 4
    assert document["params"]["relation"] == "earlier"
    assert {"windows", "pooled", "verdict", "params"} <= set(document)
    assert report.read_text().startswith("<!doctype html>")


def test_one_window_has_two_entries_and_shipped_parameters_say_their_relation(catalog):
    day = ("--start", "2025-03-04", "--end", "2025-03-05")
    document = json.loads(run("accuracy", "--catalog", catalog, *day, "--json"))
    assert [entry["side"] for entry in document["windows"]] == ["long", "short"]
    assert document["windows"][0]["intervals"] == 24
    # Shipped parameters are fitted on later months.
    assert document["params"]["relation"] == "disjoint"
    assert document["params"]["windows"]


def test_calibrated_parameters_score_and_say_overlapping(catalog, tmp_path):
    out = tmp_path / "params.json"
    summary = json.loads(run("calibrate", "--catalog", catalog, "--out", out, "--json"))
    assert len(summary["provenance"]["windows"]) == 2
    assert summary["params_hash"] == read_fit(out).parameters.params_hash

    text = run("accuracy", "--catalog", catalog, "--params", out)
    assert "(overlapping)" in text
    assert "pooled" in text
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert "came true" in lines["CLEAR"]
    assert "too little is known" in lines["WAIT"]


def test_calibrate_takes_several_windows(catalog, tmp_path):
    out = tmp_path / "params.json"
    spans = ("--start", "2025-03-03", "--end", "2025-03-05", "--start", "2025-03-23")
    text = run("calibrate", "--catalog", catalog, "--out", out, *spans, "--end", "2025-03-25")
    assert str(out) in text
    assert [w["intervals"] for w in read_fit(out).provenance["windows"]] == [48, 48]
    with pytest.raises(SettingError, match="must come in pairs"):
        run("calibrate", "--catalog", catalog, "--out", out, *spans)


def test_labels_can_come_from_a_file(catalog, windows, tmp_path):
    path = write_labels(tmp_path / "other.csv", windows[1].labels)
    report = tmp_path / "report.md"
    document = json.loads(
        run("accuracy", "--catalog", catalog, "--labels", path, "--json", "--report", report)
    )
    assert {entry["labels"] for entry in document["windows"]} == {"file other.csv"}
    assert report.read_text().startswith("# Accuracy")


def test_wrong_options_are_refused(catalog, tmp_path):
    with pytest.raises(SettingError, match="cannot be given with --params"):
        run("accuracy", "--catalog", catalog, "--walk-forward", "--params", "x")
    with pytest.raises(SettingError, match="--model must be one of"):
        run("accuracy", "--catalog", catalog, "--model", "oracle")
    with pytest.raises(SettingError, match="was not: No such file"):
        run("accuracy", "--catalog", catalog, "--params", tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(SettingError, match="held a list"):
        run("accuracy", "--catalog", catalog, "--params", tmp_path / "list.json")
    with pytest.raises(StoreError, match="--report must be a writable file"):
        run("accuracy", "--catalog", catalog, "--report", tmp_path)


def test_missing_data_is_told(catalog, windows, tmp_path):
    with pytest.raises(DataGapError, match="must hold liquidations"):
        load_windows(Request(catalog, "BTCUSDT", 0, 1))
    folder = tmp_path / "no metrics"
    write_files(folder, windows[1])
    for path in folder.glob("*metrics*"):
        path.unlink()
    ingest(folder, tmp_path / "without")
    with pytest.raises(DataGapError, match="must hold open interest"):
        load_windows(Request(tmp_path / "without", "BTCUSDT"))


def test_labels_finer_than_bars_are_told(catalog, windows, tmp_path):
    path = tmp_path / "fine.csv"
    start = windows[0].start // 10**6
    rows = [f"{start + i * 60_000},{start + (i + 1) * 60_000},1,1" for i in range(60)]
    path.write_text("open_time,close_time,long_usd,short_usd\n" + "\n".join(rows))
    with pytest.raises(DataGapError, match="no longer than the labels"):
        load_windows(Request(catalog, "BTCUSDT", labels=path))


def test_shipped_parameters_say_what_they_were_fitted_on():
    fit = shipped_fit()
    assert fit.provenance["windows"]
    assert len(fit.provenance["data_sha256"]) == 64
    assert all(side.regressions and side.scales for side in fit.sides.values())


def test_single_orders_are_labels_where_there_are_no_bars(windows, tmp_path):
    folder = tmp_path / "orders only"
    write_files(folder, windows[1])
    for path in folder.glob("*liquidations*"):
        path.unlink()
    write_orders(folder, made_up_orders(windows[1].labels, windows[1].paths))
    ingest(folder, tmp_path / "catalog")
    (window,) = load_windows(Request(tmp_path / "catalog", "BTCUSDT"))

    assert "forced orders" in window.labels.source
    assert window.orders is not None
    np.testing.assert_allclose(
        window.labels.long_notional, 0.4 * windows[1].labels.long_notional, rtol=0.01, atol=100
    )
    assert calibrating.reported_share([window]) is None


def test_mark_prices_and_large_trades_are_replayed_where_there_are_some(windows, tmp_path):
    folder = tmp_path / "more"
    write_files(folder, windows[1])
    (klines,) = folder.glob("BTCUSDT-15m-*.csv")
    day = klines.stem.removeprefix("BTCUSDT-15m-")
    klines.with_name(f"BTCUSDT-markPriceKlines-15m-{day}.csv").write_text(klines.read_text())
    start = windows[1].start // 10**6
    sizes = (5.0, 0.1, 4.0, 0.2)
    rows = [
        f"{i},60000,{size},{i},{i},{start + i * 40_000},{'true' if i % 2 else 'false'}"
        for i, size in enumerate(sizes)
    ]
    header = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
    (folder / f"BTCUSDT-aggTrades-{day}.csv").write_text("\n".join([header, *rows]))
    ingest(folder, tmp_path / "catalog")
    (window,) = load_windows(Request(tmp_path / "catalog", "BTCUSDT"))

    assert window.has_mark
    assert window.has_trades
    trades = [event for event in window.events if event.kind == "trades"]
    # Two are large enough, in different minutes, each known when its minute ends.
    assert [event.payload[1].tolist() for event in trades] == [[5.0], [4.0]]
    ends = [(start + minutes * 60_000) * 10**6 - 1 for minutes in (1, 2)]
    assert [event.ts_known for event in trades] == ends
    assert sum(event.kind == "mark" for event in window.events) == len(window.bars)


def test_stretches_without_bars_are_left_out(catalog, windows, tmp_path):
    elsewhere = made_up_window(1, 9, START + 60 * DAY_NS).labels
    path = write_labels(tmp_path / "both.csv", windows[1].labels)
    lines = write_labels(tmp_path / "more.csv", elsewhere).read_text().splitlines()[1:]
    path.write_text(path.read_text() + "\n".join(lines))
    told = []
    (window,) = load_windows(Request(catalog, "BTCUSDT", labels=path), told.append)

    assert window.start == windows[1].start
    assert len(told) == 1
    assert "labels left out" in told[0]
    load_windows(Request(catalog, "BTCUSDT", labels=path))
    lines = write_labels(tmp_path / "alone.csv", elsewhere)
    with pytest.raises(DataGapError, match="must hold bars"):
        load_windows(Request(catalog, "BTCUSDT", labels=lines))


def test_refresh_needs_bars_finer_than_the_labels(catalog, windows, tmp_path):
    out = tmp_path / "refreshed.json"
    run("calibrate", "--catalog", catalog, "--out", out, "--refresh")
    assert read_fit(out).mode == "refresh"

    path = tmp_path / "fine.csv"
    start, quarter = windows[0].start // 10**6, 900_000
    rows = [f"{start + i * quarter},{start + (i + 1) * quarter},{i},1" for i in range(96)]
    path.write_text("open_time,close_time,long_usd,short_usd\n" + "\n".join(rows))
    with pytest.raises(DataGapError, match="shorter than the label intervals"):
        run("accuracy", "--catalog", catalog, "--labels", path, "--refresh")


def test_intervals_are_written_for_anyone_to_recompute(catalog, tmp_path):
    path = tmp_path / "intervals.csv"
    day = ("--start", "2025-03-04", "--end", "2025-03-05")
    options = ("--with-liquidations", "--intervals", path, "--json")
    document = json.loads(run("accuracy", "--catalog", catalog, *day, *options))
    lines = path.read_text().splitlines()
    assert lines[0] == (
        "ts_open,ts_close,side,realised,expected,low,high,exposure,path_regression,path_and_map"
    )
    assert len(lines) == 1 + 2 * 24
    assert lines[1].startswith("2025-03-04T00:00:00Z,2025-03-04T01:00:00Z,long,")
    assert "" not in lines[1].split(",")
    assert document["params"]["venues"] == ["BINANCE", "BYBIT", "OKX"]
    assert document["windows"][0]["calibration"]["ratio"] > 0.0


def test_a_scenario_tells_each_side_with_its_band(catalog):
    at = ("--at", "2025-03-05T12:00:00Z")
    ask = ("scenario", "--catalog", catalog, *at, "--within", "4h", "--json")
    price = json.loads(run(*ask, "--to", 50_000))["current_price"]
    down, far = (json.loads(run(*ask, "--to", price * part)) for part in (0.98, 0.95))
    up = json.loads(run(*ask, "--to", price * 1.02))
    assert {"symbol", "timestamp", "current_price", "to", "within", "venues", "sides"} == set(down)
    assert down["within"] == "4h"
    assert down["timestamp"] <= "2025-03-05T12:00:00Z"
    for side in ("long", "short"):
        assert 0.0 <= down["sides"][side]["low"] <= down["sides"][side]["expected"]
        assert down["sides"][side]["expected"] <= down["sides"][side]["high"]
    assert far["sides"]["long"]["expected"] > down["sides"]["long"]["expected"]
    assert down["sides"]["long"]["expected"] > up["sides"]["long"]["expected"]
    assert up["sides"]["short"]["expected"] > down["sides"]["short"]["expected"]
    text = run(*ask[:-1], "--to", price * 0.98)
    assert "within 4h" in text
    assert "90 %" in text


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("--to", 0, "--within", "4h"), "--to must be a price above 0"),
        (("--to", -5, "--within", "4h"), "--to must be a price above 0"),
        (("--to", 50_000, "--within", "soon"), "--within"),
    ],
)
def test_a_scenario_that_cannot_be_is_refused(catalog, options, match):
    with pytest.raises(SettingError, match=match):
        run("scenario", "--catalog", catalog, *options)


def test_forecasts_are_scored_by_the_command(catalog, tmp_path):
    rows = tmp_path / "moments.csv"
    ask = ("accuracy", "--catalog", catalog, "--forecast", "--horizon", "1h")
    document = json.loads(run(*ask, "--json", "--intervals", rows))
    assert document["horizon"] == "1h"
    assert document["params"]["source"] == "shipped with liq_nautilus"
    header, *lines = rows.read_text().splitlines()
    assert header.startswith("ts,ts_end,side,realised,expected,q10,q50,q90,q99,probability_unusual")
    assert len(lines) == sum(entry["n"] for entry in document["windows"])
    assert not any(",," in line for line in lines)
    shown = run(*ask)
    assert "pooled" in shown
    assert "(disjoint)" in shown or "(earlier)" in shown or "(overlapping)" in shown


def test_what_belongs_to_forecasts_is_refused_without(catalog):
    with pytest.raises(SettingError, match="--leave-one-out belongs to --forecast"):
        run("accuracy", "--catalog", catalog, "--leave-one-out")
