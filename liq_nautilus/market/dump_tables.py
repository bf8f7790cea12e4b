"""The rows of each kind of file, as Arrow tables in the venue's columns and spelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import compute

from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import MINUTE_NS

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.market.bar_series import Bars
    from liq_nautilus.market.book import StepArray
    from liq_nautilus.market.published import SimulatedMarket

_FUNDING_HOURS = 8
_RATE_DECIMALS = 8
_NOTIONAL_DECIMALS = 4
# Binance's percentages, from the far bids to the far asks.
_DEPTH_PERCENTAGES = np.array([-5.0, -4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0, 5.0])
# Quantity resting within 1 % of the price, over open interest, and how it grows with distance.
_DEPTH_SHARE = 0.03
_DEPTH_EXPONENT = 0.6
_FIRST_TRADE_ID = 1_000_000


def build(market: SimulatedMarket, kind: str) -> tuple[StepArray, pa.Table]:
    """
    Return the rows of one kind over the whole run.

    Parameters
    ----------
    market : SimulatedMarket
        The run.
    kind : str
        A kind by its name, with the interval where it has one: ``klines-5m``.

    Returns
    -------
    tuple of ndarray and pyarrow.Table
        The time by which each row belongs to a day's file (UTC nanoseconds), and the rows.

    """
    name, _, interval = kind.partition("-")
    if name.endswith(("klines", "Klines")):
        return _klines(market, name, int(interval.removesuffix("m")))
    return {
        "metrics": _metrics,
        "fundingRate": _funding,
        "aggTrades": _trades,
        "liquidationSnapshot": _orders,
        "bookDepth": _depth,
        "liquidations": _volumes,
    }[name](market)


def positions_table(market: SimulatedMarket, ts: int) -> pa.Table:
    """
    Return the open positions at a moment.

    Parameters
    ----------
    market : SimulatedMarket
        The run.
    ts : int
        UTC nanoseconds.

    Returns
    -------
    pyarrow.Table
        Columns ts, entry_price, leverage, side, quantity, liquidation_price.

    """
    open_now = market.positions_at(ts)
    return pa.table(
        {
            "ts": np.full(len(open_now.side), ts, dtype=np.int64),
            "entry_price": open_now.entry_price,
            "leverage": open_now.leverage,
            "side": open_now.side,
            "quantity": open_now.quantity,
            "liquidation_price": open_now.liquidation_price,
        }
    )


def _klines(market: SimulatedMarket, name: str, minutes: int) -> tuple[StepArray, pa.Table]:
    if name == "klines":
        bars, decimals = market.bars(minutes), market.contract.price_decimals
    elif name == "markPriceKlines":
        bars, decimals = market.mark_bars(minutes), _RATE_DECIMALS
    elif name == "indexPriceKlines":
        bars, decimals = market.index_bars(minutes), _RATE_DECIMALS
    else:
        bars, decimals = market.premium_bars(minutes), _RATE_DECIMALS
    return bars.ts_open, _bars_table(bars, decimals, market.contract.quantity_decimals)


def _bars_table(bars: Bars, decimals: int, quantity_decimals: int) -> pa.Table:
    return pa.table(
        {
            "open_time": bars.ts_open // MILLISECOND_NS,
            "open": np.round(bars.open, decimals),
            "high": np.round(bars.high, decimals),
            "low": np.round(bars.low, decimals),
            "close": np.round(bars.close, decimals),
            "volume": np.round(bars.volume, quantity_decimals),
            "close_time": bars.ts_close // MILLISECOND_NS,
            "quote_volume": np.round(bars.quote_volume, _NOTIONAL_DECIMALS),
            "count": bars.count,
            "taker_buy_volume": np.round(bars.taker_buy_volume, quantity_decimals),
            "taker_buy_quote_volume": np.round(bars.taker_buy_quote_volume, _NOTIONAL_DECIMALS),
            "ignore": np.zeros(len(bars.count), dtype=np.int64),
        }
    )


def _metrics(market: SimulatedMarket) -> tuple[StepArray, pa.Table]:
    metrics = market.metrics
    stamps = pa.array(metrics.ts, pa.int64()).cast(pa.timestamp("ns")).cast(pa.timestamp("s"))
    columns = {
        "create_time": compute.strftime(stamps, format="%Y-%m-%d %H:%M:%S"),
        "symbol": pa.array([market.symbol] * len(metrics.ts)),
        "sum_open_interest": np.round(metrics.open_interest, market.contract.quantity_decimals),
        "sum_open_interest_value": np.round(metrics.open_interest_notional, _NOTIONAL_DECIMALS),
        "count_toptrader_long_short_ratio": np.round(metrics.top_count_ratio, _RATE_DECIMALS),
        "sum_toptrader_long_short_ratio": np.round(metrics.top_quantity_ratio, _RATE_DECIMALS),
        "count_long_short_ratio": np.round(metrics.count_ratio, _RATE_DECIMALS),
        "sum_taker_long_short_vol_ratio": _empty_if_nan(metrics.taker_ratio),
    }
    return metrics.ts, pa.table(columns)


def _funding(market: SimulatedMarket) -> tuple[StepArray, pa.Table]:
    funding = market.funding
    jitter = market.stream("funding times").integers(0, 12, len(funding.ts))
    columns = {
        "calc_time": funding.ts // MILLISECOND_NS + jitter,
        "funding_interval_hours": np.full(len(funding.ts), _FUNDING_HOURS),
        "last_funding_rate": _fixed(funding.rate, _RATE_DECIMALS),
    }
    return funding.ts, pa.table(columns)


def _trades(market: SimulatedMarket) -> tuple[StepArray, pa.Table]:
    trades = market.trades
    last_id = _FIRST_TRADE_ID + np.cumsum(trades.n_fills)
    columns = {
        "agg_trade_id": np.arange(len(trades.ts), dtype=np.int64) + _FIRST_TRADE_ID,
        "price": trades.price,
        "quantity": trades.quantity,
        "first_trade_id": last_id - trades.n_fills + 1,
        "last_trade_id": last_id,
        "transact_time": trades.ts // MILLISECOND_NS,
        "is_buyer_maker": trades.taker_side < 0,
    }
    return trades.ts, pa.table(columns)


def _orders(market: SimulatedMarket) -> tuple[StepArray, pa.Table]:
    orders = market.reported_orders
    n = len(orders.ts)
    columns = {
        "time": orders.ts // MILLISECOND_NS,
        "side": np.where(orders.position_side > 0, "SELL", "BUY"),
        "order_type": np.full(n, "LIMIT"),
        "time_in_force": np.full(n, "IOC"),
        "original_quantity": orders.quantity,
        "price": orders.bankruptcy_price,
        "average_price": orders.average_price,
        "order_status": np.full(n, "FILLED"),
        "last_fill_quantity": orders.quantity,
        "accumulated_fill_quantity": orders.quantity,
    }
    return orders.ts, pa.table(columns)


def _depth(market: SimulatedMarket) -> tuple[StepArray, pa.Table]:
    per_minute = 60 // market.world.step_seconds
    last = market.trace.last_price[per_minute - 1 :: per_minute]
    ts = (
        market.start_ns
        + (np.arange(len(last), dtype=np.int64) + 1) * MINUTE_NS
        - 1_000 * MILLISECOND_NS
    )
    rng = market.stream("depth")
    n = len(_DEPTH_PERCENTAGES)
    level = np.exp(0.25 * rng.standard_normal((len(last), 1)))
    shape = np.abs(_DEPTH_PERCENTAGES) ** _DEPTH_EXPONENT
    depth = _DEPTH_SHARE * market.contract.open_interest * level * shape
    depth *= np.exp(0.1 * rng.standard_normal((len(last), 2)))[:, (_DEPTH_PERCENTAGES > 0) * 1]
    # Resting orders lie between the price and the percentage: their mean is about half way.
    notional = depth * last[:, np.newaxis] * (1.0 + _DEPTH_PERCENTAGES / 200.0)
    rows = np.repeat(ts, n)
    stamps = pa.array(rows, pa.int64()).cast(pa.timestamp("ns")).cast(pa.timestamp("s"))
    columns = {
        "timestamp": compute.strftime(stamps, format="%Y-%m-%d %H:%M:%S"),
        "percentage": np.tile(_DEPTH_PERCENTAGES.astype(np.int64), len(ts)),
        "depth": np.round(depth.ravel(), market.contract.quantity_decimals),
        "notional": np.round(notional.ravel(), _NOTIONAL_DECIMALS),
    }
    return rows, pa.table(columns)


def _volumes(market: SimulatedMarket) -> tuple[StepArray, pa.Table]:
    volume = market.liquidation_volume(60)
    columns = {
        "open_time": volume.ts_open // MILLISECOND_NS,
        "close_time": volume.ts_close // MILLISECOND_NS,
        "long_usd": np.round(volume.long_notional, 5),
        "short_usd": np.round(volume.short_notional, 5),
    }
    return volume.ts_open, pa.table(columns)


def _empty_if_nan(values: FloatArray) -> pa.Array:
    return pa.array(np.round(values, _RATE_DECIMALS), mask=np.isnan(values))


# Text with all decimals: small rates would otherwise be written as 4.2e-05.
def _fixed(values: FloatArray, decimals: int) -> pa.Array:
    return pa.array([f"{value:.{decimals}f}" for value in values])
