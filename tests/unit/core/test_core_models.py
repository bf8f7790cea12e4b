import numpy as np
import pandas as pd
import pytest
from support import oracles
from support.streams import small_parameters

from liq_nautilus.core import kernels
from liq_nautilus.core.models.base import AbstractLiquidationModel
from liq_nautilus.core.models.binance_standard import BinanceStandard
from liq_nautilus.core.models.ensemble import Ensemble
from liq_nautilus.core.models.funding_adjusted import FundingAdjusted
from liq_nautilus.core.models.liquidation_map import LiquidationMap
from liq_nautilus.core.models.liquidation_map import bin_width
from liq_nautilus.core.models.liquidation_map import large_trades
from liq_nautilus.core.models.liquidation_map import liquidation_map
from liq_nautilus.core.parameters import TrackerParameters

COLUMNS = ["price_level", "volume", "side", "leverage", "confidence"]
WEIGHTS = (0.5, 0.3, 0.2)


def singles(parameters=None):
    return BinanceStandard(parameters), FundingAdjusted(parameters), LiquidationMap(parameters)


def ensemble(parameters=None, weights=WEIGHTS, disagreement=0.05):
    return Ensemble(singles(parameters), weights, disagreement)


def all_models():
    return (*singles(), ensemble())


def table(**columns):
    rows = {
        "timestamp": [3, 1, 2],
        "price": [61_000.0, 60_000.0, 60_500.0],
        "oi_volume": [1e6, 2e6, 4e6],
        "leverage": [np.nan, 10.0, 100.0],
    }
    return pd.DataFrame(rows | columns)


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.model_name)
def test_every_model_answers_with_the_same_table(model):
    assert isinstance(model, AbstractLiquidationModel)
    frame = model.calculate_liquidations(table(), 60_800.0)
    assert list(frame.columns) == COLUMNS
    assert len(frame) > 4
    longs, shorts = frame[frame["side"] == "long"], frame[frame["side"] == "short"]
    assert len(longs) + len(shorts) == len(frame)
    assert (longs["price_level"] < 60_800.0).all()
    assert (shorts["price_level"] > 60_800.0).all()
    assert (frame["volume"] > 0.0).all()
    assert (frame["confidence"] == model.confidence_score()).all()
    assert frame["price_level"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("model", "name", "confidence"),
    [
        (BinanceStandard(), "binance_standard", 0.95),
        (FundingAdjusted(), "funding_adjusted", 0.75),
        (LiquidationMap(), "py_liquidation_map", 0.80),
        (ensemble(), "ensemble", 0.5 * 0.95 + 0.3 * 0.75 + 0.2 * 0.80),
    ],
)
def test_names_and_confidences_are_the_specified_ones(model, name, confidence):
    assert model.model_name == name
    assert model.confidence_score() == pytest.approx(confidence)
    model.set_data_quality(0.5)
    assert model.confidence_score() == pytest.approx(0.5 * confidence)


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.model_name)
def test_wrong_tables_are_refused(model):
    with pytest.raises(ValueError, match=r"must have the columns .*, lacked \['leverage'\]"):
        model.calculate_liquidations(table().drop(columns="leverage"), 60_000.0)
    with pytest.raises(ValueError, match=r"current_price must be above 0, was 0\.0"):
        model.calculate_liquidations(table(), 0.0)


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.model_name)
def test_empty_table_has_no_levels(model):
    frame = model.calculate_liquidations(table().iloc[:0], 60_000.0)
    assert list(frame.columns) == COLUMNS
    assert frame.empty


def test_one_row_gives_the_exact_prices():
    rows = table().iloc[[1]]
    frame = BinanceStandard().calculate_liquidations(rows, 60_000.0)
    np.testing.assert_allclose(
        frame["price_level"], [60_000.0 * 0.90361446, 60_000.0 * 1.09561753], rtol=1e-8
    )
    assert frame["side"].tolist() == ["long", "short"]
    assert frame["volume"].tolist() == [2e6, 2e6]
    assert frame["leverage"].tolist() == [10.0, 10.0]


