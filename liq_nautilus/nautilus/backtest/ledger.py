"""What a run did to its account: fills, positions, the split of the P&L and the equity curve."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pandas as pd
from nautilus_trader.model.events import OrderFilled

from liq_nautilus.nautilus.backtest.exchange import FUNDING
from liq_nautilus.nautilus.backtest.exchange import LIQUIDATION
from liq_nautilus.nautilus.instruments import binance_symbol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.backtest.engine import BacktestEngine
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Currency

FILL_COLUMNS: Final = (
    "ts",
    "symbol",
    "side",
    "price",
    "quantity",
    "fee",
    "position_effect",
    "reason",
    "tag",
)
POSITION_COLUMNS: Final = (
    "symbol",
    "ts_opened",
    "ts_closed",
    "side",
    "quantity",
    "entry_price",
    "exit_price",
    "pnl",
    "fees",
    "entry_reason",
    "exit_reason",
    "tag",
)
FUNDING_COLUMNS: Final = ("ts", "symbol", "rate", "price", "quantity", "amount")


@dataclass(frozen=True, slots=True)
class ProfitAndLoss:
    """
    The change of an account, split by cause.

    Attributes
    ----------
    total : Decimal
        Net, with what is still open valued at the last price (quote).
    price : Decimal
        From price moves, on all fills but those of liquidations, and on what is still open.
    fees : Decimal
        Trading fees paid, a negative number.
    funding : Decimal
        Funding received less funding paid.
    liquidations : Decimal
        What liquidations realised: the price move on the liquidating fill less the clearance fee.

    """

    total: Decimal
    price: Decimal
    fees: Decimal
    funding: Decimal
    liquidations: Decimal


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """
    What a run did to its account.

    Attributes
    ----------
    pnl : ProfitAndLoss
        The account's change.
    starting_balance : float
        Quote.
    n_orders, n_positions : int
        How many were made and opened.
    fills, positions, funding : DataFrame
        With columns `FILL_COLUMNS`, `POSITION_COLUMNS` and `FUNDING_COLUMNS`; times are int64 UTC
        nanoseconds, money is in quote currency.

    """

    pnl: ProfitAndLoss
    starting_balance: float
    n_orders: int
    n_positions: int
    fills: pd.DataFrame
    positions: pd.DataFrame
    funding: pd.DataFrame


def record_fills(engine: BacktestEngine) -> list[OrderFilled]:
    """
    Return a list that will hold every fill of a run, in the order in which they happen.

    Call it before the run: the cache gives orders back in no particular order.
    """
    fills: list[OrderFilled] = []

    def keep(event: object) -> None:
        if isinstance(event, OrderFilled):
            fills.append(event)

    engine.kernel.msgbus.subscribe(topic="events.order.*", handler=keep)
    return fills


def read_ledger(
    engine: BacktestEngine, fill_events: list[OrderFilled], venue: Venue, currency: Currency
) -> Ledger:
    """
    Return the ledger of a finished run.

    Parameters
    ----------
    engine : BacktestEngine
        The engine, run and not yet disposed.
    fill_events : list of OrderFilled
        What `record_fills` returned before the run.
    venue : Venue
        The venue traded on.
    currency : Currency
        The account's currency.

    """
    cache = engine.cache
    filled = [(event, cache.order(event.client_order_id)) for event in fill_events]
    fills = _fills(filled)
    funding = _funding(engine, venue)
    events = cache.account_for_venue(venue).events
    totals = [_total(event, currency) for event in events]
    return Ledger(
        pnl=_split(totals, events, filled, _unrealised(engine, venue, currency)),
        starting_balance=float(totals[0]),
        n_orders=cache.orders_total_count(),
        n_positions=len(cache.positions(venue=venue)) + len(cache.position_snapshots()),
        fills=fills,
        positions=_positions(fills),
        funding=funding,
    )


def equity_curve(ledger: Ledger, closes: Mapping[str, pd.DataFrame], start_ns: int) -> pd.DataFrame:
    """
    Return the equity at every bar's close, open positions valued at the last close.

    Parameters
    ----------
    ledger : Ledger
        The run's ledger.
    closes : mapping of str to DataFrame
        Per symbol the bars, with columns ts_close and close.
    start_ns : int
        The first row is the starting balance at this moment.

    Returns
    -------
    DataFrame
        Columns ts (int64 UTC nanoseconds) and equity (quote).

    """
    times = np.unique(np.concatenate([frame["ts_close"].to_numpy() for frame in closes.values()]))
    equity = np.full(times.size, ledger.starting_balance)
    for symbol, frame in closes.items():
        fills = ledger.fills[ledger.fills["symbol"] == symbol]
        signed = (fills["side"] * fills["quantity"]).to_numpy(dtype=float)
        cash = -signed * fills["price"].to_numpy(dtype=float) - fills["fee"].to_numpy(dtype=float)
        # What was closed when the run stopped belongs to its last moment.
        moments = np.minimum(fills["ts"].to_numpy(), times[-1])
        after = np.searchsorted(moments, times, side="right")
        held = np.concatenate([[0.0], np.cumsum(signed)])[after]
        paid = np.concatenate([[0.0], np.cumsum(cash)])[after]
        row = np.searchsorted(frame["ts_close"].to_numpy(), times, side="right") - 1
        close = np.where(row >= 0, frame["close"].to_numpy(dtype=float)[np.maximum(row, 0)], 0.0)
        funding = ledger.funding[ledger.funding["symbol"] == symbol]
        received = np.concatenate([[0.0], np.cumsum(funding["amount"].to_numpy(dtype=float))])
        settled = np.searchsorted(funding["ts"].to_numpy(), times, side="right")
        equity += paid + held * close + received[settled]
    return pd.DataFrame(
        {
            "ts": np.concatenate([[start_ns], times]).astype(np.int64),
            "equity": np.concatenate([[ledger.starting_balance], equity]),
        }
    )


def max_drawdown(equity: pd.Series) -> float:
    """
    Return the largest fall from a high, as a positive fraction of that high.

    Examples
    --------
    >>> max_drawdown(pd.Series([100.0, 120.0, 90.0, 110.0]))
    0.25

    """
    highs = equity.cummax()
    return float((1.0 - equity / highs).max())


def _total(event: Any, currency: Currency) -> Decimal:  # noqa: ANN401 - an AccountState
    return next(
        (b.total.as_decimal() for b in event.balances if b.currency == currency), Decimal(0)
    )


def _split(
    totals: list[Decimal], events: list[Any], filled: list[Any], unrealised: Decimal
) -> ProfitAndLoss:
    funding, traded = Decimal(0), Decimal(0)
    for before, after, event in zip(totals, totals[1:], events[1:], strict=False):
        if event.info.get("reason") == FUNDING:
            funding += after - before
        else:
            traded += after - before
    fees, forced = Decimal(0), Decimal(0)
    for event, order in filled:
        if LIQUIDATION in (order.tags or ()):
            forced += Decimal(event.info["pnl"]) - event.commission.as_decimal()
        else:
            fees -= event.commission.as_decimal()
    return ProfitAndLoss(
        total=totals[-1] - totals[0] + unrealised,
        price=traded - fees - forced + unrealised,
        fees=fees,
        funding=funding,
        liquidations=forced,
    )


def _unrealised(engine: BacktestEngine, venue: Venue, currency: Currency) -> Decimal:
    value = Decimal(0)
    for position in engine.cache.positions_open(venue=venue):
        pnl = engine.portfolio.unrealized_pnl(position.instrument_id)
        if pnl is not None and pnl.currency == currency:
            value += pnl.as_decimal()
    return value


def _fills(filled: list[Any]) -> pd.DataFrame:
    held: dict[str, Decimal] = {}
    rows = []
    for event, order in filled:
        symbol = binance_symbol(event.instrument_id)
        side = 1 if event.is_buy else -1
        before = held.get(symbol, Decimal(0))
        held[symbol] = before + side * event.last_qty.as_decimal()
        tags = order.tags or ["order"]
        rows.append(
            (
                event.ts_event,
                symbol,
                side,
                event.last_px.as_double(),
                event.last_qty.as_double(),
                event.commission.as_double(),
                "close" if before * side < 0 else "open",
                tags[0],
                tags[1] if len(tags) > 1 else "",
            )
        )
    return pd.DataFrame(rows, columns=list(FILL_COLUMNS)).astype({"ts": np.int64, "side": np.int8})


def _funding(engine: BacktestEngine, venue: Venue) -> pd.DataFrame:
    rows = [
        (
            event.ts_event,
            binance_symbol(event.info["instrument_id"]),
            float(event.info["rate"]),
            event.info["price"],
            float(event.info["quantity"]),
            float(event.info["amount"]),
        )
        for event in engine.cache.account_for_venue(venue).events
        if event.info.get("reason") == FUNDING
    ]
    return pd.DataFrame(rows, columns=list(FUNDING_COLUMNS)).astype({"ts": np.int64})


def _positions(fills: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for symbol, group in fills.groupby("symbol", sort=True):
        rows.extend(_round_trips(str(symbol), group))
    rows.sort(key=lambda row: (row["ts_opened"], row["symbol"]))
    return pd.DataFrame(rows, columns=list(POSITION_COLUMNS)).astype(
        {"ts_opened": np.int64, "ts_closed": np.int64, "side": np.int8}
    )


def _round_trips(symbol: str, fills: pd.DataFrame) -> list[dict[str, Any]]:
    # From flat to flat; a fill through zero ends one position and starts the next.
    trips: list[dict[str, Any]] = []
    held = 0.0
    for fill in fills.itertuples():
        rest = fill.side * fill.quantity
        fee_rate = fill.fee / fill.quantity
        if held * rest < 0:
            part = min(abs(rest), abs(held))
            _close_part(trips[-1], fill, part, fee_rate)
            held += fill.side * part
            rest -= fill.side * part
            held = 0.0 if abs(held) < 1e-12 else held
        if abs(rest) > 1e-12:
            if held == 0.0:
                trips.append(_new_trip(symbol, fill))
            _open_part(trips[-1], fill, abs(rest), fee_rate)
            held += rest
    return trips


def _new_trip(symbol: str, fill: Any) -> dict[str, Any]:  # noqa: ANN401 - a row
    return {
        "symbol": symbol,
        "ts_opened": fill.ts,
        "ts_closed": 0,
        "side": fill.side,
        "quantity": 0.0,
        "entry_price": 0.0,
        "exit_price": float("nan"),
        "pnl": 0.0,
        "fees": 0.0,
        "entry_reason": fill.reason,
        "exit_reason": "",
        "tag": fill.tag,
    }


def _open_part(trip: dict[str, Any], fill: Any, part: float, fee_rate: float) -> None:  # noqa: ANN401
    size = trip["quantity"] + part
    trip["entry_price"] += (fill.price - trip["entry_price"]) * part / size
    trip["quantity"] = size
    trip["fees"] += fee_rate * part
    trip["pnl"] -= fee_rate * part


def _close_part(trip: dict[str, Any], fill: Any, part: float, fee_rate: float) -> None:  # noqa: ANN401
    trip["pnl"] += trip["side"] * (fill.price - trip["entry_price"]) * part - fee_rate * part
    trip["fees"] += fee_rate * part
    trip["exit_price"] = fill.price
    trip["exit_reason"] = fill.reason
    trip["ts_closed"] = fill.ts
