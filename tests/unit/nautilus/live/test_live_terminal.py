from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from liq_nautilus.core.records import Forecast
from liq_nautilus.core.records import Levels
from liq_nautilus.core.records import SideForecast
from liq_nautilus.core.records import Signal
from liq_nautilus.nautilus.live.telling.terminal import FeedLine
from liq_nautilus.nautilus.live.telling.terminal import Holding
from liq_nautilus.nautilus.live.telling.terminal import NearLevel
from liq_nautilus.nautilus.live.telling.terminal import SymbolView
from liq_nautilus.nautilus.live.telling.terminal import near_levels
from liq_nautilus.nautilus.live.telling.terminal import render


def levels(prices: list[float], notionals: list[float], reference: float) -> Levels:
    price = np.array(prices)
    notional = np.array(notionals)
    side = np.where(price < reference, 1, -1).astype(np.int8)
    ones = np.ones(price.size)
    numbers = (price, notional, notional, notional, notional)
    return Levels("ensemble", 0, reference, *numbers, side, ones, ones, True, "hash", ("BINANCE",))


SIGNAL = Signal(0, "AVOID", "A cluster of longs lies 0.5 % away", 0.62, 1, 99.5, 1.5e6, 0.234)
NONE = np.array([])
FORECAST = Forecast(
    0,
    "1h",
    100.0,
    {
        "long": SideForecast(1_500_000.0, 1e4, 1e5, 2.5e6, 9e6, 0.1, 3e6),
        "short": SideForecast(25_000.0, 1e3, 1e4, 75_000.0, 9e5, 0.2, 3e6),
    },
    NONE,
    NONE.astype(np.int8),
    NONE,
    NONE,
    ("BINANCE",),
)
UNKNOWN = SideForecast(*(math.nan,) * 7)
FEEDS = [
    FeedLine("open interest", "live", 3.4, 0, 0),
    FeedLine("forced orders", "lost", 61.0, 12, 2),
    FeedLine("funding", "waiting", None, 0, 0),
]
LEVELS = [NearLevel(101.25, 1_234_567.0, -1, 0.31), NearLevel(99.5, 2_500_000.0, 1, math.nan)]
HOLDING = Holding(-1.5, 102.0, 12.34, 0.75, 111.0)


def view(**changes: object) -> SymbolView:
    shown = SymbolView("SOLUSDT", 100.0, LEVELS, 4.0, SIGNAL, FORECAST, HOLDING, FEEDS)
    return shown._replace(**changes)


def rendered(views: list[SymbolView], width: int, head: list[str] | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=60, color_system=None)
    console.print(render(views, head or [], width))
    return console.file.getvalue().splitlines()


def test_the_largest_near_levels_of_each_side_are_shown():
    prices = [95.0, 97.0, 97.5, 98.0, 98.5, 99.0, 99.5, 100.5, 102.9, 103.1]
    notionals = [9e9, 1.0, 7.0, 3.0, 4.0, 5.0, 6.0, 8.0, 2.0, 9e9]
    found = near_levels(levels(prices, notionals, 100.0), 0.02, 0.03)
    # Of longs the four largest within 3 %, of shorts both.
    assert [level.price for level in found] == [102.9, 100.5, 99.5, 99.0, 98.5, 97.5]
    assert [level.side for level in found] == [-1, -1, 1, 1, 1, 1]
    assert [level.notional for level in found] == [2.0, 8.0, 6.0, 5.0, 4.0, 7.0]
    # 2 * Phi(-1) for a level one standard deviation away.
    (one,) = near_levels(levels([100.0 * math.exp(0.02)], [1.0], 100.0), 0.02, 0.03)
    assert one.chance == pytest.approx(0.3173, abs=1e-4)
    nearer = [level.chance for level in found if level.side > 0]
    assert nearer == sorted(nearer, reverse=True)


@pytest.mark.parametrize("volatility", [math.nan, 0.0])
def test_without_a_volatility_no_chance_is_told(volatility: float):
    (one,) = near_levels(levels([101.0], [1.0], 100.0), volatility, 0.03)
    assert math.isnan(one.chance)


