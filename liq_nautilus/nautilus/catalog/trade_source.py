"""Keeps aggTrades and trades apart: both describe the same trades, a catalog counts them once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

from liq_nautilus.data.kinds import kinds_of
from liq_nautilus.data.kinds.trades import TRADES
from liq_nautilus.errors import SchemaError

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER: Final = "trade_sources"


def trade_source(catalog: Path, symbol: str) -> str | None:
    """Return the kind of file the trades of a symbol came from; None if it has none."""
    for kind in kinds_of(TRADES):
        if (catalog / _FOLDER / f"{symbol}.{kind}").exists():
            return kind
    return None


def check_trade_source(catalog: Path, symbol: str, kind: str) -> None:
    """
    Note, or compare, the kind of file the trades of a symbol come from.

    Raises
    ------
    SchemaError
        If the catalog has the symbol's trades from the other kind.

    """
    if kind not in kinds_of(TRADES):
        return
    present = trade_source(catalog, symbol)
    if present is None:
        folder = catalog / _FOLDER
        folder.mkdir(exist_ok=True)
        (folder / f"{symbol}.{kind}").touch()
    elif present != kind:
        msg = (
            f"trades of {symbol} must come from one kind of file, the catalog has {present}: "
            f"{kind} would count every trade twice; use --kind or another --catalog"
        )
        raise SchemaError(msg)
