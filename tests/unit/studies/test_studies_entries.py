"""Random entries: what becomes of them on the bars, and what ways of sizing them cost."""

import math
from dataclasses import replace

import numpy as np
import pytest
from support.study_windows import START
from support.study_windows import made_up_window

from liq_nautilus.core.advising.position_risk import Position
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.science.paths import Bars
from liq_nautilus.studies.forecasts import entries as entries_module
from liq_nautilus.studies.forecasts.entries import Entries
from liq_nautilus.studies.forecasts.entries import draw_entries
from liq_nautilus.studies.forecasts.entries import measure_entries
from liq_nautilus.studies.forecasts.entries import weights_of
from liq_nautilus.studies.forecasts.moments import gather_moments
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS


@pytest.fixture(scope="module")
def window():
    return made_up_window(4)


@pytest.fixture(scope="module")
def drawn(window):
    moments = gather_moments(window, TrackerParameters(), "4h")
    return draw_entries(window, moments, 400)


def on_path(window, moves, side, leverage=5.0, deviation=0.02):
    """Return what becomes of an entry whose quarter hours close at moves from the entry."""
    n = 16
    close = 100.0 * np.exp(np.append(moves, np.full(n - len(moves), moves[-1])))
    opened = np.append(100.0, close[:-1])
    ts = START + np.arange(n, dtype=np.int64) * HOUR_NS // 4
    bars = Bars(
        ts, ts + HOUR_NS // 4 - 1, opened, np.maximum(opened, close), np.minimum(opened, close),
        close, np.ones(n),
    )  # fmt: skip
    followed = replace(window, bars=bars)
    return entries_module._follow(followed, START, side, leverage, deviation)


@pytest.mark.parametrize("side", [1, -1])
def test_a_quiet_entry_is_closed_after_four_hours(window, side):
    liquidated, stopped, slippage, hourly = on_path(window, [0.01 * side], side)
    assert (liquidated, stopped, slippage) == (False, False, 0.0)
    expected = side * (math.exp(0.01 * side) - 1.0)
    assert hourly == pytest.approx([expected, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("side", [1, -1])
def test_a_stop_is_filled_between_its_price_and_the_end_of_the_bar(window, side):
    liquidated, stopped, slippage, hourly = on_path(window, [0.0, -0.03 * side], side)
    assert not liquidated
    assert stopped
    stop, worst = math.exp(-0.02 * side), math.exp(-0.03 * side)
    assert slippage == pytest.approx(0.5 * abs(stop - worst))
    assert sum(hourly) == pytest.approx(side * (stop - 1.0) - slippage)
    assert hourly[1:] == pytest.approx([0.0] * 3)


def test_a_bar_that_opens_beyond_the_stop_is_filled_from_there(window):
    n = 16
    close = np.full(n, 95.0)
    opened = np.append([100.0, 96.0], close[2:])
    ts = START + np.arange(n, dtype=np.int64) * HOUR_NS // 4
    low = np.append([99.5, 94.0], close[2:])
    bars = Bars(ts, ts + HOUR_NS // 4 - 1, opened, opened + 0.5, low, close, np.ones(n))
    found = entries_module._follow(replace(window, bars=bars), START, 1, 5.0, 0.02)
    assert found[2] == pytest.approx(0.5 * 0.02)
    assert sum(found[3]) == pytest.approx(-0.04 - 0.01)


@pytest.mark.parametrize(("leverage", "expected"), [(5.0, False), (50.0, True)])
def test_leverage_decides_who_is_liquidated(window, leverage, expected):
    assert on_path(window, [0.0, -0.03], 1, leverage)[0] is expected
    assert Position(1, 100.0, 98.0, leverage).liquidation_price < 100.0


def test_entries_are_drawn_alike_each_time(window, drawn):
    moments = gather_moments(window, TrackerParameters(), "4h")
    again = draw_entries(window, moments, 400)
    np.testing.assert_array_equal(again.hourly, drawn.hourly)
    assert set(drawn.ts) <= set(moments.ts)
    assert 0.0 < drawn.is_stopped.mean() < 1.0
    assert (drawn.volatility > 0.0).all()


def test_every_way_has_the_same_exposure(drawn):
    for weights in weights_of(drawn).values():
        assert weights.mean() == pytest.approx(1.0)
        assert (weights >= 0.0).all()
    assert not weights_of(drawn)["avoid"][drawn.is_avoided].any()


def known_entries(n=4000):
    """Return entries of which the avoided ones are liquidated, far oftener."""
    rng = np.random.default_rng(2)
    is_avoided = rng.uniform(size=n) < 0.2
    is_bad = rng.uniform(size=n) < np.where(is_avoided, 0.5, 0.05)
    hourly = rng.normal(0.0, 0.001, (n, 4)) - 0.01 * is_bad[:, None]
    ts = np.sort(rng.integers(0, 40 * DAY_NS, n))
    bad = is_bad.astype(float)
    return Entries(
        ts, bad, bad, 0.001 * bad, hourly, is_avoided, 0.1 + 0.3 * is_avoided, np.full(n, 0.02)
    )


def test_what_is_avoided_is_measured_against_every_opponent():
    found = measure_entries([known_entries()])
    ways = found["ways"]
    assert ways["always"]["liquidated"] == pytest.approx(0.14, abs=0.02)
    assert ways["avoid"]["liquidated"] == pytest.approx(0.05, abs=0.01)
    assert ways["avoid"]["shortfall"] < ways["always"]["shortfall"]
    assert ways["random_gate"]["liquidated"] == pytest.approx(0.14, abs=0.02)
    rows = {(row["way"], row["from"]): row for row in found["differences"]}
    value, low, high = rows["avoid", "always"]["liquidated"]
    assert low < value < high < 0.0
    assert value == ways["avoid"]["liquidated"] - ways["always"]["liquidated"]
    value, low, high = rows["random_gate", "always"]["liquidated"]
    assert low < 0.0 < high
    assert ("avoid_and_volatility_scaled", "volatility_scaled") in rows


def test_the_shortfall_is_the_mean_of_the_worst_twentieth():
    one = known_entries(500)
    found = measure_entries([one])["ways"]["always"]["shortfall"]
    losses = np.sort(-one.hourly.ravel())[::-1]
    assert found == pytest.approx(losses[: losses.size // 20].mean())
