"""
Controls on the simulated market: signals must pay where there is something, and not elsewhere.

While building, seeds 101 to 110, 201 to 280 and 1001 to 1080 were looked at; those here were not,
and were not changed after. Intervals over the seeds are Student's: a bootstrap of so few means is
too narrow. Each misses zero by chance one time in twenty, and did: before fees an earlier version
lost 2,426 USDT a week over seeds 101 to 110 (Student's t -3.4) and won 500 over 201 to 280 (1.3);
this one won 287 over 201 to 280 (2.3), and returns after its signals were nothing over 1001 to 1080
(-0.2).

In the world `no_impact` liquidations do not move the price, whose returns are drawn beforehand
with mean zero: before fees no rule can earn or lose there but by chance, and every trade costs
fees. What signals know is therefore told by the difference of P&L before fees, and by the returns
after them; what they cost is asserted by itself. That the control can fail is a test too.

The shipped parameters are fitted on real data: in `cascade`, whose leveraged positions are other
than theirs, they expect more to be liquidated and say REVERSAL_OPPORTUNITY less often. P&L still
tells (+4,022 USDT a week, +2,432 to +5,613); the returns after those signals by themselves do not
with so few (+1.6 % a week, -0.2 to +3.3), so that only their sign is asserted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import pandas as pd
import pytest
from scipy import stats
from support.control_runs import backtest_of
from support.control_runs import differences_of
from support.control_runs import over_seeds
from support.control_runs import peeking_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

_CASCADE_SEEDS: Final = tuple(range(301, 317))
# More, since reversal signals are rare where no cascade makes more of itself than the map held.
_NO_IMPACT_SEEDS: Final = tuple(range(301, 333))


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("cascade")
    return pd.DataFrame(over_seeds(differences_of, "cascade", _CASCADE_SEEDS, folder))


@pytest.fixture(scope="module")
def no_impact_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("no_impact")


@pytest.fixture(scope="module")
def no_impact(no_impact_folder: Path) -> pd.DataFrame:
    return pd.DataFrame(over_seeds(differences_of, "no_impact", _NO_IMPACT_SEEDS, no_impact_folder))


def interval(values: pd.Series) -> tuple[float, float]:
    found = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return float(found.low), float(found.high)


@pytest.mark.parametrize("what", ["net", "before_fees"])
def test_signals_help_where_cascades_push_the_price_and_revert(cascade: pd.DataFrame, what: str):
    low, _ = interval(cascade[what])
    assert low > 0.0
    assert cascade["returns"].mean() > 0.0


@pytest.mark.parametrize("what", ["before_fees", "returns"])
def test_signals_do_not_help_where_liquidations_leave_no_trace(no_impact: pd.DataFrame, what: str):
    low, high = interval(no_impact[what])
    assert low <= 0.0 <= high


def test_without_anything_to_earn_signals_cost_their_fees(no_impact: pd.DataFrame):
    _, high = interval(no_impact["fees"])
    assert high < 0.0
    low, _ = interval(no_impact["net"])
    assert low < 0.0


def test_the_negative_control_is_sharp_enough_to_tell_the_worlds_apart(
    cascade: pd.DataFrame, no_impact: pd.DataFrame
):
    low, high = interval(no_impact["before_fees"])
    assert max(-low, high) < interval(cascade["before_fees"])[0]


def test_the_negative_control_notices_a_rule_that_knows_the_next_hour(
    no_impact: pd.DataFrame, no_impact_folder: Path
):
    assert no_impact["n_reversals"].sum() > 0
    known = over_seeds(peeking_of, "no_impact", _NO_IMPACT_SEEDS[:8], no_impact_folder)
    low, _ = interval(pd.Series(known))
    assert low > 0.0


def test_two_simulated_symbols_share_an_account(tmp_path: Path):
    result = backtest_of("standard", 101, tmp_path, ("BTCUSDT", "SOLUSDT"))
    assert result.summary["symbols"] == ["BTCUSDT", "SOLUSDT"]
    for name in ("baseline", "signals"):
        run = result.summary[name]
        parts = run["price_pnl"] + run["fees"] + run["funding"] + run["liquidations"]
        assert parts == pytest.approx(run["pnl"], abs=1e-8)
        assert run["positions"] > 0
        assert run["funding"] != 0.0
