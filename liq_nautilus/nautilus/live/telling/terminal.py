"""The node on a terminal: what is near, what is advised, what is held, how the feeds do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

from rich.columns import Columns
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from liq_nautilus.core.forecasting.outlook import touch_probability
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.nautilus.live.telling.wording import money_words
from liq_nautilus.nautilus.live.telling.wording import price_words

if TYPE_CHECKING:
    from rich.console import RenderableType

    from liq_nautilus.core.records import Forecast
    from liq_nautilus.core.records import Levels
    from liq_nautilus.core.records import Signal

_COLOURS: Final = {
    "AVOID": "yellow",
    "REVERSAL_OPPORTUNITY": "magenta",
    "WAIT": "red",
    "CLEAR": "green",
    "live": "green",
    "lost": "red",
    "waiting": "yellow",
}
_N_LEVELS: Final = 4
# Narrower screens have no room for the feeds beside the levels.
_WIDE: Final = 120


class NearLevel(NamedTuple):
    """
    A level beside the price.

    Attributes
    ----------
    price, notional : float
        Where it lies, and what is expected to be liquidated there (quote).
    side : int
        +1 long (below), -1 short (above).
    chance : float
        That a driftless random walk touches it within the signal's horizon; NaN while the
        volatility is unknown.

    """

    price: float
    notional: float
    side: int
    chance: float


class FeedLine(NamedTuple):
    """A feed: name, condition, age (seconds; None if never heard), refusals, gaps."""

    feed: str
    condition: str
    age_secs: float | None
    n_refused: int
    n_gaps: int


class Holding(NamedTuple):
    """
    A position and its own risk.

    Attributes
    ----------
    quantity, entry_price : float
        Base units, negative for a short; quote per base unit.
    unrealised : float
        P&L at the current price (quote).
    exposure : float
        Its notional as a multiple of the account's balance.
    liquidation_price : float
        Where it would be liquidated with the margin of its leverage alone (quote); 0 if nowhere.

    """

    quantity: float
    entry_price: float
    unrealised: float
    exposure: float
    liquidation_price: float


class SymbolView(NamedTuple):
    """
    What there is to be seen of a symbol.

    Attributes
    ----------
    symbol : str
        Binance's name.
    price : float
        The current price; NaN before any.
    levels : list of NearLevel
        The largest near ones.
    horizon_hours : float
        Over how long their chances are.
    signal : Signal
        The current one.
    forecast : Forecast
        The one of the same horizon or near it.
    holding : Holding or None
        The position, if one is open.
    feeds : list of FeedLine
        How the feeds do.

    """

    symbol: str
    price: float
    levels: list[NearLevel]
    horizon_hours: float
    signal: Signal
    forecast: Forecast
    holding: Holding | None
    feeds: list[FeedLine]


def near_levels(levels: Levels, volatility: float, distance: float) -> list[NearLevel]:
    """
    Return each side's largest levels within a distance, from the highest price to the lowest.

    Parameters
    ----------
    levels : Levels
        Those of one model.
    volatility : float
        Standard deviation of the log return over the signal's horizon; NaN when unknown.
    distance : float
        How far is near, as a fraction of the price.

    """
    found: list[NearLevel] = []
    for side in (LONG, SHORT):
        near = (levels.side == side) & (abs(levels.price / levels.reference_price - 1) <= distance)
        order = sorted(near.nonzero()[0], key=lambda i: -levels.notional[i])[:_N_LEVELS]
        for i in order:
            price = float(levels.price[i])
            away = abs(math.log(price / levels.reference_price))
            chance = touch_probability(away, volatility) if volatility > 0.0 else math.nan
            found.append(NearLevel(price, float(levels.notional[i]), side, chance))
    return sorted(found, key=lambda level: -level.price)


def render(views: list[SymbolView], head: list[str], width: int = _WIDE) -> RenderableType:
    """
    Return the screen: lines about account and node, below them a panel per symbol.

    What does not fit a terminal is cut off at its end, so that what concerns all stands first.

    Parameters
    ----------
    views : list of SymbolView
        The symbols.
    head : list of str
        The lines.
    width : int, optional
        How wide the screen is (characters).

    """
    panels = [
        Panel(Group(_headline(view), _tables(view, width)), title=view.symbol, title_align="left")
        for view in views
    ]
    return Group(*(Text(line, style="dim") for line in head), *panels)


def _tables(view: SymbolView, width: int) -> RenderableType:
    if width >= _WIDE:
        return Columns([_levels(view), _feeds(view)], padding=(0, 4))
    return Group(_levels(view), _feeds_in_lines(view))


def _headline(view: SymbolView) -> Text:
    signal = view.signal
    text = Text("price ")
    text.append(price_words(view.price), style="bold")
    text.append("   signal ")
    text.append(signal.action, style=f"bold {_COLOURS[signal.action]}")
    text.append(f", confidence {signal.confidence:.2f}: {signal.reason}\n")
    text.append(_forecast(view))
    holding = view.holding
    if holding is None:
        text.append("no position\n", style="dim")
        return text
    style = "green" if holding.unrealised >= 0.0 else "red"
    text.append(f"position {holding.quantity:+g} at {price_words(holding.entry_price)}, ")
    text.append(f"{holding.unrealised:+,.2f}", style=style)
    text.append(f", {holding.exposure:.2f} times the balance, liquidated ")
    if holding.liquidation_price > 0.0:
        away = holding.liquidation_price / view.price - 1.0
        text.append(f"at {price_words(holding.liquidation_price)} ({away:+.1%})\n")
    else:
        text.append("nowhere\n")
    return text


def _forecast(view: SymbolView) -> str:
    forecast, risk = view.forecast, view.signal.risk
    sides = [
        f"{name} {money_words(side.expected)} (1 of 10 above {money_words(side.q90)})"
        for name, side in forecast.sides.items()
        if not math.isnan(side.expected)
    ]
    likely = "unknown" if math.isnan(risk) else f"{risk:.0%}"
    expected = ", ".join(sides) or "nothing known"
    return (
        f"within {forecast.horizon}: {expected}; risk of an unusual amount {likely}\n"
        f"liquidations of the last hour: {_seen(view.signal.completeness)}\n"
    )


def _seen(completeness: float) -> str:
    if math.isnan(completeness):
        return "none, or the share that was seen is unknown"
    return "all seen" if completeness >= 1.0 else f"{completeness:.0%} seen, the rest made up"


def _levels(view: SymbolView) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("level", "distance", "liquidated", f"touched in {view.horizon_hours:g} h"):
        table.add_column(name, justify="right")
    table.add_column("side")
    for level in view.levels:
        name, style = ("long", "green") if level.side == LONG else ("short", "red")
        table.add_row(
            price_words(level.price),
            f"{level.price / view.price - 1.0:+.2%}",
            money_words(level.notional),
            "unknown" if math.isnan(level.chance) else f"{level.chance:.0%}",
            name,
            style=style,
        )
    if not view.levels:
        table.add_row("none near", style="dim")
    return table


def _feeds_in_lines(view: SymbolView) -> Text:
    text = Text("feeds: ")
    for number, line in enumerate(view.feeds):
        age = "never heard" if line.age_secs is None else f"{line.age_secs:.0f} s ago"
        found = {"refused": line.n_refused, "gaps": line.n_gaps}
        notes = [age, *(f"{n} {what}" for what, n in found.items() if n)]
        text.append(", " if number else "")
        text.append(f"{line.feed} {line.condition}", style=_COLOURS[line.condition])
        text.append(f" ({', '.join(notes)})")
    return text


def _feeds(view: SymbolView) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("feed")
    for name in ("heard", "refused", "gaps"):
        table.add_column(name, justify="right")
    for line in view.feeds:
        age = "never" if line.age_secs is None else f"{line.age_secs:.0f} s ago"
        feed = Text(f"{line.feed}: {line.condition}", style=_COLOURS[line.condition])
        table.add_row(feed, age, str(line.n_refused), str(line.n_gaps))
    return table
