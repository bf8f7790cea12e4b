"""What is said below every answer, on a page and at a terminal alike."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.reports.style import price_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAIN: Final = {
    "long": "heaviest long level",
    "short": "heaviest short level",
    "least": "least pain",
}


def pain_text(max_pain: Mapping[str, float | None]) -> str:
    """
    Return where most would be liquidated on each side, and least between them.

    Examples
    --------
    >>> pain_text({"long": 90_650.0, "short": None, "least": None})
    'heaviest long level at $90,650'

    """
    parts = [
        f"{text} at {price_text(price)}"
        for name, text in _PAIN.items()
        if (price := max_pain[name]) is not None
    ]
    return "; ".join(parts) or "no levels"


def assumptions_text(assumptions: Mapping[str, Any]) -> str:
    """Return what a map assumes."""
    brackets = assumptions["brackets"]
    return (
        f"{assumptions['formula']} formula, brackets of {brackets['symbol']} from "
        f"{brackets['valid_from']}, venues {', '.join(assumptions['venues'])}"
    )