def test_unknown_leverage_is_spread_over_the_mix():
    parameters = small_parameters()
    rows = table().iloc[[0]]
    frame = BinanceStandard(parameters).calculate_liquidations(rows, 61_000.0)
    for side, weights in (("long", [0.3, 0.3, 0.2, 0.2]), ("short", [0.4, 0.3, 0.2, 0.1])):
        part = frame[frame["side"] == side].sort_values("leverage")
        assert part["leverage"].tolist() == [10.0, 25.0, 50.0, 100.0]
        np.testing.assert_allclose(part["volume"], 1e6 * np.array(weights))


def test_later_prices_consume_earlier_rows():
    # The 100x long of 60,500 has its level at 60,136: 60,000 came before it, 60,100 after.
    rows = pd.DataFrame(
        {
            "timestamp": [1, 2, 3],
            "price": [60_000.0, 60_500.0, 60_100.0],
            "oi_volume": [1e6, 1e6, 1e6],
            "leverage": [100.0, 100.0, 5.0],
        }
    )
    model = BinanceStandard()
    frame = model.calculate_liquidations(rows, 60_500.0)
    longs = frame[(frame["side"] == "long") & (frame["leverage"] == 100.0)]
    assert longs["price_level"].tolist() == pytest.approx([60_000.0 * 0.9939759], rel=1e-7)
    kept = model.calculate_liquidations(rows.iloc[:2], 60_500.0)
    assert ((kept["side"] == "long") & (kept["leverage"] == 100.0)).sum() == 2


def test_simplified_formula_is_selectable():
    parameters = TrackerParameters(formula="simplified")
    frame = BinanceStandard(parameters).calculate_liquidations(table().iloc[[1]], 60_000.0)
    np.testing.assert_allclose(frame["price_level"].iloc[0], 60_000.0 * (1 - 0.1 + 0.005 / 10))


def test_funding_column_moves_the_levels_of_the_adjusted_model():
    plain = FundingAdjusted().calculate_liquidations(table(), 60_800.0)
    standard = BinanceStandard().calculate_liquidations(table(), 60_800.0)
    pd.testing.assert_frame_equal(
        plain.drop(columns="confidence"), standard.drop(columns="confidence")
    )
    paid = table(funding=[0.0, 0.002, 0.0])
    moved = FundingAdjusted().calculate_liquidations(paid, 60_800.0)
    tens = moved["leverage"] == 10.0
    ratio = moved[tens]["price_level"].to_numpy() / plain[tens]["price_level"].to_numpy()
    assert (ratio > 1.0).any()


@pytest.mark.parametrize("rate", [0.0015, -0.0008])
@pytest.mark.parametrize("factor", [0.0, 4.0, -3.0])
def test_the_newest_rate_and_its_factor_move_a_table_as_they_move_the_map(rate, factor):
    parameters = TrackerParameters.from_dict(
        {
            "funding_factor": factor,
            "leverages": [10, 50, 100],
            "leverage_weights_long": [1, 1, 1],
            "leverage_weights_short": [1, 1, 1],
        }
    )
    plain, moved = FundingAdjusted(parameters), FundingAdjusted(parameters)
    moved.on_funding(rate)
    rows = table().iloc[[1]].assign(leverage=[50.0])
    before, after = (m.calculate_liquidations(rows, 60_000.0) for m in (plain, moved))
    rates, _ = plain.brackets.maintenance(np.array([parameters.position_notional]))
    mmr = float(rates[0])
    for side, sign in (("long", -1.0), ("short", 1.0)):
        old, new = (f[f["side"] == side]["price_level"].item() for f in (before, after))
        # Out of the margin by the rate, and all levels by the factor.
        expected = (old + rate * 60_000.0 / (1.0 + sign * mmr)) * (1.0 + rate * factor)
        assert new == pytest.approx(expected, rel=1e-9)
        # Positive rates bring longs closer and take shorts farther.
        assert (new > old) == (rate * (1.0 + factor) > 0.0)


