"""
The custom data of liq_nautilus as Nautilus `Data`: bus, catalog and BacktestNode carry all of it.

Each type is a frozen dataclass; its fields are at the same time its Arrow columns. Importing this
module registers the types with Nautilus.
"""

# No `from __future__ import annotations`: the annotations below are read as types at import time.

from dataclasses import dataclass
from dataclasses import fields
from decimal import Decimal
from operator import attrgetter
from typing import Final
from typing import Self

import msgspec
import numpy as np
import pyarrow as pa
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.serialization.arrow.serializer import get_schema
from nautilus_trader.serialization.arrow.serializer import register_arrow

from liq_nautilus.core.dollars.covered_venues import joined_venues
from liq_nautilus.core.dollars.covered_venues import named_venues
from liq_nautilus.core.records import Action
from liq_nautilus.core.records import Clusters
from liq_nautilus.core.records import Forecast
from liq_nautilus.core.records import Levels
from liq_nautilus.core.records import SideForecast
from liq_nautilus.core.records import Signal
from liq_nautilus.nautilus.completeness_type import LiquidationCompleteness
from liq_nautilus.nautilus.custom import SCHEMA_VERSION
from liq_nautilus.nautilus.custom import CustomRecord
from liq_nautilus.nautilus.custom import FloatArray
from liq_nautilus.nautilus.custom import SideArray
from liq_nautilus.nautilus.custom import data_type
from liq_nautilus.nautilus.custom import register
from liq_nautilus.nautilus.internals import funding_rate_serializer

__all__ = [
    "CUSTOM_TYPES",
    "SCHEMA_VERSION",
    "BookDepth",
    "CustomRecord",
    "IndexPriceBar",
    "LiquidationClusters",
    "LiquidationCompleteness",
    "LiquidationForecast",
    "LiquidationLevels",
    "LiquidationOrder",
    "LiquidationSignal",
    "LiquidationVolume",
    "MarkPriceBar",
    "OpenInterest",
    "PremiumIndexBar",
    "TakerVolume",
    "data_type",
]


@register
@dataclass(frozen=True, slots=True, eq=False)
class OpenInterest(CustomRecord):
    """
    A snapshot of all open contracts.

    `open_interest` is in base units (contracts on COIN-M), `open_interest_notional` in the quote
    currency; both are NaN when unknown, and so are the four ratios of Binance's `metrics`. Where
    the moment of a snapshot could not be told from its label, `ts_event` is the label and `ts_init`
    the later moment.
    """

    instrument_id: InstrumentId
    open_interest: float
    open_interest_notional: float
    top_trader_account_ratio: float
    top_trader_position_ratio: float
    account_ratio: float
    taker_volume_ratio: float
    ts_event: int
    ts_init: int


@register
@dataclass(frozen=True, slots=True, eq=False)
class MarkPriceBar(CustomRecord):
    """A bar of mark prices over `interval` (such as "1m"); `ts_event` is its close."""

    instrument_id: InstrumentId
    open: float
    high: float
    low: float
    close: float
    interval: str
    ts_event: int
    ts_init: int


@register
@dataclass(frozen=True, slots=True, eq=False)
class IndexPriceBar(CustomRecord):
    """A bar of index prices over `interval`; `ts_event` is its close."""

    instrument_id: InstrumentId
    open: float
    high: float
    low: float
    close: float
    interval: str
    ts_event: int
    ts_init: int


@register
@dataclass(frozen=True, slots=True, eq=False)
class PremiumIndexBar(CustomRecord):
    """A bar of the premium index (a fraction of the price, of any sign); `ts_event` its close."""

    instrument_id: InstrumentId
    open: float
    high: float
    low: float
    close: float
    interval: str
    ts_event: int
    ts_init: int


@register
@dataclass(frozen=True, slots=True, eq=False)
class TakerVolume(CustomRecord):
    """
    What takers bought and sold over `interval`: the columns of a kline a `Bar` has no room for.

    `buy_volume` and `sell_volume` are in base units, `quote_volume` is both together in the quote
    currency. `ts_event` is the close of the bar.
    """

    instrument_id: InstrumentId
    interval: str
    buy_volume: float
    sell_volume: float
    quote_volume: float
    n_trades: int
    ts_event: int
    ts_init: int


@register
@dataclass(frozen=True, slots=True, eq=False)
class LiquidationOrder(CustomRecord):
    """
    One forced order.

    `position_side` names the position that is liquidated: +1 long (a SELL order), -1 short.
    """

    instrument_id: InstrumentId
    position_side: int
    quantity: float
    bankruptcy_price: float
    average_price: float
    ts_event: int
    ts_init: int


@register
@dataclass(frozen=True, slots=True, eq=False)
class LiquidationVolume(CustomRecord):
    """
    Liquidated notional (quote currency) per position side over `interval`.

    `ts_event` is the exclusive end of the interval; `source` names the venues summed over.
    """

    instrument_id: InstrumentId
    long_notional: float
    short_notional: float
    interval: str
    source: str
    ts_event: int
    ts_init: int


@register
@dataclass(frozen=True, slots=True, eq=False)
class BookDepth(CustomRecord):
    """Order book depth (base units) and notional within each `percentage` of the price."""

    instrument_id: InstrumentId
    percentage: FloatArray
    depth: FloatArray
    notional: FloatArray
    ts_event: int
    ts_init: int


