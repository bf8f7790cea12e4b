"""What a backtest was not given, so that nothing counts as zero without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from liq_nautilus.nautilus.backtest.scope import Scope

# Per input what its absence means.
_MEANS: Final = {
    "fundingRate": "no funding is paid or received",
    "markPriceKlines": "liquidations and funding go by last prices",
    "bookDepth": "market orders pay an assumed share of what prices lately moved",
    "metrics": "the map has no open interest",
    "liquidations": "no signal knows of realised liquidations",
}
# Liquidations come as sums or as single orders.
_LIKE: Final = {"liquidationSnapshot": "liquidations"}


def missing_inputs(scope: Scope) -> dict[str, dict[str, str]]:
    """
    Return what each symbol lacks in the window of a run.

    Parameters
    ----------
    scope : Scope
        What it runs on.

    Returns
    -------
    dict
        Per symbol and kind of data a sentence that says what is missing and what that means; a
        symbol that has everything is left out.

    """
    series = Catalog(scope.options.catalog).series
    found = {}
    for symbol in scope.symbols:
        spans: dict[str, tuple[int, int]] = {}
        for item in series:
            if item.symbol == symbol:
                kind = item.kind.partition("-")[0]
                kind = _LIKE.get(kind, kind)
                first, last = spans.get(kind, (item.first_ns, item.last_ns))
                spans[kind] = (min(first, item.first_ns), max(last, item.last_ns))
        lacks = {kind: _lack(scope, spans.get(kind), means) for kind, means in _MEANS.items()}
        lacks = {kind: text for kind, text in lacks.items() if text}
        if lacks:
            found[symbol] = lacks
    return found


def _lack(scope: Scope, span: tuple[int, int] | None, means: str) -> str:
    # A day may pass between two settlements or snapshots.
    if span is None or span[1] < scope.start_ns or span[0] >= scope.end_ns:
        return f"none in the window: {means}"
    parts = []
    if span[0] > scope.start_ns + DAY_NS:
        parts.append(f"none before {iso(span[0])}")
    if span[1] < scope.end_ns - DAY_NS:
        parts.append(f"none after {iso(span[1])}")
    return f"{', '.join(parts)}: there {means}" if parts else ""
