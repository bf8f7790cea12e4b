"""A few days of files in Binance's layout, enough for a backtest from end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from liq_nautilus.core.exchange.contracts import is_coin_margined

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.core.records import FloatArray

START_MS = 1_767_225_600_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000
PRICES = {
    "BTCUSDT": (100_000.0, 1),
    "BTCUSDC": (100_000.0, 1),
    "BTCUSD_PERP": (100_000.0, 1),
    "SOLUSDT": (150.0, 2),
}


def write_files(
    root: Path, symbol: str = "BTCUSDT", days: int = 4, seed: int = 1, minutes: int = 5
) -> Path:
    """Write klines, metrics, funding and liquidation bars; return the root."""
    rng = np.random.default_rng(seed)
    price, decimals = PRICES[symbol]
    step = minutes * MINUTE_MS
    n = days * DAY_MS // step
    opened = START_MS + np.arange(n) * step
    swing = 0.02 * np.sin(2.0 * np.pi * np.arange(n) * minutes / 720.0)
    closes = price * np.exp(swing + np.cumsum(rng.standard_normal(n) * 0.0008))
    opens = np.concatenate([[price], closes[:-1]])
    highs = np.maximum(opens, closes) * (1.0 + np.abs(rng.standard_normal(n)) * 0.0005)
    lows = np.minimum(opens, closes) * (1.0 - np.abs(rng.standard_normal(n)) * 0.0005)
    zero = np.zeros(n)
    klines = pd.DataFrame(
        {
            "open_time": opened,
            "open": opens.round(decimals),
            "high": np.ceil(highs * 10**decimals) / 10**decimals,
            "low": np.floor(lows * 10**decimals) / 10**decimals,
            "close": closes.round(decimals),
            "volume": _quantity(symbol, 100.0 * rng.random(n), opens, 2),
            "close_time": opened + step - 1,
            **dict.fromkeys(
                ("quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore"),
                zero.astype(int),
            ),
        }
    )
    _write(klines, root / f"klines/{symbol}/{minutes}m/{symbol}-{minutes}m-2026-01.csv")
    contracts = 50_000.0 * np.exp(np.cumsum(rng.standard_normal(n) * 0.003))
    metrics = pd.DataFrame(
        {
            "create_time": pd.to_datetime(opened, unit="ms").strftime("%Y-%m-%d %H:%M:%S"),
            "symbol": symbol,
            "sum_open_interest": _quantity(symbol, contracts, opens, 3),
            "sum_open_interest_value": (
                contracts.round(8) if is_coin_margined(symbol) else (contracts * opens).round(2)
            ),
            **dict.fromkeys(
                (
                    "count_toptrader_long_short_ratio",
                    "sum_toptrader_long_short_ratio",
                    "count_long_short_ratio",
                    "sum_taker_long_short_vol_ratio",
                ),
                1.0,
            ),
        }
    )
    for day, rows in metrics.groupby(metrics["create_time"].str[:10]):
        _write(rows, root / f"metrics/{symbol}/{symbol}-metrics-{day}.csv")
    settled = START_MS + np.arange(days * 3) * DAY_MS // 3 + 2
    funding = pd.DataFrame(
        {"calc_time": settled, "funding_interval_hours": 8, "last_funding_rate": 0.0001}
    )
    _write(funding, root / f"fundingRate/{symbol}/{symbol}-fundingRate-2026-01.csv")
    hours = START_MS + np.arange(days * 24) * 60 * MINUTE_MS
    liquidations = pd.DataFrame(
        {
            "open_time": hours,
            "close_time": hours + 60 * MINUTE_MS,
            "long_usd": 1e6 * rng.random(hours.size) ** 6,
            "short_usd": 1e6 * rng.random(hours.size) ** 6,
        }
    )
    _write(liquidations, root / f"{symbol}-liquidations-1h-2026-01-01.csv")
    return root


def write_depth(root: Path, symbol: str, days: int, offered: float) -> Path:
    """Write hourly book depth of so much (base units) per percent and side; return the root."""
    for day in range(days):
        moments = pd.to_datetime(START_MS + day * DAY_MS + np.arange(24) * 3_600_000, unit="ms")
        rows = [
            (moment.strftime("%Y-%m-%d %H:%M:%S"), percentage, abs(percentage) * offered, 1.0)
            for moment in moments
            for percentage in (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)
        ]
        frame = pd.DataFrame(rows, columns=["timestamp", "percentage", "depth", "notional"])
        name = f"{symbol}-bookDepth-{moments[0]:%Y-%m-%d}.csv"
        _write(frame, root / f"bookDepth/{symbol}/{name}")
    return root


def _quantity(symbol: str, base: FloatArray, price: FloatArray, decimals: int) -> FloatArray:
    # COIN-M files count contracts of 100 dollars, and what they are worth in coins.
    return (base * price / 100.0).round(0) if is_coin_margined(symbol) else base.round(decimals)


def _write(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False)
