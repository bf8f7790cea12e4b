"""What queries answer: the documents, their rows, and what each number means."""

import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.query_catalog import DAY_NS
from support.query_catalog import HOUR_NS
from support.query_catalog import START_NS

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.queries import asking
from liq_nautilus.queries import comparing
from liq_nautilus.queries.map_at import tracker_at
from liq_nautilus.queries.time_windows import Window

MODELS_WITH_MAP = ("binance_standard", "funding_adjusted", "ensemble")
AT = START_NS + 2 * DAY_NS + 7 * HOUR_NS + 123


@pytest.mark.parametrize("model", asking.MODELS)
def test_levels_lie_on_their_side_of_the_price_and_are_the_trackers(catalog, model):
    answer = asking.levels(catalog, model=model, at=AT)
    assert (answer.symbol, answer.model, answer.ts) == ("BTCUSDT", model, AT)
    tracker = tracker_at(Catalog(catalog), "BTCUSDT", AT)
    (found,) = tracker.levels_of((model,))
    assert answer.columns["volume"].sum() == pytest.approx(found.notional.sum(), rel=1e-12)
    assert np.all((answer.columns["price"] < answer.current_price) == (answer.columns["side"] > 0))
    assert np.all(np.diff(answer.columns["price"]) >= 0)
    assert answer.is_valid == (model in MODELS_WITH_MAP)
    assert answer.volatility == pytest.approx(tracker.volatility(24.0))


def test_the_document_of_levels_is_plain_json_and_says_what_is_assumed(catalog):
    document = asking.levels(catalog, at="2026-01-02T12:00").document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["timestamp"] == "2026-01-02T12:00:00Z"
    assert document["warnings"] == []
    assert document["params_hash"] == TrackerParameters().params_hash
    assert document["assumptions"].keys() >= {"formula", "brackets", "venues"}
    row = document["levels"][0]
    keys = {"price", "volume", "volume_low", "volume_high", "exposure", "side", "leverage"}
    assert row.keys() >= keys
    assert {row["side"] for row in document["levels"]} == {"long", "short"}
    for side in ("long", "short"):
        # A level's band is what it adds to that of all on the way to it.
        own = [row for row in document["levels"] if row["side"] == side]
        low, middle, high = (
            sum(row[name] for row in own) for name in ("volume_low", "volume", "volume_high")
        )
        assert 0.0 <= low <= middle <= high


def test_every_answer_turns_into_rows(catalog):
    for answer in (
        asking.levels(catalog),
        asking.heatmap(catalog),
        asking.history(catalog),
        asking.compare(catalog),
        asking.signals(catalog),
    ):
        table = answer.to_arrow()
        assert isinstance(table, pa.Table)
        assert len(answer.to_pandas()) == table.num_rows > 0
        assert json.loads(answer.to_json()) == json.loads(json.dumps(answer.document()))


def test_no_levels_are_not_valid_and_say_why(catalog):
    answer = asking.levels(catalog, model="py_liquidation_map")
    assert answer.columns["price"].size == 0
    assert not answer.is_valid
    assert answer.confidence == 0.0
    assert "what it is made of is missing" in answer.warnings[0]
    assert answer.max_pain == {"long": None, "short": None, "least": None}


def test_levels_long_after_the_data_are_not_valid(catalog):
    answer = asking.levels(catalog, at=START_NS + 9 * DAY_NS)
    assert not answer.is_valid
    assert "too little is known" in answer.warnings[0]


def test_levels_of_one_leverage_are_a_part_of_all(catalog):
    some = asking.levels(catalog, leverage=50.0, at=AT)
    everything = asking.levels(catalog, at=AT)
    assert set(some.columns["leverage"]) == {50.0}
    assert 0.0 < some.columns["volume"].sum() < everything.columns["volume"].sum()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"model": "oracle"}, SettingError, "--model must be one of binance_standard"),
        ({"leverage": 51.0}, SettingError, "--leverage must be one of 3, 5"),
        ({"at": "yesterday"}, SettingError, "--at must be an ISO 8601 time .* was 'yesterday'"),
        ({"at": "2020-01-01"}, DataGapError, "must hold open interest .* in the 14 days before"),
        ({"at": "2030-01-01"}, DataGapError, "it has data from 2026-01-01 to"),
        ({"at": START_NS}, DataGapError, "must hold bars and open interest"),
        ({"symbol": "SOLUSDT"}, DataGapError, "SOLUSDT"),
        ({"brackets": {"no": "brackets"}}, SettingError, "--brackets must hold"),
    ],
)
def test_wrong_questions_are_refused_in_one_line(catalog, arguments, error, match):
    with pytest.raises(error, match=match) as refused:
        asking.levels(catalog, **arguments)
    assert "\n" not in str(refused.value)


