"""What a run did to its account: fills, positions, the split of the P&L and the equity curve."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pandas as pd
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.events import OrderRejected

from liq_nautilus.core.exchange.forced_close import LINEAR
from liq_nautilus.nautilus.backtest.exchange import FUNDING
from liq_nautilus.nautilus.backtest.exchange import LIQUIDATION
from liq_nautilus.nautilus.backtest.venue.margin_account import contract_of
from liq_nautilus.nautilus.backtest.venue.path_record import VenueReport
from liq_nautilus.nautilus.backtest.venue.path_record import report_endpoint
from liq_nautilus.nautilus.instruments import binance_symbol

if TYPE_CHECKING:
    from nautilus_trader.backtest.engine import BacktestEngine
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Currency

    from liq_nautilus.core.exchange.forced_close import Contract
    from liq_nautilus.nautilus.backtest.venue.path_record import PricePath

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
    "strategy",
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
        What liquidations realised: the price move on the liquidating fills less clearance fees.
    clearance_fees : Decimal
        Of that the clearance fees, a negative number.
    insurance : Decimal
        What the insurance fund bore: losses beyond all that backed a position, at the market.

    """

    total: Decimal
    price: Decimal
    fees: Decimal
    funding: Decimal
    liquidations: Decimal
    clearance_fees: Decimal = Decimal(0)
    insurance: Decimal = Decimal(0)


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
    refusals : dict of str to int
        How many orders the venue refused, by Binance's error code.
    fills, positions, funding : DataFrame
        With columns `FILL_COLUMNS`, `POSITION_COLUMNS` and `FUNDING_COLUMNS`; times are int64 UTC
        nanoseconds, money is in the account's currency.
    contracts : dict of str to Contract
        Per symbol how quantity and price make up the value; linear where absent.
    paths : dict of str to PricePath
        Per symbol where prices went while something was held, fills of the symbol counted.
    slippage : dict of str to int or None
        How many market and stop orders paid what they found on an order book (`walked`), and how
        many the assumed share of what prices lately moved (`assumed`); None of other fill models.

    """

    pnl: ProfitAndLoss
    starting_balance: float
    n_orders: int
    n_positions: int
    refusals: dict[str, int]
    fills: pd.DataFrame
    positions: pd.DataFrame
    funding: pd.DataFrame
    contracts: dict[str, Contract] = field(default_factory=dict)
    paths: dict[str, PricePath] = field(default_factory=dict)
    slippage: dict[str, int] | None = None


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
    contracts = {
        binance_symbol(instrument.id): contract_of(instrument)
        for instrument in cache.instruments(venue=venue)
    }
    funding = _funding(engine, venue)
    events = cache.account_for_venue(venue).events
    totals = [_total(event, currency) for event in events]
    report = _report(engine, venue)
    unrealised = _unrealised(engine, venue, currency) + report.unsettled(currency)
    return Ledger(
        pnl=_split(totals, events, filled, unrealised),
        starting_balance=float(totals[0]),
        n_orders=cache.orders_total_count(),
        n_positions=len(cache.positions(venue=venue)) + len(cache.position_snapshots()),
        refusals=_refusals(cache.orders(venue=venue)),
        fills=fills,
        positions=_positions(fills, contracts),
        funding=funding,
        contracts=contracts,
        paths={binance_symbol(found): path for found, path in report.paths.items()},
        slippage=_slippage(report),
    )


def _report(engine: BacktestEngine, venue: Venue) -> VenueReport:
    # A venue without `Settlement` tells nothing.
    report, bus = VenueReport(), engine.kernel.msgbus
    if report_endpoint(venue) in bus.endpoints():
        bus.send(report_endpoint(venue), report)
    return report


def _slippage(report: VenueReport) -> dict[str, int] | None:
    if report.n_walked is None or report.n_assumed is None:
        return None
    return {"walked": report.n_walked, "assumed": report.n_assumed}


def _refusals(orders: list[Any]) -> dict[str, int]:
    # An entry that was refused takes its children along; it is one order to the strategy.
    reasons = [
        str(order.last_event.reason).split(" ", 1)[0]
        for order in orders
        if isinstance(order.last_event, OrderRejected) and order.parent_order_id is None
    ]
    return {code: reasons.count(code) for code in sorted(set(reasons)) if code.startswith("-")}


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
    clearance, insurance = Decimal(0), Decimal(0)
    for event, order in filled:
        if LIQUIDATION in (order.tags or ()):
            clearance -= event.commission.as_decimal()
            insurance += Decimal(event.info["shortfall"])
            forced += Decimal(event.info["pnl"]) - event.commission.as_decimal()
        else:
            fees -= event.commission.as_decimal()
    return ProfitAndLoss(
        total=totals[-1] - totals[0] + unrealised,
        price=traded - fees - forced + unrealised,
        fees=fees,
        funding=funding,
        liquidations=forced,
        clearance_fees=clearance,
        insurance=insurance,
    )


def _unrealised(engine: BacktestEngine, venue: Venue, currency: Currency) -> Decimal:
    # The portfolio sums the positions of all strategies in an instrument.
    value = Decimal(0)
    for instrument_id in {p.instrument_id for p in engine.cache.positions_open(venue=venue)}:
        pnl = engine.portfolio.unrealized_pnl(instrument_id)
        if pnl is not None and pnl.currency == currency:
            value += pnl.as_decimal()
    return value


def _fills(filled: list[Any]) -> pd.DataFrame:
    held: dict[tuple[str, str], Decimal] = {}
    rows = []
    for event, order in filled:
        symbol = binance_symbol(event.instrument_id)
        owner = (symbol, str(event.strategy_id))
        side = 1 if event.is_buy else -1
        before = held.get(owner, Decimal(0))
        held[owner] = before + side * event.last_qty.as_decimal()
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
                owner[1],
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


def _positions(fills: pd.DataFrame, contracts: dict[str, Contract]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for (symbol, _), group in fills.groupby(["symbol", "strategy"], sort=True):
        rows.extend(_round_trips(str(symbol), group, contracts.get(str(symbol), LINEAR)))
    rows.sort(key=lambda row: (row["ts_opened"], row["symbol"]))
    return pd.DataFrame(rows, columns=list(POSITION_COLUMNS)).astype(
        {"ts_opened": np.int64, "ts_closed": np.int64, "side": np.int8}
    )


def _round_trips(symbol: str, fills: pd.DataFrame, contract: Contract) -> list[dict[str, Any]]:
    # From flat to flat; a fill through zero ends one position and starts the next.
    trips: list[dict[str, Any]] = []
    held = 0.0
    for fill in fills.itertuples():
        rest = fill.side * fill.quantity
        fee_rate = fill.fee / fill.quantity
        if held * rest < 0:
            part = min(abs(rest), abs(held))
            _close_part(trips[-1], fill, part, fee_rate, contract)
            held += fill.side * part
            rest -= fill.side * part
            held = 0.0 if abs(held) < 1e-12 else held
        if abs(rest) > 1e-12:
            if held == 0.0:
                trips.append(_new_trip(symbol, fill))
            _open_part(trips[-1], fill, abs(rest), fee_rate, contract)
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


def _open_part(
    trip: dict[str, Any],
    fill: Any,  # noqa: ANN401 - a row
    part: float,
    fee_rate: float,
    contract: Contract,
) -> None:
    entry = fill.price
    if trip["quantity"] > 0.0:
        entry = contract.mean_price(trip["quantity"], trip["entry_price"], part, fill.price)
    trip["quantity"] += part
    trip["entry_price"] = entry
    trip["fees"] += fee_rate * part
    trip["pnl"] -= fee_rate * part


def _close_part(
    trip: dict[str, Any],
    fill: Any,  # noqa: ANN401 - a row
    part: float,
    fee_rate: float,
    contract: Contract,
) -> None:
    trip["pnl"] += contract.pnl(trip["side"], part, trip["entry_price"], fill.price)
    trip["pnl"] -= fee_rate * part
    trip["fees"] += fee_rate * part
    trip["exit_price"] = fill.price
    trip["exit_reason"] = fill.reason
    trip["ts_closed"] = fill.ts