@pytest.mark.parametrize("is_saved", [False, True])
def test_what_is_opened_under_a_factor_is_shifted_by_it_and_back(is_saved):
    parameters = small_parameters(funding_factor=20.0)
    model = FundingAdjusted(parameters)
    model.exposure.set_price(100.0)
    model.on_funding(0.002)
    # Opened after the rate: the factor of 1.04 applies, the payment does not.
    model.exposure.open_at(100.0, np.ones((2, model.leverages.size)))
    if is_saved:
        saved, model = model.state(), FundingAdjusted(parameters)
        model.restore(saved)
        model.exposure.open_at(100.0, np.ones((2, model.leverages.size)))

    def mean_level(tier: int, side: int) -> float:
        first, n = model.exposure.origin, model.exposure.n_buckets
        weights = np.zeros((2, model.leverages.size))
        weights[side, tier] = 1.0
        held = model.densities(weights[None], first, n)[0, side]
        middle = np.exp((first + np.arange(n) + 0.5) * parameters.grid_bps * 1e-4)
        return float(held @ middle / held.sum())

    width = parameters.grid_bps * 1e-4
    for side in range(2):
        for tier in range(model.leverages.size):
            expected = 100.0 * model.ratio[side, tier]
            assert mean_level(tier, side) == pytest.approx(1.04 * expected, rel=2.0 * width)
    model.on_funding(0.0)
    for side in range(2):
        for tier in range(model.leverages.size):
            expected = 100.0 * model.ratio[side, tier]
            assert mean_level(tier, side) == pytest.approx(expected, rel=2.0 * width)


@pytest.mark.parametrize("seed", range(6))
def test_a_table_and_the_map_that_follows_the_same_prices_hold_the_same(seed):
    # The map keeps buckets of 5 basis points, the table its rows' own prices.
    rng = np.random.default_rng(seed)
    n = 40
    rows = pd.DataFrame(
        {
            "timestamp": np.arange(n),
            "price": 60_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.004, n))),
            "oi_volume": rng.uniform(1e5, 1e6, n),
            "leverage": rng.choice([5.0, 10.0, 25.0, 50.0, 100.0, np.nan], n),
        }
    )
    rate, last = float(rng.normal(0.0, 0.001)), float(rows["price"].iloc[-1] * 1.002)
    for model in (BinanceStandard(), FundingAdjusted()):
        followed = type(model)()
        exposure = followed.exposure
        exposure.set_price(float(rows["price"].iloc[0]))
        if isinstance(model, FundingAdjusted):
            # Moves nothing yet, and what is opened then alike.
            model.on_funding(rate)
            followed.on_funding(rate)
        for row in rows.itertuples():
            exposure.set_price(row.price)
            kernels.sweep(exposure.positions, exposure.window.position, exposure.window.position)
            share = np.array(followed.weights)
            if not np.isnan(row.leverage):
                nearest = np.abs(followed.leverages - row.leverage).argmin()
                share = np.zeros_like(share)
                share[:, nearest] = 1.0
            exposure.open_at(row.price, row.oi_volume / row.price * share)
        exposure.set_price(last)
        kernels.sweep(exposure.positions, exposure.window.position, exposure.window.position)
        frame = model.calculate_liquidations(rows, last)
        for side, index in (("long", 0), ("short", 1)):
            part = frame[frame["side"] == side]
            held = exposure.total[index]
            expected = np.array(
                [
                    (part["volume"][np.isclose(part["leverage"], tier)]).sum()
                    for tier in followed.leverages
                ]
            )
            # Some 10 rows' worth lie within a bucket of a price that was reached.
            assert abs(held.sum() * 60_000.0 / expected.sum() - 1.0) < 0.1
            assert np.abs(held * 60_000.0 - expected).max() < 0.1 * expected.sum()


def test_ensemble_table_is_the_weighted_sum():
    model = ensemble()
    frame = model.calculate_liquidations(table(), 60_800.0)
    parts = [single.calculate_liquidations(table(), 60_800.0) for single in singles()]
    expected = sum(
        weight * part["volume"].sum() for weight, part in zip(WEIGHTS, parts, strict=True)
    )
    assert frame["volume"].sum() == pytest.approx(expected)


def test_ensemble_without_a_side_still_answers():
    # One long at 10x far below, and a price that consumed every short.
    rows = table().iloc[[1]]
    frame = ensemble().calculate_liquidations(rows, 70_000.0)
    assert (frame["side"] == "long").all()