def test_a_heatmaps_column_is_the_map_of_its_moment(catalog):
    heat = asking.heatmap(
        catalog,
        model="funding_adjusted",
        window=Window(timeframe="1d", resolution="4h", price_low=1.0, price_high=1e6),
    )
    assert heat.densities.shape == (heat.ts.size, heat.prices.size)
    assert np.all(np.diff(heat.ts) == 4 * HOUR_NS)
    assert np.all(heat.ts % (4 * HOUR_NS) == 0)
    for index in (0, heat.ts.size - 1):
        levels = asking.levels(catalog, model="funding_adjusted", at=int(heat.ts[index]))
        total = levels.columns["volume"].sum()
        assert heat.densities[index].sum() == pytest.approx(total, rel=1e-6)
        row = np.floor((levels.columns["price"] - heat.prices[0]) / heat.step + 0.5).astype(int)
        expected = np.bincount(row, weights=levels.columns["volume"], minlength=heat.prices.size)
        np.testing.assert_allclose(heat.densities[index], expected, rtol=1e-5, atol=1.0)


@pytest.mark.parametrize("resolution", ["5m", "30m", "1h"])
def test_resolutions_agree_where_they_meet(catalog, resolution):
    coarse = asking.heatmap(catalog, window=Window(timeframe="12h", resolution="4h"))
    low, high = coarse.prices[0] - coarse.step / 2, coarse.prices[-1] + coarse.step / 2
    window = Window(timeframe="12h", resolution=resolution, price_low=low, price_high=high)
    fine = asking.heatmap(catalog, window=window)
    shared = np.isin(fine.ts, coarse.ts)
    assert shared.sum() == coarse.ts.size
    np.testing.assert_allclose(
        fine.densities[shared].sum(axis=1), coarse.densities.sum(axis=1), rtol=1e-6
    )


def test_a_heatmap_knows_nothing_where_no_map_was(catalog):
    heat = asking.heatmap(catalog, window=Window(timeframe="30d", resolution="4h"))
    before = heat.ts < START_NS
    assert before.any()
    assert np.isnan(heat.densities[before]).all()
    document = heat.document()
    assert document["densities"][0][0] is None
    said = document["metadata"]
    assert said["data_quality_score"] == pytest.approx(
        np.isfinite(heat.densities).any(axis=1).mean()
    )
    assert said["total_volume"] == pytest.approx(heat.densities[-1].sum())
    assert said["buckets"] == len(document["prices"])
    assert said["max_pain"].keys() >= {"long", "short"}


def test_candles_are_the_path_of_each_column(catalog):
    heat = asking.heatmap(catalog, window=Window(timeframe="1d", resolution="1h"))
    bars = pd.DataFrame(dict(read(Catalog(catalog), BARS, "BTCUSDT", interval="5m")))
    for ts, opened, high, low, close in heat.candles[[0, 7, -1]]:
        own = bars[(bars["ts_open"] >= ts) & (bars["ts_open"] < ts + HOUR_NS)]
        assert opened == own["open"].iloc[0]
        assert high == own["high"].max()
        assert low == own["low"].min()
        assert close == own["close"].iloc[-1]


