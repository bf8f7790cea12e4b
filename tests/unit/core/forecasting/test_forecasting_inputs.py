"""What a forecast is made of, against definitions."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from liq_nautilus.core.forecasting.inputs import GROUPS
from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.core.forecasting.inputs import LEAST_SHARE
from liq_nautilus.core.forecasting.inputs import N_COLUMNS
from liq_nautilus.core.forecasting.inputs import ForecastInputs
from liq_nautilus.core.forecasting.inputs import checked_horizon
from liq_nautilus.core.kernels.arguments import Bars
from liq_nautilus.times import HOUR_NS

# A Thursday at noon.
T = (56 * 24 + 12) * HOUR_NS
MINUTE = HOUR_NS // 60
NOTHING = np.zeros((3, 3, 3))


def bars(moves, begin=T, minutes=5, price=100.0):
    close = price * np.exp(np.cumsum(moves))
    opened = np.append(price, close[:-1])
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    n = len(moves)
    values = np.column_stack([opened, high, low, close, np.ones(n), np.zeros(n)])
    times = begin + minutes * MINUTE * np.arange(n)
    return Bars(values, np.column_stack([times, times + minutes * MINUTE]).astype(np.int64))


def with_bars(moves=(0.002, -0.001) * 50, **options):
    inputs = ForecastInputs()
    inputs.add_bars(bars(np.array(moves), **options))
    return inputs


def test_volatility_is_that_of_an_hour():
    assert not ForecastInputs().has_volatility
    inputs = with_bars([0.0] * 600)
    assert inputs.has_volatility
    reach = math.log(1.001 / 0.999)
    expected = math.sqrt(reach**2 / (4.0 * math.log(2.0)) * 12)
    np.testing.assert_allclose(inputs.volatility(), expected)


def test_a_still_price_has_some_volatility():
    inputs = ForecastInputs()
    still = bars(np.zeros(5))
    still.values[:, :4] = 100.0
    inputs.add_bars(still)
    np.testing.assert_array_equal(inputs.volatility(), 1e-5)


def test_shorter_spans_follow_faster():
    inputs = with_bars([0.0] * 300 + [0.01, -0.01] * 12)
    quick, middle, slow = inputs.volatility()
    assert quick > middle > slow


@pytest.mark.parametrize("side", [0, 1])
def test_hazard_is_the_log_share_that_is_touched(side):
    inputs = with_bars()
    price = np.array([[98.0, 99.5], [101.0, 104.0]])
    notional = np.zeros((2, 2))
    notional[side] = 0.01, 0.03
    unit = np.array([3e8, 5e8])
    found = inputs.hazard(notional * unit[:, None], price, 100.0, unit)
    distance = np.abs(np.log(price[side] / 100.0))
    for h, hours in enumerate(HORIZON_HOURS.values()):
        for v, volatility in enumerate(inputs.volatility()):
            chance = 2.0 * norm.cdf(-distance / volatility / math.sqrt(hours))
            expected = math.log(notional[side] @ chance + LEAST_SHARE)
            assert found[side, h, v] == pytest.approx(expected, abs=1e-3)
            assert found[2, h, v] == found[side, h, v]
    np.testing.assert_allclose(found[1 - side], math.log(LEAST_SHARE))


def test_the_map_is_told_against_its_own_trailing_mean():
    inputs = with_bars()
    first, second, third = (np.full((3, 3, 3), value) for value in (1.0, 4.0, 9.0))
    place = GROUPS["map"]
    assert not inputs.columns(T, "4h", first, 1e9)[:, place].any()
    inputs.remember(first, T)
    assert not inputs.columns(T, "4h", second, 1e9)[:, place].any()
    inputs.remember(second, T + 36 * HOUR_NS)
    found = inputs.columns(T + 36 * HOUR_NS, "4h", third, 1e9)[:, place]
    np.testing.assert_allclose(found, 9.0 - 1.0)
    inputs.remember(third, T + 72 * HOUR_NS)
    # The first for the older half, the second for the newer: a quarter and a half of the weight.
    mean = (0.25 * 1.0 + 0.5 * 4.0) / 0.75
    found = inputs.columns(T + 72 * HOUR_NS, "4h", third, 1e9)[:, place]
    np.testing.assert_allclose(found, 9.0 - mean)


@pytest.mark.parametrize("horizon", HORIZON_HOURS)
def test_each_horizon_has_its_own_hazard(horizon):
    inputs = with_bars()
    inputs.remember(NOTHING, T)
    inputs.remember(NOTHING, T + HOUR_NS)
    hazard = np.arange(27.0).reshape(3, 3, 3)
    found = inputs.columns(T + HOUR_NS, horizon, hazard, 1e9)[:, GROUPS["map"]]
    np.testing.assert_allclose(found, hazard[:, list(HORIZON_HOURS).index(horizon)])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_drift_is_against_one_side_and_for_the_other(sign):
    inputs = with_bars([sign * 0.004] * 60)
    columns = inputs.columns(T, "1h", NOTHING, 1e9)[:, GROUPS["volatility"]]
    np.testing.assert_allclose(columns[:, :3], np.log(inputs.volatility())[None, :].repeat(3, 0))
    longs, shorts, both = columns[:, 3:]
    against, in_favour = (shorts, longs) if sign > 0 else (longs, shorts)
    assert against[0] > 0.0
    assert against[1] == 0.0
    np.testing.assert_array_equal(in_favour, against[::-1])
    np.testing.assert_array_equal(both, against)


def told(inputs, hours=30, begin=T, amounts=(3e6, 1e6)):
    for i in range(hours):
        for side, amount in zip((1, -1), amounts, strict=True):
            inputs.add_realised(side, amount, begin + i * HOUR_NS, begin + (i + 1) * HOUR_NS)
    return inputs


def test_steady_past_liquidations_are_told_as_rates():
    inputs = told(with_bars(), hours=72)
    columns = inputs.columns(T + 72 * HOUR_NS, "1h", NOTHING, 1e9)[:, GROUPS["past"]]
    # A sum counts as of its end: within half a half-life of the rate.
    longs, shorts, both = columns
    assert longs[2] == pytest.approx(math.log(3e6 / 1e9 + LEAST_SHARE), abs=0.05)
    assert shorts[2] == pytest.approx(math.log(1e6 / 1e9 + LEAST_SHARE), abs=0.05)
    assert both[2] == pytest.approx(math.log(4e6 / 1e9 + LEAST_SHARE), abs=0.05)
    np.testing.assert_allclose(longs[3:], shorts[:3])
    np.testing.assert_allclose(shorts[3:], longs[:3])
    np.testing.assert_array_equal(both[3:], 0.0)
    np.testing.assert_allclose(columns[:, :2], [[columns[0, 0], columns[0, 1]]] * 3, atol=1e-3)


def test_a_burst_shows_in_the_shorter_spans_first():
    inputs = told(with_bars(), hours=40)
    told(inputs, hours=1, begin=T + 40 * HOUR_NS, amounts=(9e7, 1e6))
    columns = inputs.columns(T + 41 * HOUR_NS, "1h", NOTHING, 1e9)[:, GROUPS["past"]]
    assert columns[0, 0] > columns[0, 1] > 0.3
    assert columns[1, 0] < 0.5


def test_past_liquidations_that_no_longer_come_are_left_out():
    inputs = told(with_bars())
    end = T + 30 * HOUR_NS
    assert inputs.columns(end, "1h", NOTHING, 1e9)[:, GROUPS["past"]].any()
    assert not inputs.columns(end + 4 * HOUR_NS, "1h", NOTHING, 1e9)[:, GROUPS["past"]].any()


@pytest.mark.parametrize(("hours", "is_weekend"), [(0, 0), (35, 0), (36, 1), (83, 1), (84, 0)])
def test_the_hour_of_the_day_is_told_as_waves(hours, is_weekend):
    ts = T + hours * HOUR_NS + 17 * MINUTE
    columns = with_bars().columns(ts, "1h", NOTHING, 1e9)[:, GROUPS["calendar"]]
    angle = 2.0 * math.pi * ((12 + hours) % 24) / 24.0
    waves = np.array([1.0, 2.0, 3.0]) * angle
    expected = np.concatenate([np.sin(waves), np.cos(waves), [is_weekend]])
    np.testing.assert_allclose(columns, np.tile(expected, (3, 1)), atol=1e-12)


def test_groups_share_the_columns():
    places = np.concatenate([np.arange(N_COLUMNS)[group] for group in GROUPS.values()])
    np.testing.assert_array_equal(places, np.arange(N_COLUMNS))


def test_what_is_restored_goes_on_alike():
    first, second = told(with_bars()), ForecastInputs()
    first.remember(NOTHING + 2.0, T)
    first.remember(NOTHING + 3.0, T + HOUR_NS)
    second.restore(first.state())
    for inputs in (first, second):
        inputs.add_bars(bars(np.full(6, 0.002), begin=T + 30 * HOUR_NS))
        inputs.add_realised(-1, 4e6, T + 30 * HOUR_NS, T + 31 * HOUR_NS)
        inputs.remember(NOTHING + 5.0, T + 31 * HOUR_NS)
    now = T + 31 * HOUR_NS
    np.testing.assert_array_equal(
        first.columns(now, "4h", NOTHING, 2e9), second.columns(now, "4h", NOTHING, 2e9)
    )


def test_states_do_not_change_later():
    inputs = told(with_bars())
    state = inputs.state()
    kept = {name: np.array(value) for name, value in state.items() if name != "realised"}
    inputs.add_bars(bars(np.full(6, 0.002)))
    told(inputs, hours=1, begin=T + 30 * HOUR_NS)
    for name, value in kept.items():
        np.testing.assert_array_equal(state[name], value)


def test_other_horizons_are_refused():
    assert checked_horizon("4h") == "4h"
    with pytest.raises(ValueError, match="horizon must be one of 1h, 4h, 1d, was 2h"):
        checked_horizon("2h")
