"""What a venue's REST interface knows, as Nautilus data: present values and history."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.objects import Price
from nautilus_trader.model.objects import Quantity

from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.nautilus.live.sources import binance
from liq_nautilus.nautilus.live.sources.messages import MessageError
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.model.data import BarType
    from nautilus_trader.model.identifiers import InstrumentId

    from liq_nautilus.nautilus.live.feeds.requests import RestClient
    from liq_nautilus.nautilus.live.sources.messages import Candle
    from liq_nautilus.nautilus.live.sources.messages import OpenInterestReading
    from liq_nautilus.nautilus.live.sources.messages import SettledFunding

_UNITS: Final = ((DAY_NS, "d"), (HOUR_NS, "h"), (MINUTE_NS, "m"))
# Binance keeps open interest that long.
_OPEN_INTEREST_DAYS: Final = 30
_STEP_NS: Final = interval_ns("5m")


class Fetcher:
    """
    Asks a venue for present values and history.

    Parameters
    ----------
    rest : RestClient
        Sends the requests.
    stamp : callable
        When something arrived (UTC nanoseconds), rising with each call.
    on_error : callable
        Takes where a message came from and what was wrong with it, for history, whose sound pages
        are of use without the damaged one.

    """

    def __init__(
        self,
        rest: RestClient,
        stamp: Callable[[], int],
        on_error: Callable[[str, MessageError], None],
    ) -> None:
        self._rest = rest
        self._stamp = stamp
        self._on_error = on_error

    async def open_interest(self, symbol: str) -> OpenInterestReading:
        """Return the present open interest of a symbol."""
        return binance.parse_open_interest(
            await self._rest.get(binance.OPEN_INTEREST_PATH, symbol=symbol)
        )

    async def funding(
        self, symbol: str, start_ns: int, end_ns: int | None = None
    ) -> list[SettledFunding]:
        """Return what was settled from a moment on (UTC nanoseconds, end inclusive)."""
        params: dict[str, Any] = {"symbol": symbol, "limit": binance.MOST_FUNDINGS}
        params["startTime"] = -(-start_ns // MILLISECOND_NS)
        if end_ns is not None:
            params["endTime"] = end_ns // MILLISECOND_NS
        return binance.parse_funding(await self._rest.get(binance.FUNDING_PATH, **params))

    async def open_interest_history(
        self, symbol: str, start_ns: int, end_ns: int
    ) -> list[OpenInterestReading]:
        """Return open interest each five minutes of a window, of at most the last 30 days."""
        first = max(start_ns, end_ns - _OPEN_INTEREST_DAYS * DAY_NS + _STEP_NS)
        readings: list[OpenInterestReading] = []
        span = binance.MOST_READINGS * _STEP_NS
        while first < end_ns:
            last = min(first + span, end_ns) - 1
            raw = await self._rest.get(
                binance.OPEN_INTEREST_HISTORY_PATH,
                symbol=symbol,
                period="5m",
                limit=binance.MOST_READINGS,
                startTime=-(-first // MILLISECOND_NS),
                endTime=last // MILLISECOND_NS,
            )
            try:
                readings += binance.parse_open_interest_history(raw)
            except MessageError as e:
                self._on_error(binance.OPEN_INTEREST_HISTORY_PATH, e)
            first = last + 1
        return [reading for reading in readings if start_ns <= reading.ts_event < end_ns]

    async def bars(self, bar_type: BarType, start_ns: int, end_ns: int) -> list[Bar]:
        """Return the bars that open in a window and are closed by its end."""
        symbol, length = binance_symbol(bar_type.instrument_id), length_ns(bar_type)
        bars: list[Bar] = []
        first = start_ns
        while first < end_ns:
            raw = await self._rest.get(
                binance.KLINES_PATH,
                symbol=symbol,
                interval=interval_of(bar_type),
                limit=binance.MOST_CANDLES,
                startTime=-(-first // MILLISECOND_NS),
                endTime=end_ns // MILLISECOND_NS,
            )
            candles = binance.parse_klines(raw)
            bars += [
                bar_of(candle, bar_type, self._stamp())
                for candle in candles
                if first <= candle.ts_open and candle.ts_close < end_ns
            ]
            if len(candles) < binance.MOST_CANDLES:
                break
            first = max(candles[-1].ts_open, first) + length
        return bars


def interval_of(bar_type: BarType) -> str:
    """
    Return Binance's name of a bar type's interval.

    Examples
    --------
    >>> from nautilus_trader.model.data import BarType
    >>> interval_of(BarType.from_str("BTCUSDT-PERP.BINANCE-15-MINUTE-LAST-EXTERNAL"))
    '15m'

    """
    length = length_ns(bar_type)
    unit, letter = next((unit, letter) for unit, letter in _UNITS if length % unit == 0)
    return f"{length // unit}{letter}"


def length_ns(bar_type: BarType) -> int:
    """Return how long a bar lasts (nanoseconds)."""
    return round(float(bar_type.spec.timedelta.total_seconds())) * SECOND_NS


def bar_of(candle: Candle, bar_type: BarType, ts_init: int) -> Bar:
    """Return a candle as a bar, stamped at its close as Nautilus's own adapter does."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    return Bar(
        bar_type,
        *(Price.from_str(text) for text in prices),
        Quantity.from_str(candle.volume),
        candle.ts_close,
        ts_init,
    )


def open_interest_of(
    reading: OpenInterestReading, instrument_id: InstrumentId, ts_init: int
) -> OpenInterest:
    """Return a reading as custom data; a live venue states no ratios."""
    return OpenInterest(
        instrument_id,
        reading.open_interest,
        reading.open_interest_notional,
        *(math.nan,) * 4,
        reading.ts_event,
        ts_init,
    )


def funding_update(
    funding: SettledFunding, instrument_id: InstrumentId, ts_init: int
) -> FundingRateUpdate:
    """Return a settlement as Nautilus's update."""
    return FundingRateUpdate(instrument_id, funding.rate, funding.ts_event, ts_init)