@pytest.mark.parametrize(
    ("means", "disputed"),
    [
        ([[90.0, 110.0], [95.1, 110.0]], True),
        ([[90.0, 110.0], [94.9, 110.0]], False),
        ([[90.0, 110.0], [90.0, 116.0]], True),
        ([[90.0, np.nan], [90.0, 116.0]], False),
        ([[np.nan, np.nan], [90.0, 116.0]], False),
        ([[50.0, 150.0]], False),
        ([], False),
    ],
)
def test_disagreement_lowers_confidence_below_seven_tenths(means, disputed):
    model = ensemble()
    model.set_mean_levels(means, 100.0)
    assert (model.confidence_score() < 0.7) is disputed
    model.set_mean_levels([], 100.0)
    assert model.confidence_score() > 0.8


def opened_pair(parameters, weights=WEIGHTS):
    model = ensemble(parameters, weights)
    for single in model.models:
        single.exposure.set_price(60_000.0)
        single.open_prior(1_000.0)
    return model


def test_ensemble_reweights_to_the_models_it_has():
    model = opened_pair(small_parameters())
    assert model.shares() == pytest.approx((0.625, 0.375, 0.0))
    assert model.scales() == model.shares()
    model.models[2].on_large_trades(np.array([60_000.0]), np.array([[5.0], [0.0]]))
    assert model.shares() == pytest.approx(WEIGHTS)
    # The large trades' 5 contracts stand for the 2,000 of the others.
    assert model.scales()[2] == pytest.approx(0.2 * 2_000.0 / 5.0)
    exposure = model.models[2].exposure
    kernels.sweep(exposure.positions, 0.0, float(exposure.n_buckets))
    assert model.shares() == pytest.approx((0.625, 0.375, 0.0))


def test_ensemble_of_large_trades_alone():
    model = opened_pair(small_parameters(), (0.0, 0.0, 1.0))
    assert model.shares() == (0.0, 0.0, 0.0)
    assert model.confidence_score() == 0.0
    model.models[2].on_large_trades(np.array([60_000.0]), np.array([[5.0], [0.0]]))
    assert model.shares() == (0.0, 0.0, 1.0)


def test_large_trades_need_no_open_interest():
    parameters = small_parameters()
    model = ensemble(parameters)
    model.models[2].exposure.set_price(60_000.0)
    model.models[2].on_large_trades(np.array([60_000.0]), np.array([[5.0], [0.0]]))
    assert model.shares() == (0.0, 0.0, 1.0)
    assert model.scales() == (0.0, 0.0, 1.0)


def test_specified_factor_multiplies_levels_by_the_newest_rate():
    rate, factor = 0.001, 10.0
    pair = [FundingAdjusted(small_parameters(funding_factor=f)) for f in (0.0, factor)]
    offsets = []
    for model in pair:
        model.exposure.set_price(60_000.0)
        model.open_prior(10.0)
        for newest in (0.003, rate):
            model.on_funding(newest)
        offsets.append(model.exposure.rows.offset * 1e-3)
    np.testing.assert_allclose(offsets[1] - offsets[0], np.log1p(rate * factor), rtol=1e-9)
    twin = FundingAdjusted(small_parameters(funding_factor=factor))
    twin.restore(pair[1].state())
    for model in (pair[1], twin):
        model.on_funding(-0.001)
    np.testing.assert_array_equal(pair[1].exposure.rows.offset, twin.exposure.rows.offset)


def test_models_that_ignore_an_input_say_so_by_staying_as_they_are():
    model = LiquidationMap(small_parameters())
    model.exposure.set_price(60_000.0)
    model.open_prior(100.0)
    model.on_funding(0.01)
    assert not model.exposure.total.any()
    assert not model.has_map
    standard = BinanceStandard(small_parameters())
    standard.on_large_trades(np.ones(1), np.ones((2, 1)))
    standard.on_funding(0.01)
    assert not standard.exposure.total.any()


def random_trades(seed, n=400, spread=0.03):
    rng = np.random.default_rng(seed)
    price = np.round(60_000.0 * np.exp(np.cumsum(rng.normal(0.0, spread / 10, n))), 1)
    quantity = np.round(rng.lognormal(0.0, 1.2, n), 3)
    side = rng.choice(np.array([1, -1], dtype=np.int8), n)
    return price, quantity, side


