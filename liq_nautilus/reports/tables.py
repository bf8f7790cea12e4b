"""The report's words and tables: the run's summary as HTML fragments."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.reports.style import ACTION_COLOURS
from liq_nautilus.reports.style import account_amount
from liq_nautilus.reports.style import percent_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence

# Key of the summary, the row's name, and how its numbers read.
_STATISTICS: Final = (
    ("pnl", "Net P&L", "money"),
    ("price_pnl", "from price", "money"),
    ("fees", "fees", "money"),
    ("funding", "funding", "money"),
    ("liquidations", "own liquidations", "money"),
    ("max_drawdown", "Largest drawdown", "percent"),
    ("positions", "Positions", "count"),
    ("orders", "Orders", "count"),
)
_ACTION_MEANINGS: Final = {
    "AVOID": "no new entries: a significant cluster is near",
    "REVERSAL_OPPORTUNITY": "enter against the cascade",
    "WAIT": "no new entries: too little is known",
    "CLEAR": "trade the base rule",
}
_SHOWN_ELSEWHERE: Final = frozenset(
    {
        "symbol",
        "symbols",
        "start",
        "end",
        "bar",
        "updates",
        "duty",
        "duty_by_symbol",
        "baseline",
        "signals",
        "difference",
        "rivals",
        "trades",
    }
)


def _number(value: object) -> float:
    # A missing number of the summary is null.
    return float(value) if isinstance(value, int | float) else math.nan


def _money(summary: Mapping[str, Any], value: float) -> str:
    # An amount of the account, which is kept in dollars or in a coin.
    return account_amount(value, summary.get("currency", "USDT"))


def _formatted(summary: Mapping[str, Any], value: float, kind: str, *, signed: bool = False) -> str:
    if kind == "money":
        return _money(summary, value)
    if kind == "percent":
        return percent_text(value, 2)
    return f"{value:+,.0f}" if signed else f"{value:,.0f}"


def _tone(value: float) -> str:
    # The colour class of a gain or a loss.
    return "good" if value > 0 else "bad" if value < 0 else ""


def _interval(summary: Mapping[str, Any]) -> tuple[float, float] | None:
    interval = summary.get("difference", {}).get("interval")
    if not interval or any(not math.isfinite(_number(value)) for value in interval):
        return None
    return _number(interval[0]), _number(interval[1])


def _span(summary: Mapping[str, Any], interval: tuple[float, float]) -> str:
    return f"{_money(summary, interval[0])} to {_money(summary, interval[1])}"


def reading(summary: Mapping[str, Any]) -> str:
    """
    Say in a few sentences what the run showed and what it did not.

    Parameters
    ----------
    summary : mapping
        The run's `summary.json`.

    Returns
    -------
    str
        Plain text.

    """
    difference = _number(summary.get("difference", {}).get("pnl"))
    with_signals = _number(summary["signals"].get("pnl"))
    without = _number(summary["baseline"].get("pnl"))
    first = (
        f"With the signals the strategy ended at {_money(summary, with_signals)}, without "
        f"them at {_money(summary, without)}: a difference of "
        f"{_money(summary, difference)}."
    )
    parts = [first, _verdict(summary), _random_sentence(summary), _duty_sentence(summary)]
    return " ".join(part for part in parts if part)


def _verdict(summary: Mapping[str, Any]) -> str:
    interval = _interval(summary)
    if interval is None:
        return (
            "No interval could be computed for it (too few days), so it must be read as "
            "not distinguishable from zero."
        )
    low, high = interval
    if low == high == 0:
        return "The signals changed no trade on this window: it says nothing about them."
    span = f"its 95\u00a0% interval runs from {_span(summary, interval)}"
    if low <= 0 <= high:
        return f"That is not distinguishable from zero: {span}."
    direction = "better" if low > 0 else "worse"
    return (
        f"On this window the signals did {direction}: {span} and leaves zero out. "
        "One window is one sample; other windows may show the opposite."
    )


def _random_sentence(summary: Mapping[str, Any]) -> str:
    random = (summary.get("rivals") or {}).get("random")
    if not random or not random.get("interval"):
        return ""
    low, high = (_number(value) for value in random["interval"])
    if math.isnan(low):
        mean = _money(summary, _number(random.get("mean_difference")))
        return (
            f"The same signals at random moments made a difference of {mean} on average, in "
            f"{random['runs']} runs: too few to tell a range."
        )
    difference = _number(summary.get("difference", {}).get("pnl"))
    place = "inside that range" if low <= difference <= high else "outside that range"
    return (
        f"The same signals at random moments ({random['runs']} runs) made a difference of "
        f"{_span(summary, (low, high))}: the map's lies {place}."
    )


def _duty_sentence(summary: Mapping[str, Any]) -> str:
    duty = {name: _number(value) for name, value in summary.get("duty", {}).items()}
    never = [name for name in ACTION_COLOURS if not duty.get(name, 0.0) > 0]
    text = (
        f"AVOID was in force {percent_text(duty.get('AVOID', 0.0))} of the time, "
        f"WAIT {percent_text(duty.get('WAIT', 0.0))}."
    )
    return f"{text} On this window there was no {' and no '.join(never)}." if never else text


def cards(summary: Mapping[str, Any]) -> str:
    """Return the row of headline numbers as HTML."""
    difference = _number(summary.get("difference", {}).get("pnl"))
    interval = _interval(summary)
    span = f"95\u00a0%: {_span(summary, interval)}" if interval else "no interval: too few days"
    updates = summary.get("updates", {})
    items = [
        _pnl_card("Net P&L with signals", summary, "signals"),
        _pnl_card("Net P&L without", summary, "baseline"),
        ("Difference", _money(summary, difference), span, _tone(difference)),
        (
            "AVOID in force",
            percent_text(_number(summary.get("duty", {}).get("AVOID"))),
            "of the time",
            "",
        ),
        (
            "Level updates",
            f"{_number(updates.get('levels')):,.0f}",
            f"{_number(updates.get('signals')):,.0f} signals",
            "",
        ),
    ]
    cells = "\n".join(
        f'<div class="card"><div class="name">{escape(name)}</div>'
        f'<div class="value {tone}">{escape(value)}</div>'
        f'<div class="more">{escape(more)}</div></div>'
        for name, value, more, tone in items
    )
    return f'<div class="cards">\n{cells}\n</div>'


def _pnl_card(name: str, summary: Mapping[str, Any], key: str) -> tuple[str, str, str, str]:
    run = summary[key]
    pnl = _number(run.get("pnl"))
    fallen = f"largest drawdown {percent_text(_number(run.get('max_drawdown')), 2)}"
    return name, _money(summary, pnl), fallen, _tone(pnl)


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return plain texts as an HTML table; what follows a line break in a cell is set small."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "\n".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n'
        "</tbody></table></div>"
    )


def _cell(text: str) -> str:
    first, _, small = text.partition("\n")
    more = f'<span class="interval">{escape(small)}</span>' if small else ""
    return f"<td>{escape(first)}{more}</td>"


def statistics_table(summary: Mapping[str, Any]) -> str:
    """Return both runs' statistics side by side, with their difference, as an HTML table."""
    rows = []
    for key, name, kind in _STATISTICS:
        without = _number(summary["baseline"].get(key))
        with_signals = _number(summary["signals"].get(key))
        signed = kind == "money"
        apart = _difference_cell(key, with_signals - without, kind, summary)
        rows.append(
            f"<tr><td>{escape(name)}</td>"
            f"<td>{_formatted(summary, with_signals, kind, signed=signed)}</td>"
            f"<td>{_formatted(summary, without, kind, signed=signed)}</td><td>{apart}</td></tr>"
        )
    return (
        '<div class="scroll"><table><thead><tr><th></th><th>with signals</th>'
        "<th>without</th><th>difference</th></tr></thead><tbody>\n"
        + "\n".join(rows)
        + "\n</tbody></table></div>"
    )


