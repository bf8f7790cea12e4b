"""Ranges seen on BTCUSDT, averaged over seeds; and what tells the worlds apart."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from liq_nautilus.errors import SettingError
from liq_nautilus.market.simulation import simulate
from liq_nautilus.market.worlds import WORLDS
from liq_nautilus.market.worlds import WorldParameters
from liq_nautilus.market.worlds import contract
from liq_nautilus.market.worlds import world

SEEDS = range(500, 504)


@pytest.fixture(scope="module")
def standard():
    return [simulate(WORLDS["standard"], days=7, seed=seed) for seed in SEEDS]


def mean(values):
    return float(np.mean(list(values)))


def correlation(first, second):
    return float(np.corrcoef(first, second)[0, 1])


def returns(market, minutes=5):
    return np.diff(np.log(market.bars(minutes).close))


def test_volatility_is_a_few_percent_a_day_and_clusters(standard):
    assert 0.015 < mean(returns(m).std() * 288**0.5 for m in standard) < 0.035
    clustering = [np.abs(returns(m)) for m in standard]
    assert mean(correlation(size[1:], size[:-1]) for size in clustering) > 0.15
    assert mean(correlation(size[12:], size[:-12]) for size in clustering) > 0.08
    tails = [(r**4).mean() / (r**2).mean() ** 2 for r in map(returns, standard)]
    assert mean(tails) > 6.0
    assert abs(mean(correlation(r[1:], r[:-1]) for r in map(returns, standard))) < 0.05


def test_open_interest_moves_like_the_real_one(standard):
    interest = [m.metrics.open_interest for m in standard]
    assert 80_000 < mean(values.mean() for values in interest) < 105_000
    hourly = [np.diff(np.log(values[::12])) for values in interest]
    assert 0.003 < mean(change.std() for change in hourly) < 0.009


def test_volume_is_one_to_three_times_the_open_interest(standard):
    for market in standard:
        bars = market.bars(60)
        per_day = bars.volume.sum() / market.days / market.contract.open_interest
        assert 0.4 < per_day < 5.0
    ratio = [m.bars(60).volume.sum() / m.days / m.contract.open_interest for m in standard]
    assert 1.0 < np.mean(ratio) < 3.0


def test_volume_goes_with_the_range_and_takers_with_the_price(standard):
    together, following = [], []
    for market in standard:
        bars = market.bars(5)
        together.append(correlation(np.log(bars.volume), np.log(bars.high / bars.low)))
        share = bars.taker_buy_volume / bars.volume
        following.append(correlation(share[1:], np.diff(np.log(bars.close))))
    assert mean(together) > 0.45
    assert mean(following) > 0.2


def test_trades_are_thinned_to_a_readable_number(standard):
    assert mean(len(m.trades.ts) / m.days for m in standard) < 60_000


def test_funding_is_near_its_base_rate_and_moves(standard):
    rates = np.concatenate([m.funding.rate for m in standard])
    assert 0.00002 < rates.mean() < 0.00015
    assert rates.std() > 0.00001
    assert len(rates) == 21 * len(standard)


def test_liquidated_share_of_open_interest_is_small_and_heavy_tailed(standard):
    shares, hours = [], []
    for market in standard:
        volume = market.liquidation_volume(60)
        total = volume.long_notional + volume.short_notional
        interest = market.metrics.open_interest_notional.mean()
        shares.append(total.sum() / market.days / interest)
        hours.append(total)
    assert 0.001 < mean(shares) < 0.012
    hours = np.concatenate(hours)
    assert hours.mean() > 4.0 * np.median(hours)
    assert np.quantile(hours, 0.99) > 8.0 * hours.mean()


def test_forced_order_feed_shows_a_third(standard):
    assert 2.2 < mean(m.under_reporting for m in standard) < 3.8


def test_there_are_more_and_smaller_longs(standard):
    assert 1.2 < mean(m.metrics.count_ratio.mean() for m in standard) < 2.0
    top = mean(m.metrics.top_quantity_ratio.mean() for m in standard)
    assert 0.8 < top < 1.2


def cascades(name):
    """Return signed returns of the two hours after bursts of liquidations, and the impacts."""
    after, impacts = [], []
    for seed in range(600, 604):
        market = simulate(WORLDS[name], days=8, seed=seed)
        volume = market.liquidation_volume(5)
        interest = market.metrics.open_interest_notional.mean()
        net = (volume.long_notional - volume.short_notional) / interest
        quarter = np.convolve(net, np.ones(3))[: len(net)]
        close = np.log(market.bars(5).close)
        last = -24
        for bar in np.flatnonzero(np.abs(quarter) > 0.001):
            if bar - last >= 24 and bar + 24 < len(close):
                last = bar
                after.append(np.sign(quarter[bar]) * (close[bar + 24] - close[bar]))
        impacts.append(np.abs(market.trace.impact).max())
    return np.array(after), np.array(impacts)


def test_cascades_push_the_price_and_it_comes_back():
    after, impacts = cascades("cascade")
    assert len(after) > 40
    assert after.mean() > 3.0 * after.std() / np.sqrt(len(after))
    assert after.mean() > 0.003
    assert impacts.mean() > 0.01


def test_nothing_comes_back_where_liquidations_have_no_impact():
    after, impacts = cascades("no_impact")
    assert (impacts == 0.0).all()
    assert abs(after.mean()) < 3.0 * after.std() / np.sqrt(len(after))


def test_no_world_runs_away():
    for name in WORLDS:
        market = simulate(WORLDS[name], days=7, seed=7)
        ratio = market.trace.last_price / market.contract.price
        assert ratio.min() > 0.4
        assert ratio.max() < 2.5
        gap = np.abs(np.log(market.trace.mark_price / market.trace.last_price))
        assert gap.max() < 0.01


def test_worlds_and_contracts_go_by_name():
    assert world("other") is WORLDS["other"]
    assert contract("SOLUSDT").price_decimals == 2
    with pytest.raises(SettingError, match="world must be one of standard, other"):
        world("flat")


def test_every_field_of_a_world_is_documented_with_its_default():
    text = " ".join(WorldParameters.__doc__.split())
    for field in fields(WorldParameters):
        assert f" {field.name}" in text
        if isinstance(field.default, float):
            stated = [float(word.rstrip(",.")) for word in text.split() if is_number(word)]
            assert field.default in stated


def is_number(word):
    return word.rstrip(",.").replace(".", "", 1).lstrip("-").isdigit()
