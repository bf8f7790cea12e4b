"""A small made-up run: a random walk, levels at fixed distances from where it was, two equities."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

START_NS = 1_780_000_200_000_000_000 // 300_000_000_000 * 300_000_000_000
STEP_NS = 300_000_000_000
DISTANCES = np.array([0.006, 0.009, 0.016, 0.036, 0.096])
LEVERAGES = np.array([125.0, 100.0, 50.0, 25.0, 10.0])
WEIGHTS = np.array([0.1, 0.3, 0.3, 0.2, 0.1])
MODELS = ("binance_standard", "funding_adjusted", "py_liquidation_map", "ensemble")


def make_bars(n_bars: int = 600, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    volatility = 0.0012 * np.exp(0.6 * np.sin(np.arange(n_bars) / 60.0))
    close = 65_000.0 * np.exp(np.cumsum(rng.normal(0.0, volatility)))
    open_ = np.concatenate([[65_000.0], close[:-1]])
    spread = np.abs(rng.normal(0.0, 0.0006, n_bars))
    ts_close = START_NS + STEP_NS * (np.arange(n_bars) + 1) - 1_000_000
    return pd.DataFrame(
        {
            "ts_close": ts_close,
            "open": open_,
            "high": np.maximum(open_, close) * (1 + spread),
            "low": np.minimum(open_, close) * (1 - spread),
            "close": close,
        }
    )


def book_at(price: np.ndarray, high: np.ndarray, low: np.ndarray, size: np.ndarray) -> pd.DataFrame:
    """Return what opened along the path so far and was not yet crossed."""
    rows = []
    highest_since = np.maximum.accumulate(high[::-1])[::-1]
    lowest_since = np.minimum.accumulate(low[::-1])[::-1]
    age = np.exp(-np.arange(price.size)[::-1] / 200.0)
    for side in (1, -1):
        level = price[:, None] * (1 - side * DISTANCES)
        alive = level < lowest_since[:, None] if side > 0 else level > highest_since[:, None]
        notional = (size * age)[:, None] * WEIGHTS
        leverage = np.broadcast_to(LEVERAGES, level.shape)
        rows.append(
            pd.DataFrame(
                {
                    "price": level[alive],
                    "notional": notional[alive],
                    "side": side,
                    "leverage": leverage[alive],
                }
            )
        )
    book = pd.concat(rows)
    bucket = (book["price"] // 100).rename("bucket")
    book = book.assign(weighted=book["price"] * book["notional"])
    grouped = book.groupby([bucket, "side", "leverage"])[["notional", "weighted"]].sum()
    return grouped.assign(price=grouped["weighted"] / grouped["notional"]).reset_index()[
        ["price", "notional", "side", "leverage"]
    ]


def make_levels(bars: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return every third bar's levels, and the last ones of four models by leverage."""
    rng = np.random.default_rng(1)
    size = rng.gamma(0.4, 8e6, len(bars)) + 1e5
    arrays = [bars[name].to_numpy() for name in ("close", "high", "low")]
    frames = []
    for i in range(3, len(bars), 3):
        book = book_at(*(array[:i] for array in arrays), size[:i])
        frames.append(book.assign(ts=int(bars["ts_close"].iloc[i - 1]) + 1_000_000))
    levels = pd.concat(frames).assign(model="ensemble")
    last = frames[-1].drop(columns="ts").assign(confidence=0.8)
    finals = [
        last.assign(
            model=model,
            price=last["price"] * (1 + 0.001 * i * last["side"]),
            notional=last["notional"] * (1 + 0.6 * i * (last["leverage"] > 60)),
        )
        for i, model in enumerate(MODELS)
    ]
    final = pd.concat(finals)
    return (
        levels[["ts", "model", "price", "notional", "side"]],
        final.assign(notional_low=final["notional"] * 0.6, notional_high=final["notional"] * 1.6),
    )