@pytest.mark.parametrize("width", [80, 160])
def test_everything_is_on_the_screen_and_nothing_is_cut(width: int):
    lines = rendered([view()], width, ["paper: balance 1,000.00 USDT; no errors", "alerts: 1 told"])
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).replace("│", " ").split())
    for part in (
        "SOLUSDT",
        "price 100.000 signal AVOID, confidence 0.62: A cluster of longs lies 0.5 % away",
        (
            "within 1h: long $1.50M (1 of 10 above $2.50M), "
            "short $25.0K (1 of 10 above $75.0K); risk of an unusual amount 23%"
        ),
        "position -1.5 at 102.000, +12.34, 0.75 times the balance, liquidated at 111.000 (+11.0%)",
        "level distance liquidated touched in 4 h side",
        "101.250 +1.25% $1.23M 31% short",
        "99.5000 -0.50% $2.50M unknown long",
        "paper: balance 1,000.00 USDT; no errors alerts: 1 told",
    ):
        assert part in text
    feeds = {
        80: (
            "feeds: open interest live (3 s ago), forced orders lost (61 s ago, 12 refused, "
            "2 gaps), funding waiting (never heard)"
        ),
        160: "forced orders: lost 61 s ago 12 2",
    }
    assert feeds[width] in text
    assert "…" not in text


def test_what_concerns_all_stands_where_a_small_screen_does_not_cut_it_off():
    head = ["paper: balance 1,000.00 USDT; 3 malformed", "alerts: 1 told, 0 failed"]
    assert rendered([view(), view()], 80, head)[:2] == head
    # Two symbols and their head fit a usual terminal.
    assert len(rendered([view(), view()], 80, head)) <= 48


@pytest.mark.parametrize(
    ("completeness", "words"),
    [
        (math.nan, "none, or the share that was seen is unknown"),
        (0.414, "41% seen, the rest made up"),
        (1.0, "all seen"),
    ],
)
def test_how_much_of_the_liquidations_was_seen_is_said(completeness: float, words: str):
    seen = view(signal=replace(SIGNAL, completeness=completeness))
    text = "\n".join(rendered([seen], 160))
    assert f"liquidations of the last hour: {words}" in text


def test_levels_and_feeds_stand_beside_each_other_where_there_is_room():
    wide, narrow = (rendered([view()], width) for width in (160, 80))
    assert any("touched in 4 h" in line and "refused" in line for line in wide)
    assert not any("touched in 4 h" in line and "refused" in line for line in narrow)
    assert len(wide) < len(narrow)


@pytest.mark.parametrize("width", [80, 160])
def test_a_symbol_of_which_nothing_is_known_yet_is_shown(width: int):
    waiting = Signal(0, "WAIT", "Stale or missing input", 0.0, 0, math.nan, math.nan)
    forecast = replace(FORECAST, sides=dict.fromkeys(("long", "short", "both"), UNKNOWN))
    nothing = {"levels": [], "holding": None, "feeds": []}
    unknown = view(price=math.nan, signal=waiting, forecast=forecast, **nothing)
    text = "\n".join(rendered([unknown], width))
    assert "price unknown   signal WAIT, confidence 0.00: Stale or missing input" in text
    assert "within 1h: nothing known; risk of an unusual amount unknown" in text
    assert "no position" in text
    assert "none near" in text


def test_a_position_that_cannot_be_liquidated_says_so():
    safe = HOLDING._replace(quantity=0.5, liquidation_price=0.0, unrealised=-3.0)
    text = " ".join(rendered([view(holding=safe)], 160))
    assert "position +0.5 at 102.000, -3.00, 0.75 times the balance, liquidated nowhere" in text


def test_each_symbol_has_a_panel_of_its_own():
    coins = [view(), view(symbol="PEPEUSDT", price=0.00001234)]
    lines = rendered(coins, 80)
    assert sum(line.startswith("╭─") for line in lines) == 2
    assert any("0.0000123400" in line for line in lines)
