import numpy as np
import pytest

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.science.baselines import Context
from liq_nautilus.core.science.baselines import baseline_designs
from liq_nautilus.core.science.baselines import round_numbers
from liq_nautilus.core.science.baselines import specification_ensemble
from liq_nautilus.core.science.baselines import swing_levels
from liq_nautilus.core.science.baselines import volume_profile
from liq_nautilus.core.science.paths import Bars
from liq_nautilus.core.science.paths import interval_paths
from liq_nautilus.times import HOUR_NS

NAMES = {
    "adverse_move", "move_x_open_interest", "move_x_volatility", "distance_kernel",
    "snapshot_comb", "volume_profile", "swing_levels", "round_numbers",
    "specification_ensemble", "without_map",
}  # fmt: skip


def context(prices: list[tuple[float, float, float, float]], volume: float = 1.0) -> Context:
    # The last bar is the interval.
    n = len(prices)
    ts = np.arange(n, dtype=np.int64) * HOUR_NS
    columns = np.array(prices, dtype=np.float64).T
    bars = Bars(ts, ts + HOUR_NS, *columns, np.full(n, volume))
    paths = interval_paths(ts[-1:], ts[-1:] + HOUR_NS, bars)
    return Context(
        paths=paths,
        bars=bars,
        open_interest=np.array([1e6]),
        funding_rate=np.array([0.0]),
        ratio=np.array([[0.9, 0.99], [1.1, 1.01]]),
        turnover=np.array([0.1]),
        multiple=np.ones(2),
    )


FLAT = (90_000.0, 90_010.0, 89_990.0, 90_000.0)
DIP = (90_000.0, 90_010.0, 89_500.0, 90_000.0)
FALL = (90_000.0, 90_010.0, 88_900.0, 89_000.0)


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_every_baseline_has_a_design_of_one_row_per_interval(side: int):
    designs = baseline_designs(context([FLAT] * 3 + [FALL]), side)

    assert set(designs) == NAMES
    for design in designs.values():
        assert design.shape[0] == 1
        assert np.all(np.isfinite(design))
        assert np.all(design >= 0.0)


def test_snapshot_comb_holds_the_tiers_the_move_reached():
    designs = baseline_designs(context([FLAT, FALL]), LONG)
    assert designs["snapshot_comb"].tolist() == [[0.0, 1e6]]
    # 1.22 % adverse: whole bands up to 1.2 %, part of the next.
    assert designs["distance_kernel"][0, :6].tolist() == [1.0] * 6
    assert 0.0 < designs["distance_kernel"][0, 6] < 0.1


def test_volume_profile_counts_what_was_traded_in_the_swept_range():
    assert volume_profile(context([DIP, FLAT, FALL]), LONG) == pytest.approx(
        [500.0 / 510.0 + 0.5], abs=0.01
    )
    # Without volume a bar counts by its hours.
    assert volume_profile(context([DIP, FLAT, FALL], 0.0), LONG) == pytest.approx(
        [500.0 / 510.0 + 0.5], abs=0.01
    )
    assert volume_profile(context([FALL]), LONG).tolist() == [0.0]


def test_swings_count_once_they_are_known():
    quiet = [FLAT] * 3
    known = context([*quiet, DIP, *quiet, FALL])
    too_young = context([*quiet, DIP, FLAT, FALL])
    move = known.paths.adverse(LONG)[0]

    # Equal lows of the quiet hours are swings too: one known before, and ties among them.
    assert swing_levels(known, LONG)[0] - swing_levels(too_young, LONG)[0] == pytest.approx(1.0)
    assert swing_levels(too_young, LONG)[0] % 1.0 == pytest.approx(move)
    assert swing_levels(known, SHORT)[0] >= 0.0


def test_round_numbers_are_counted_by_their_roundness():
    paths = context([FLAT, FALL]).paths
    # 90,000 itself (a tenth of a power) and 89,900 down to 88,900 in hundreds, 89,000 among them.
    assert round_numbers(paths, LONG)[0] - paths.adverse(LONG)[0] == 12 + 9 * 2
    assert round_numbers(paths, SHORT)[0] - paths.adverse(SHORT)[0] == 1 + 9 * 1


def test_specification_holds_its_levels_of_all_open_interest():
    crash = context([FLAT, (90_000.0, 90_000.0, 87_500.0, 88_000.0)])
    # 100x at -0.95 %, 50x at -1.96 %; 25x lies at -3.96 %.
    assert specification_ensemble(crash, LONG) == pytest.approx([0.3 * 1e6])
    assert specification_ensemble(crash, SHORT).tolist() == [0.0]


def test_without_bars_the_history_is_empty():
    one = context([FALL])
    empty = Bars(*[np.zeros(0, dtype=np.int64)] * 2, *[np.zeros(0)] * 5)
    bare = Context(
        one.paths, empty, one.open_interest, one.funding_rate, one.ratio, one.turnover,
        one.multiple,
    )  # fmt: skip

    assert volume_profile(bare, LONG).tolist() == [0.0]
    assert swing_levels(bare, LONG).tolist() == one.paths.adverse(LONG).tolist()