def make_signals(bars: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    ts = bars["ts_close"].to_numpy()[2::3] + 1_000_000
    actions = np.array(["CLEAR", "AVOID", "REVERSAL_OPPORTUNITY", "WAIT"])
    state = np.repeat(rng.choice(4, size=ts.size // 4 + 1, p=[0.6, 0.25, 0.07, 0.08]), 4)[: ts.size]
    close = bars["close"].to_numpy()[2::3]
    return pd.DataFrame(
        {
            "ts": ts,
            "action": actions[state],
            "reason": [f"Liquidation cluster at ${price:,.0f}" for price in close * 0.99],
            "confidence": rng.uniform(0.4, 0.9, ts.size),
            "position_side": np.where(state == 0, 0, 1),
            "cluster_price": np.where(state == 0, np.nan, close * 0.99),
            "cluster_notional": np.where(state == 0, np.nan, 2.5e7),
        }
    )


def make_clusters(bars: pd.DataFrame) -> pd.DataFrame:
    last = bars["close"].iloc[-1]
    ts = int(bars["ts_close"].iloc[-1]) + 1_000_000
    peak = np.array([0.952, 0.988, 1.035]) * last
    return pd.DataFrame(
        {
            "ts": ts,
            "price_low": peak * 0.999,
            "price_high": peak * 1.001,
            "price_peak": peak,
            "notional": [2.1e7, 4.4e7, 3.3e7],
            "side": [1, 1, -1],
            "significance": [0.9, 0.98, 0.95],
        }
    )


def make_fills(bars: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = np.sort(rng.choice(len(bars), size=24, replace=False))
    side = np.tile([1, -1, -1, 1], 6)
    return pd.DataFrame(
        {
            "ts": bars["ts_close"].to_numpy()[at],
            "side": side,
            "price": bars["close"].to_numpy()[at],
            "quantity": 0.153,
            "fee": 4.1,
            "position_effect": np.tile(["open", "close"], 12),
            "reason": "momentum",
        }
    )


def make_equity(bars: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    equity = 100_000.0 + np.cumsum(rng.normal(0.5, 60.0, len(bars)))
    return pd.DataFrame({"ts": bars["ts_close"], "equity": equity})


def make_summary(low: float = -812.4, high: float = 390.2) -> dict:
    side = {
        "pnl": -412.7,
        "price_pnl": -120.2,
        "fees": 301.4,
        "funding": 8.9,
        "liquidations": 0,
        "orders": 48,
        "positions": 24,
        "max_drawdown": 0.0123,
    }
    return {
        "symbol": "BTCUSDT",
        "start": "2026-05-28T20:30:00Z",
        "end": "2026-05-30T22:30:00Z",
        "bar": "5m",
        "updates": {"levels": 200, "signals": 200},
        "duty": {"AVOID": 0.21, "REVERSAL_OPPORTUNITY": 0.05, "WAIT": 0.09, "CLEAR": 0.65},
        "baseline": side,
        "signals": {**side, "pnl": -611.9, "orders": 40},
        "difference": {"pnl": -199.2, "interval": [low, high]},
        "rivals": {
            "random": {"runs": 20, "mean_difference": -35.2, "interval": [-420.0, 300.0]},
            "plain_drop": {"difference": -88.0},
        },
        "trades": {
            "avoided": {"trades": 6, "pnl": 120.5},
            "delayed": {"trades": 2, "pnl": -10.0},
            "taken": {"trades": 3, "pnl": -80.0},
        },
    }


def make_events() -> pd.DataFrame:
    rows = [
        (action, horizon, 12, 0.0021 * scale, 0.0018 * scale, 0.0003 * scale, -0.001, 0.0016)
        for action in ("AVOID", "REVERSAL_OPPORTUNITY", "WAIT", "CLEAR")
        for horizon, scale in (("1h", 1.0), ("4h", 2.0), ("24h", float("nan")))
    ]
    names = ["action", "horizon", "n_events", "mean", "matched_mean", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def make_run(n_bars: int = 600) -> SimpleNamespace:
    bars = make_bars(n_bars)
    levels, final = make_levels(bars)
    return SimpleNamespace(
        summary=make_summary(),
        symbol="BTCUSDT",
        bars=bars,
        equity={"baseline": make_equity(bars, 1), "signals": make_equity(bars, 2)},
        fills={"baseline": make_fills(bars, 1), "signals": make_fills(bars, 2)},
        positions={},
        signals=make_signals(bars),
        levels=levels,
        clusters=make_clusters(bars),
        levels_final=final,
        events=make_events(),
    )


@pytest.fixture(scope="session")
def made_up_run() -> SimpleNamespace:
    return make_run()