def _difference_cell(key: str, value: float, kind: str, summary: Mapping[str, Any]) -> str:
    if kind == "percent":
        return f"{100 * value:+.2f} pp" if math.isfinite(value) else percent_text(value)
    text = _formatted(summary, value, kind, signed=True)
    if key != "pnl":
        return text
    interval = _interval(summary)
    span = _span(summary, interval) if interval else "no interval"
    return f'<span class="{_tone(value)}">{text}</span><span class="interval">{span}</span>'


def duty_table(summary: Mapping[str, Any]) -> str:
    """Return how much of the time each action was in force as an HTML table with bars."""
    duty = {name: _number(value) for name, value in summary.get("duty", {}).items()}
    rows = []
    for action, colour in ACTION_COLOURS.items():
        share = duty.get(action, 0.0)
        width = 100 * share if math.isfinite(share) else 0
        rows.append(
            f'<tr><td><span class="swatch" style="background:{colour}"></span>'
            f"{escape(action.replace('_OPPORTUNITY', ''))}"
            f'<span class="interval">{escape(_ACTION_MEANINGS[action])}</span></td>'
            f'<td class="bar-cell"><span class="bar" style="width:{width:.1f}%;'
            f'background:{colour}"></span></td><td>{percent_text(share)}</td></tr>'
        )
    return f'<div class="scroll"><table><tbody>\n{"\n".join(rows)}\n</tbody></table></div>'


def provenance(summary: Mapping[str, Any], version: str) -> str:
    """Return what the report was made of and with, as an HTML footer."""
    entries = {"liq_nautilus": version, "bars": summary.get("bar", "")}
    for key, value in summary.items():
        if key not in _SHOWN_ELSEWHERE:
            entries.update(_flat(key, value))
    items = "\n".join(
        f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(str(value))}</dd>"
        for name, value in entries.items()
        if value not in ("", None)
    )
    return (
        "<footer>\n<h2>Made of</h2>\n"
        f"<dl>\n{items}\n</dl>\n"
        "<p>Levels are estimates: leverage and entries of other traders cannot be observed. "
        "P&amp;L is net of fees and funding and counts what is still open at the end. "
        "Nothing here is advice.</p>\n</footer>"
    )


def _flat(key: str, value: object) -> dict[str, str]:
    # One level of nesting becomes "outer: inner"; deeper values are printed as they are.
    if isinstance(value, dict):
        return {f"{key}: {inner}": _plain(item) for inner, item in value.items()}
    return {key: _plain(value)}


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return "" if value is None else str(value)
