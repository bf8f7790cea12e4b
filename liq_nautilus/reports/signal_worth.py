"""What the signals were worth beyond chance: event study, rivals and changed trades as HTML."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.reports.style import NOTHING
from liq_nautilus.reports.style import compact_usd
from liq_nautilus.reports.tables import html_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_MEASURES: Final = {
    "AVOID": "size of the move",
    "REVERSAL_OPPORTUNITY": "return of the trade it argues for",
}
# What a change of trades added: trades kept out add the reverse of what they made.
_CHANGES: Final = (
    ("avoided", "Trades kept out", -1.0),
    ("delayed", "Trades entered later", 1.0),
    ("taken", "Reversals taken", 1.0),
)


def has_evidence(summary: Mapping[str, Any], events: pd.DataFrame | None) -> bool:
    """Return whether there is anything to show."""
    return bool(summary.get("rivals") or summary.get("trades")) or (
        events is not None and not events.empty
    )


def events_table(events: pd.DataFrame) -> str:
    """
    Return what prices did after AVOID and REVERSAL_OPPORTUNITY as an HTML table.

    Parameters
    ----------
    events : DataFrame
        Columns action, horizon, n_events, mean, matched_mean, difference, low, high (log returns).

    """
    rows = [
        [
            f"{event.action.replace('_OPPORTUNITY', '')}, {event.horizon}",
            f"{event.n_events:,.0f}",
            _basis_points(event.mean),
            _basis_points(event.matched_mean),
            f"{_basis_points(event.difference)}\n"
            + _range(_basis_points(event.low), _basis_points(event.high)),
        ]
        for event in events.itertuples(index=False)
        if event.action in _MEASURES
    ]
    heads = ["signal, horizon", "times", "after it", "at like times", "difference"]
    return html_table(heads, rows)


def rivals_table(summary: Mapping[str, Any]) -> str:
    """
    Return what the same number of signals did without the map, as an HTML table.

    Parameters
    ----------
    summary : mapping
        The run's summary; `rivals` and `trades` of it are shown where they are there.

    """
    difference = summary.get("difference", {})
    rows = [["The map's signals", f"{_usd(difference.get('pnl'))}\n{_interval(difference)}"]]
    rivals = summary.get("rivals") or {}
    random = rivals.get("random")
    if random:
        name = f"At random moments ({random['runs']} runs)"
        rows.append([name, f"{_usd(random.get('mean_difference'))}\n{_interval(random)}"])
    drop = rivals.get("plain_drop")
    if drop:
        rows.append(["Plain rule: buy after a drop", _usd(drop.get("difference"))])
    for key, name, sign in _CHANGES:
        change = (summary.get("trades") or {}).get(key)
        if change:
            rows.append([f"{name}: {change['trades']}", _usd(sign * change["pnl"] + 0.0)])
    return html_table(["", "difference"], rows)


def _usd(value: object) -> str:
    number = float(value) if isinstance(value, int | float) else math.nan
    return compact_usd(number, signed=True)


def _interval(document: Mapping[str, Any]) -> str:
    low, high = document.get("interval") or (None, None)
    return _range(_usd(low), _usd(high))


def _range(low: str, high: str) -> str:
    return NOTHING if NOTHING in {low, high} else f"{low} to {high}"


def _basis_points(value: float) -> str:
    return f"{1e4 * value:+.0f}\u00a0bp" if math.isfinite(value) else NOTHING