THRESHOLDS = {"gross_value": 100_000.0, "top_n": 100, "portion": 0.01}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mode", THRESHOLDS)
@pytest.mark.parametrize("consume", ["last", "path"])
def test_liquidation_map_agrees_with_its_restatement(seed, mode, consume):
    price, quantity, side = random_trades(seed)
    trades = list(zip(price.tolist(), quantity.tolist(), side.tolist(), strict=True))
    rule = oracles.original_liquidation_map if consume == "last" else oracles.path_liquidation_map
    expected, width = rule(trades, mode, THRESHOLDS[mode])
    bins, amount, sides, leverage = liquidation_map(price, quantity, side, mode, consume=consume)
    found = {
        (round(low / width), int(s), int(lev)): value
        for low, value, s, lev in zip(bins, amount, sides, leverage, strict=True)
    }
    assert found == pytest.approx(expected, rel=1e-12)
    assert len(found) == len(bins) > 0
    assert (np.diff(bins) >= 0.0).all()


@pytest.mark.parametrize(
    ("mode", "threshold", "expected"),
    [
        ("gross_value", None, [3, 4]),
        ("gross_value", 20.0, [1, 2, 3, 4]),
        ("top_n", 1, [3, 4]),
        ("top_n", None, [0, 1, 2, 3, 4]),
        ("portion", 0.67, [1, 3, 4]),
        ("portion", None, []),
    ],
)
def test_large_trades_are_chosen_per_side(mode, threshold, expected):
    notional = np.array([10.0, 20.0, 30.0, 1e5, 2e5])
    side = np.array([1, 1, -1, 1, -1], dtype=np.int8)
    assert np.flatnonzero(large_trades(notional, side, mode, threshold)).tolist() == expected


def test_unknown_way_of_choosing_is_refused():
    with pytest.raises(ValueError, match="mode must be gross_value, top_n or portion, was all"):
        large_trades(np.ones(1), np.ones(1, dtype=np.int8), "all")


def test_no_large_trade_gives_no_level():
    one = np.ones(1)
    assert all(part.size == 0 for part in liquidation_map(one, one, one.astype(np.int8)))


@pytest.mark.parametrize(
    ("prices", "width"),
    [([60_000.0, 61_234.0], 100.0), ([1.0, 1.5], 0.01), ([5.0, 5.0], 1.0), ([0.0, 100.0], 1.0)],
)
def test_bin_width_is_the_original_one(prices, width):
    assert bin_width(np.array(prices)) == pytest.approx(width)


def test_original_amounts_count_four_times_and_path_amounts_once():
    price, quantity = np.array([60_000.0, 60_000.0]), np.array([10.0, 0.001])
    side = np.array([1, 1], dtype=np.int8)
    last = liquidation_map(price, quantity, side, consume="last")
    path = liquidation_map(price, quantity, side, consume="path")
    assert last[1].sum() == pytest.approx(4 * 600_000.0)
    assert path[1].sum() == pytest.approx(600_000.0)
    assert path[3].tolist() == [10.0, 25.0, 50.0, 100.0]


def test_crossed_and_recovered_levels_stay_with_the_original_only():
    price = np.array([60_000.0, 59_000.0, 60_000.0])
    quantity, side = np.array([10.0, 0.001, 0.001]), np.ones(3, dtype=np.int8)
    last = liquidation_map(price, quantity, side, consume="last")
    path = liquidation_map(price, quantity, side, consume="path")
    assert sorted(last[3]) == [10.0, 25.0, 50.0, 100.0]
    assert sorted(path[3]) == [10.0, 25.0, 50.0]


@pytest.mark.parametrize(("consume", "expected"), [("path", [10.0, 25.0]), ("last", None)])
def test_table_of_large_trades_follows_its_rule(consume, expected):
    rows = pd.DataFrame(
        {
            "timestamp": [1, 2],
            "price": [60_000.0, 58_500.0],
            "oi_volume": [4e6, 0.0],
            "leverage": [np.nan, np.nan],
        }
    )
    model = LiquidationMap(small_parameters(consume=consume))
    frame = model.calculate_liquidations(rows, 60_100.0)
    longs = frame[frame["side"] == "long"]
    assert sorted(longs["leverage"]) == (expected or [10.0, 25.0, 50.0, 100.0])
    assert (longs["volume"] == 1e6).all()