@pytest.mark.parametrize(
    ("window", "match"),
    [
        ({"timeframe": "2h"}, "--timeframe must be one of 1h"),
        ({"resolution": "2h"}, "--resolution must be one of 1m"),
        ({"start": "2026-01-03", "end": "2026-01-02"}, "--end must come after --start"),
        ({"start": "2026-01-01", "end": "2026-01-02", "timeframe": "1d"}, "--timeframe must"),
        ({"timeframe": "30d", "resolution": "1m"}, "at most 3,000 columns"),
        ({"price_low": 2.0, "price_high": 1.0}, "--price-high must be above"),
        ({"price_low": math.inf}, "prices must be above 0 and finite"),
        ({"rows": 0}, "--rows must be between 1 and"),
    ],
)
def test_wrong_windows_are_refused(catalog, window, match):
    with pytest.raises(SettingError, match=match):
        asking.heatmap(catalog, window=Window(**window))


def test_a_window_without_data_is_refused(catalog):
    window = Window(start="2025-12-01", end="2026-01-01T00:30")
    with pytest.raises(DataGapError, match="from 2025-12-01"):
        asking.heatmap(catalog, window=window)


def test_history_sums_to_what_was_ingested(catalog, tmp_path):
    rows = asking.history(catalog).table
    days = asking.history(catalog, aggregate="1d").table
    total = sum(rows["notional"].to_pylist())
    both = sum(days["long_notional"].to_pylist()) + sum(days["short_notional"].to_pylist())
    assert total > 0.0
    assert both == pytest.approx(total, rel=1e-12)
    assert set(rows["side"].to_pylist()) == {"long", "short"}
    assert all(ts % DAY_NS == 0 for ts in days["ts"].to_pylist())
    some = asking.history(catalog, start="2026-01-02", end="2026-01-03").table
    assert min(some["ts"].to_pylist()) >= START_NS + DAY_NS
    assert max(some["ts"].to_pylist()) < START_NS + 2 * DAY_NS
    last = asking.history(catalog, limit=3).table
    assert last["ts"].to_pylist() == rows["ts"].to_pylist()[-3:]
    with pytest.raises(SettingError, match="--aggregate must be an interval"):
        asking.history(catalog, aggregate="fortnight")


def test_comparison_holds_all_models_and_their_agreement(catalog):
    document = asking.compare(catalog, at=AT).document()
    assert [model["name"] for model in document["models"]] == list(asking.MODELS)
    assert 50.0 < document["agreement"] < 100.0
    for model in document["models"]:
        levels = asking.levels(catalog, model=model["name"], at=AT).document()
        assert model["levels"] == levels["levels"]


def test_agreement_is_what_two_distributions_share(catalog):
    one, other = tracker_at(Catalog(catalog), "BTCUSDT", AT).levels_of(MODELS_WITH_MAP[:2])
    assert comparing.agreement_of([one, one], 100.0) == pytest.approx(100.0)
    assert comparing.agreement_of([one], 100.0) is None
    halved = comparing.agreement_of([one, asking._only(one, one.side > 0)], 1e9)
    longs = one.notional[one.side > 0].sum() / one.notional.sum()
    assert halved == pytest.approx(100.0 * longs)
    assert comparing.agreement_of([one, other], 100.0) < 100.0


def test_a_signal_is_the_trackers(catalog):
    answer = asking.signals(catalog, at=AT)
    signal = tracker_at(Catalog(catalog), "BTCUSDT", AT).signal()
    document = answer.document()
    assert document["action"] == signal.action
    assert document["reason"] == signal.reason
    assert document["confidence"] == signal.confidence
    assert document.keys() >= {"risk", "position_side", "cluster", "timestamp", "symbol"}


def test_parameters_and_brackets_change_the_map(catalog):
    usual = asking.levels(catalog, at=AT)
    other = asking.levels(catalog, at=AT, parameters=TrackerParameters(bucket_size=500.0))
    assert other.params_hash != usual.params_hash
    assert other.columns["price"].size < usual.columns["price"].size / 3
    rows = [
        {
            "bracket": 1,
            "initialLeverage": 150,
            "notionalCap": 1e12,
            "notionalFloor": 0,
            "maintMarginRatio": 0.006,
            "cum": 0.0,
        }
    ]
    strict = asking.levels(catalog, at=AT, brackets=[{"symbol": "BTCUSDT", "brackets": rows}])
    assert strict.columns["volume"].sum() != usual.columns["volume"].sum()
    assert strict.assumptions["brackets"] != usual.assumptions["brackets"]
