"""Small made-up windows, and the same as files in Binance's layout, for the tests of studies."""

from datetime import UTC
from datetime import datetime

import numpy as np

from liq_nautilus.core import feed
from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.science.paths import Bars
from liq_nautilus.studies.accuracy import Part
from liq_nautilus.studies.accuracy import measure_accuracy
from liq_nautilus.studies.inputs.windows import Labels
from liq_nautilus.studies.inputs.windows import Orders
from liq_nautilus.studies.inputs.windows import Window
from liq_nautilus.studies.inputs.windows import with_paths
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import MINUTE_NS

STEP_NS = 15 * MINUTE_NS
BAR_COLUMNS = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
METRICS_COLUMNS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    "count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
ORDER_COLUMNS = (
    "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,"
    "last_fill_quantity,accumulated_fill_quantity"
)
# 2025-03-03T00:00:00Z, a Monday.
START = 1_740_960_000_000_000_000


def made_up_bars(days, seed, start=START, volume=True):
    rng = np.random.default_rng(seed)
    n = days * 96
    close = 60_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.003, n)))
    open_ = np.concatenate([[60_000.0], close[:-1]])
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0.0, 0.002, n)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0.0, 0.002, n)))
    ts = start + np.arange(n, dtype=np.int64) * STEP_NS
    traded = np.round(rng.lognormal(5.0, 0.5, n), 3) if volume else np.zeros(n)
    prices = [np.round(values, 1) for values in (open_, high, low, close)]
    return Bars(ts, ts + STEP_NS - MILLISECOND_NS, *prices, traded)


def made_up_window(days=3, seed=1, start=START, *, volume=True, trades=False, orders=False):
    """Return a window of hourly labels that grow with the adverse move, noisily."""
    rng = np.random.default_rng(seed + 1000)
    bars = made_up_bars(days, seed, start, volume)
    ts_open = start + np.arange(24 * days, dtype=np.int64) * HOUR_NS
    empty = np.zeros(ts_open.size)
    labels = Labels(ts_open, ts_open + HOUR_NS, empty, empty, "made up")
    labels, paths = with_paths(labels, bars)
    sums = [1e9 * move**2 * rng.lognormal(0.0, 1.0, move.size) for move in (paths.fall, paths.rise)]
    sums[0][::7] = 0.0
    labels = Labels(labels.ts_open, labels.ts_close, sums[0], sums[1], "made up")
    ts = start + np.arange(days * 24, dtype=np.int64) * HOUR_NS
    contracts = np.round(80_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.004, ts.size))), 3)
    notional = contracts * bars.open[::4]
    funding_ts = start + np.arange(days * 3, dtype=np.int64) * 8 * HOUR_NS
    rates = np.full(funding_ts.size, 1e-4)
    events = [
        feed.bar_event(*row, "last", volume_)
        for *row, volume_ in zip(
            bars.open.tolist(), bars.high.tolist(), bars.low.tolist(), bars.close.tolist(),
            bars.ts_open.tolist(), bars.ts_close.tolist(), bars.volume.tolist(), strict=True,
        )
    ]  # fmt: skip
    events += [
        feed.open_interest_event(float(c), float(v), int(t), MINUTE_NS)
        for c, v, t in zip(contracts, notional, ts, strict=True)
    ]
    events += [feed.funding_event(1e-4, int(t)) for t in funding_ts]
    if trades:
        events += [
            feed.trades_event(
                np.array([price]), np.array([5.0]), np.array([side], dtype=np.int8), int(t)
            )
            for price, side, t in zip(
                bars.close, rng.choice([1, -1], len(bars)), bars.ts_close, strict=True
            )
        ]
    return Window(
        symbol="BTCUSDT",
        labels=labels,
        paths=paths,
        bars=bars,
        events=tuple(sorted(events)),
        has_trades=trades,
        has_mark=False,
        open_interest=(ts + MINUTE_NS, notional),
        funding=(funding_ts, rates),
        brackets=BracketTable.built_in("BTCUSDT", start),
        orders=made_up_orders(labels, paths) if orders else None,
    )


def made_up_orders(labels, paths, share=0.4):
    """Return one order per label and side, in the middle of the range it swept."""
    middle = labels.ts_open + HOUR_NS // 2
    ts = np.concatenate([middle, middle + 1])
    side = np.repeat(np.array([1, -1], dtype=np.int8), len(labels))
    price = np.concatenate([0.5 * (paths.open + paths.low), 0.5 * (paths.open + paths.high)])
    notional = share * np.concatenate([labels.long_notional, labels.short_notional])
    order = np.argsort(ts)
    return Orders(ts[order], side[order], price[order], notional[order])


def write_files(folder, window):
    """Write a window as CSV files in Binance's names and columns."""
    folder.mkdir(parents=True, exist_ok=True)
    day = _day(window.start)
    bars, labels = window.bars, window.labels
    rows = [BAR_COLUMNS]
    rows += [
        f"{a // 10**6},{o},{h},{lo},{c},{v},{b // 10**6},0,0,0,0,0"
        for a, b, o, h, lo, c, v in zip(
            bars.ts_open, bars.ts_close, bars.open, bars.high, bars.low, bars.close, bars.volume,
            strict=True,
        )
    ]  # fmt: skip
    _write(folder / f"BTCUSDT-15m-{day}.csv", rows)
    rows = [METRICS_COLUMNS]
    taken = (window.open_interest[0] - MINUTE_NS) // 10**9
    for ts, value, price in zip(taken, window.open_interest[1], bars.open[::4], strict=True):
        moment = datetime.fromtimestamp(int(ts), tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
        rows.append(f"{moment},BTCUSDT,{value / price:.8f},{value:.8f},,,,")
    _write(folder / f"BTCUSDT-metrics-{day}.csv", rows)
    rows = ["calc_time,funding_interval_hours,last_funding_rate"]
    rows += [f"{ts // 10**6},8,{rate:.8f}" for ts, rate in zip(*window.funding, strict=True)]
    _write(folder / f"BTCUSDT-fundingRate-{day[:7]}.csv", rows)
    return write_labels(folder / f"BTCUSDT-liquidations-1h-{day}.csv", labels)


def write_labels(path, labels):
    rows = ["open_time,close_time,long_usd,short_usd"]
    rows += [
        f"{a // 10**6},{b // 10**6},{x:.5f},{y:.5f}"
        for a, b, x, y in zip(
            labels.ts_open, labels.ts_close, labels.long_notional, labels.short_notional,
            strict=True,
        )
    ]  # fmt: skip
    return _write(path, rows)


def write_orders(folder, orders):
    """Write orders as a liquidationSnapshot file of the day of the first one."""
    day = _day(int(orders.ts[0]))
    rows = [ORDER_COLUMNS]
    for ts, side, price, notional in zip(
        orders.ts, orders.side, orders.price, orders.notional, strict=True
    ):
        quantity = round(notional / price, 3)
        if quantity > 0:
            name = "SELL" if side == 1 else "BUY"
            rows.append(
                f"{ts // 10**6},{name},LIMIT,IOC,{quantity},{price:.1f},{price:.1f},FILLED,"
                f"{quantity},{quantity}"
            )
    return _write(folder / f"BTCUSDT-liquidationSnapshot-{day}.csv", rows)


def _day(ts_ns):
    return datetime.fromtimestamp(ts_ns // 10**9, tz=UTC).date().isoformat()


def _write(path, rows):
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def measured(windows, fit_for, **options):
    """Return the document of `accuracy` for windows that are each scored with one fit."""
    document, _ = measure_accuracy(
        windows, lambda number: [Part(windows[number], fit_for(number))], **options
    )
    return document
