"""Trades, one by one or aggregated: both kinds of file tell of the same trades."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.core.feed import trade_batches
from liq_nautilus.data.columns import numbers
from liq_nautilus.data.kinds.schema import Check
from liq_nautilus.data.kinds.schema import Feeds
from liq_nautilus.data.kinds.schema import Kind
from liq_nautilus.data.kinds.schema import named_columns
from liq_nautilus.data.kinds.stored import Field
from liq_nautilus.data.kinds.stored import StoredType
from liq_nautilus.data.kinds.stored import prices
from liq_nautilus.data.kinds.stored import quantity
from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.values import choice
from liq_nautilus.data.values import decimal
from liq_nautilus.data.values import identifier
from liq_nautilus.data.values import moment
from liq_nautilus.times import MINUTE_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow as pa

    from liq_nautilus.core.feed import Event
    from liq_nautilus.data.frames import Frame
    from liq_nautilus.data.kinds.stored import EventOptions

_BUYER: Final = 1  # Nautilus's aggressor sides are 1 buyer, 2 seller
# Trades come as they come, yet a liquid perpetual does not pause so long.
TRADE_GAP_NS: Final = 10 * MINUTE_NS


def _taker_sides(column: pa.ChunkedArray, _: dict[bytes, bytes]) -> npt.NDArray[np.int8]:
    return np.where(numbers(column) == _BUYER, 1, -1).astype(np.int8)


def _events(frame: Frame, options: EventOptions) -> Iterator[Event]:
    return trade_batches(
        frame["price"],
        frame["quantity"],
        frame["taker_side"],
        frame["ts"],
        options.large_trade_notional,
    )


def _samples(frame: Frame, _: str) -> Samples:
    behind, absent = frame["n_behind"], frame["n_absent"]
    return Samples(frame["ts"], TRADE_GAP_NS, n_behind=behind, n_absent=absent)


# price (quote currency), quantity (base units), taker_side (int8: +1 the taker bought, -1 sold). A
# window of some days at a time keeps the memory bounded.
TRADES: Final = StoredType(
    "TradeTick",
    "trades",
    kind="aggTrades",
    fields=(
        *prices("price"),
        quantity("quantity", "size"),
        Field("taker_side", "aggressor_side", _taker_sides, np.int8),
    ),
    samples=_samples,
    events=_events,
    is_own=False,
    keys=("trade_id",),
    unique="trade_id",
    is_daily=True,
    has_one_source=True,
    gap_ns=TRADE_GAP_NS,
    chunk_days=0.25,
)


def _trades_of(name: str, identity: str, size: str, time: str, *columns: str) -> Kind:
    return Kind(
        name=name,
        columns=named_columns(*columns),
        values=(
            identifier("trade_id", identity),
            moment("ts_event", time),
            decimal("price", "price", "{price_decimals}"),
            decimal("size", size, "{size_decimals}"),
            # The buyer is the maker: the taker, who is the aggressor, sold (2, else 1).
            choice("aggressor_side", "is_buyer_maker", {"true": 2, "false": _BUYER}),
        ),
        checks=(
            Check("price > 0", "price must be above zero"),
            Check("size > 0", "quantity must be above zero"),
        ),
        names_row=("trade_id",),
        feeds=(Feeds(TRADES),),
    )


KINDS: Final = (
    _trades_of(
        "aggTrades",
        "agg_trade_id",
        "quantity",
        "transact_time",
        "agg_trade_id|aggregate_trade_id|a|id",
        "price|p",
        "quantity|qty|q",
        "?first_trade_id|f",
        "?last_trade_id|l",
        "transact_time|timestamp|time|t",
        "is_buyer_maker|m",
    ),
    _trades_of(
        "trades",
        "id",
        "qty",
        "time",
        "id|trade_id",
        "price",
        "qty|quantity",
        "?quote_qty|base_qty|quote_quantity",
        "time|timestamp|transact_time",
        "is_buyer_maker",
    ),
)