@register
@dataclass(frozen=True, slots=True, eq=False)
class LiquidationLevels(CustomRecord):
    """
    The levels of one model at one moment; the arrays are those of `core.records.Levels`.

    `venues` names those whose liquidations `notional` speaks of, such as BINANCE+BYBIT+OKX.
    """

    instrument_id: InstrumentId
    model: str
    reference_price: float
    price: FloatArray
    notional: FloatArray
    notional_low: FloatArray
    notional_high: FloatArray
    exposure: FloatArray
    side: SideArray
    leverage: FloatArray
    confidence: FloatArray
    is_valid: bool
    params_hash: str
    venues: str
    ts_event: int
    ts_init: int

    @classmethod
    def from_record(cls, record: Levels, instrument_id: InstrumentId, ts_init: int) -> Self:
        """Return the core's levels as a datum of `instrument_id`."""
        return cls(
            instrument_id,
            record.model,
            record.reference_price,
            record.price,
            record.notional,
            record.notional_low,
            record.notional_high,
            record.exposure,
            record.side,
            record.leverage,
            record.confidence,
            record.is_valid,
            record.params_hash,
            joined_venues(record.venues),
            record.ts_event,
            ts_init,
        )

    def to_record(self) -> Levels:
        """Return the core's record."""
        values = {field.name: getattr(self, field.name) for field in fields(Levels)}
        return Levels(**values | {"venues": named_venues(self.venues)})


@register
@dataclass(frozen=True, slots=True, eq=False)
class LiquidationClusters(CustomRecord):
    """The significant clusters at one moment; the arrays are those of `core.records.Clusters`."""

    instrument_id: InstrumentId
    reference_price: float
    price_low: FloatArray
    price_high: FloatArray
    price_peak: FloatArray
    notional: FloatArray
    side: SideArray
    significance: FloatArray
    confidence: float
    ts_event: int
    ts_init: int

    @classmethod
    def from_record(cls, record: Clusters, instrument_id: InstrumentId, ts_init: int) -> Self:
        """Return the core's clusters as a datum of `instrument_id`."""
        return cls(
            instrument_id,
            record.reference_price,
            record.price_low,
            record.price_high,
            record.price_peak,
            record.notional,
            record.side,
            record.significance,
            record.confidence,
            record.ts_event,
            ts_init,
        )

    def to_record(self) -> Clusters:
        """Return the core's record."""
        return Clusters(**{field.name: getattr(self, field.name) for field in fields(Clusters)})


@register
@dataclass(frozen=True, slots=True, eq=False)
class LiquidationSignal(CustomRecord):
    """What the map advises at one moment; the values are those of `core.records.Signal`."""

    instrument_id: InstrumentId
    action: Action
    reason: str
    confidence: float
    position_side: int
    cluster_price: float
    cluster_notional: float
    risk: float
    completeness: float
    ts_event: int
    ts_init: int

    @classmethod
    def from_record(cls, record: Signal, instrument_id: InstrumentId, ts_init: int) -> Self:
        """Return the core's signal as a datum of `instrument_id`."""
        return cls(
            instrument_id,
            record.action,
            record.reason,
            record.confidence,
            record.position_side,
            record.cluster_price,
            record.cluster_notional,
            record.risk,
            record.completeness,
            record.ts_event,
            ts_init,
        )

    def to_record(self) -> Signal:
        """Return the core's record."""
        return Signal(**{field.name: getattr(self, field.name) for field in fields(Signal)})


_SIDE_VALUES: Final = attrgetter(*(field.name for field in fields(SideForecast)))


@register
@dataclass(frozen=True, slots=True, eq=False)
class LiquidationForecast(CustomRecord):
    """What is expected of longs, shorts and both: `core.records.SideForecast`, three by three."""

    instrument_id: InstrumentId
    horizon: str
    reference_price: float
    expected: FloatArray
    q10: FloatArray
    q50: FloatArray
    q90: FloatArray
    q99: FloatArray
    probability_unusual: FloatArray
    threshold_unusual: FloatArray
    venues: str
    deviation: float
    ts_event: int
    ts_init: int

    @classmethod
    def from_record(cls, record: Forecast, instrument_id: InstrumentId, ts_init: int) -> Self:
        """Return the core's forecast as a datum of `instrument_id`; its levels are left out."""
        columns = np.array([_SIDE_VALUES(one) for one in record.sides.values()]).T.copy()
        return cls(
            instrument_id,
            record.horizon,
            record.reference_price,
            *columns,
            joined_venues(record.venues),
            record.deviation,
            record.ts_event,
            ts_init,
        )


CUSTOM_TYPES: Final[tuple[type[CustomRecord], ...]] = (
    OpenInterest, MarkPriceBar, IndexPriceBar, PremiumIndexBar, TakerVolume, LiquidationOrder,
    LiquidationVolume, BookDepth, LiquidationLevels, LiquidationClusters, LiquidationForecast,
    LiquidationSignal, LiquidationCompleteness,
)  # fmt: skip


def _decode_funding(table: pa.Table | pa.RecordBatch) -> list[FundingRateUpdate]:
    # Nautilus's own decoder leaves the rate a str.
    instrument_id = InstrumentId.from_str(table.schema.metadata[b"instrument_id"].decode())
    return [
        FundingRateUpdate(
            instrument_id,
            Decimal(msgspec.json.decode(row["rate"], type=str)),
            row["ts_event"],
            row["ts_init"],
            row["interval"],
            row["next_funding_ns"],
        )
        for row in table.to_pylist()
    ]


register_arrow(
    FundingRateUpdate,
    get_schema(FundingRateUpdate),
    funding_rate_serializer(),
    _decode_funding,
)
