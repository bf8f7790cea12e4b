"""The map itself at a moment, for questions that no kept answer holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liq_nautilus.queries.asking import open_map

if TYPE_CHECKING:
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.tracker import LiquidationTracker
    from liq_nautilus.nautilus.catalog.inventory import Catalog


def tracker_at(
    catalog: Catalog,
    symbol: str | None = None,
    at_ns: int | None = None,
    *,
    parameters: TrackerParameters | None = None,
    brackets: object | None = None,
) -> LiquidationTracker:
    """
    Return a tracker that knows what could be known at a moment.

    Parameters
    ----------
    catalog : Catalog
        The Parquet catalog.
    symbol : str, optional
        Binance's name; by default the only symbol of the catalog.
    at_ns : int, optional
        The moment (UTC nanoseconds); by default that of the newest input.
    parameters : TrackerParameters, optional
        What is assumed.
    brackets : object, optional
        A parsed `leverageBracket` response of Binance in place of the built-in brackets.

    Raises
    ------
    DataGapError
        If the catalog has no open interest in the time before the moment.
    SettingError
        If the symbol must be named, or the brackets are wrong.

    """
    kept, _ = open_map(catalog, symbol, at_ns, parameters=parameters, brackets=brackets)
    return kept.tracker_at(kept.newest_ns() if at_ns is None else at_ns)
