"""What venues send, in their own words: instruments, liquidations, accounts."""

from __future__ import annotations

import time
from typing import Any

# What a contract of the fake exchange's OKX holds (base units).
CONTRACT = 0.01
OKX_TOPIC = "liquidation-orders"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def exchange_info(symbols: tuple[str, ...]) -> dict[str, Any]:
    return {
        "timezone": "UTC",
        "serverTime": now_ms(),
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 2400,
            }
        ],
        "exchangeFilters": [],
        "assets": [],
        "symbols": [_symbol_info(symbol) for symbol in symbols],
    }


def _symbol_info(symbol: str) -> dict[str, Any]:
    filters = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.10",
            "maxPrice": "4529764",
            "tickSize": "0.10",
        },
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
    ]
    return {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": symbol.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": filters,
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def forced_order(symbol: str, side: int, quantity: float, price: float, ts_ms: int) -> dict:
    """Return the body of Binance's forceOrder."""
    order = {
        "s": symbol,
        "S": "SELL" if side > 0 else "BUY",
        "o": "LIMIT",
        "f": "IOC",
        "q": f"{quantity:.3f}",
        "p": f"{price:.2f}",
        "ap": f"{price:.2f}",
        "X": "FILLED",
        "l": f"{quantity:.3f}",
        "z": f"{quantity:.3f}",
        "T": ts_ms,
    }
    return {"e": "forceOrder", "E": ts_ms, "o": order}


def bybit_liquidation(symbol: str, side: int, quantity: float, price: float, ts_ms: int) -> dict:
    """Return a message of Bybit's allLiquidation."""
    item = {
        "T": ts_ms,
        "s": symbol,
        "S": "Buy" if side > 0 else "Sell",
        "v": f"{quantity:.3f}",
        "p": f"{price:.2f}",
    }
    topic = f"allLiquidation.{symbol}"
    return {"topic": topic, "type": "snapshot", "ts": ts_ms, "data": [item]}


def okx_liquidation(symbol: str, side: int, quantity: float, price: float, ts_ms: int) -> dict:
    """Return a message of OKX's liquidation orders, of a position in net or hedge mode."""
    is_net = ts_ms % 2 == 0
    detail = {
        "bkLoss": "0",
        "bkPx": f"{price:.2f}",
        "ccy": "",
        "posSide": "net" if is_net else "long" if side > 0 else "short",
        "side": "sell" if side > 0 else "buy",
        "sz": f"{quantity / CONTRACT:.1f}",
        "ts": str(ts_ms),
    }
    family = f"{symbol.removesuffix('USDT')}-USDT"
    item = {
        "details": [detail],
        "instFamily": family,
        "instId": f"{family}-SWAP",
        "instType": "SWAP",
        "uly": family,
    }
    return {"arg": {"channel": OKX_TOPIC, "instType": "SWAP"}, "data": [item]}


def okx_instruments(symbols: tuple[str, ...]) -> dict[str, Any]:
    """Return OKX's answer about its perpetuals, one of them of coins."""
    rows = [
        {
            "instId": f"{symbol.removesuffix('USDT')}-USDT-SWAP",
            "instType": "SWAP",
            "ctType": "linear",
            "ctVal": f"{10.0 * CONTRACT:g}",
            "ctMult": "0.1",
            "ctValCcy": symbol.removesuffix("USDT"),
            "settleCcy": "USDT",
        }
        for symbol in symbols
    ]
    coin = {"instId": "BTC-USD-SWAP", "ctType": "inverse", "ctVal": "100", "ctMult": "1"}
    return {"code": "0", "msg": "", "data": [*rows, coin]}


def account(balance: float) -> dict[str, Any]:
    """Return Binance's answer about a futures account."""
    asset = {
        "asset": "USDT",
        "walletBalance": f"{balance:.8f}",
        "unrealizedProfit": "0.00000000",
        "marginBalance": f"{balance:.8f}",
        "maintMargin": "0.00000000",
        "initialMargin": "0.00000000",
        "positionInitialMargin": "0.00000000",
        "openOrderInitialMargin": "0.00000000",
        "maxWithdrawAmount": f"{balance:.8f}",
        "crossWalletBalance": f"{balance:.8f}",
        "crossUnPnl": "0.00000000",
        "availableBalance": f"{balance:.8f}",
        "marginAvailable": True,
        "updateTime": now_ms(),
    }
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": False,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "totalInitialMargin": "0.00000000",
        "totalMaintMargin": "0.00000000",
        "totalWalletBalance": f"{balance:.8f}",
        "totalUnrealizedProfit": "0.00000000",
        "totalMarginBalance": f"{balance:.8f}",
        "totalPositionInitialMargin": "0.00000000",
        "totalOpenOrderInitialMargin": "0.00000000",
        "totalCrossWalletBalance": f"{balance:.8f}",
        "totalCrossUnPnl": "0.00000000",
        "availableBalance": f"{balance:.8f}",
        "maxWithdrawAmount": f"{balance:.8f}",
        "assets": [asset],
        "positions": [],
    }
