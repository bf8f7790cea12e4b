"""The margin side of a simulated account: what backs each position, and what may be ordered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

from nautilus_trader.model.objects import Money

from liq_nautilus.core.exchange.forced_close import Contract
from liq_nautilus.core.exchange.forced_close import OpenPosition
from liq_nautilus.core.exchange.forced_close import backing
from liq_nautilus.core.exchange.forced_close import trigger_price
from liq_nautilus.nautilus.backtest.exchange import adjust_account
from liq_nautilus.nautilus.instruments import binance_symbol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator

    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.model.events import PositionEvent
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.identifiers import PositionId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.objects import Currency
    from nautilus_trader.model.position import Position

    from liq_nautilus.core.exchange.bracket_source import BracketSource
    from liq_nautilus.core.exchange.brackets import BracketTable
    from liq_nautilus.core.exchange.forced_close import Backing
    from liq_nautilus.nautilus.backtest.venue.market_prices import MarketPrices

CROSS: Final = "cross"
# In account events: what a position was paid beyond what Nautilus reckoned.
ENTRY_PRICE: Final = "entry price"


@dataclass(slots=True, eq=False)
class Holding:
    """
    One open position and its isolated margin.

    Attributes
    ----------
    position : Position
        Nautilus's own.
    contract : Contract
        How quantity and price make up its value.
    side : int
        +1 long, -1 short.
    quantity : float
        What is open (base units or contracts).
    margin : float
        The isolated margin: initial margin of what is still open, less paid funding (settlement
        currency).
    trigger : float or None
        The liquidation price under isolated margin, until `trigger_until_ns`; None when unknown.
    entry : float
        The price at which what is open has the value that its parts were opened for (quote).
    changed_ns : int
        When the position last changed (UTC nanoseconds).

    """

    position: Position
    contract: Contract
    side: int
    quantity: float = 0.0
    margin: float = 0.0
    trigger: float | None = None
    trigger_until_ns: int = 0
    changed_ns: int = 0
    entry: float = 0.0

    @property
    def mispriced(self) -> float:
        """
        Return what the whole position gains more than Nautilus reckons (settlement currency).

        Nautilus weights entry prices with quantities. Of an inverse contract, whose value falls as
        the price rises, that is not the price at which the parts have their value.
        """
        if not self.contract.is_inverse or self.quantity <= 0.0:
            return 0.0
        told = float(self.position.avg_px_open)
        return self.contract.pnl(self.side, self.quantity, self.entry, told)


class Refusal(NamedTuple):
    """
    Why the venue refuses an order.

    Attributes
    ----------
    code : int
        Binance's error code
        (https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code).
    text : str
        What must hold and what was found.

    """

    code: int
    text: str

    def __str__(self) -> str:
        """Return code and text as the venue gives them."""
        return f"{self.code} {self.text}"


NOT_REQUIRED: Final = -1106
NOT_REDUCING: Final = -2022
MARGIN_INSUFFICIENT: Final = -2019
ABOVE_MAX_POSITION: Final = -2027


class MarginAccount:
    """
    Follows the positions of a venue and what backs them.

    Parameters
    ----------
    exchange : SimulatedExchange
        The venue.
    brackets : BracketSource
        Which brackets apply.
    is_cross : bool
        Whether the whole account backs every position; else each has its own margin.

    Attributes
    ----------
    tables : dict of InstrumentId to BracketTable
        By which brackets positions were last judged.

    """

    def __init__(
        self, exchange: SimulatedExchange, brackets: BracketSource, *, is_cross: bool
    ) -> None:
        self._exchange = exchange
        self._brackets = brackets
        self.is_cross = is_cross
        self._holdings: dict[InstrumentId, dict[PositionId, Holding]] = {}
        # By which brackets positions were last judged, per instrument.
        self.tables: dict[InstrumentId, BracketTable] = {}
        # While the venue itself reduces a position, nothing is released from its margin.
        self._is_forcing = False

    def clear(self) -> None:
        """Forget everything."""
        self._holdings.clear()
        self.tables.clear()

    def holdings(self, instrument_id: InstrumentId) -> dict[PositionId, Holding]:
        """Return the open positions of an instrument."""
        return self._holdings.get(instrument_id) or {}

    def settling_in(self, currency: Currency) -> Iterator[Holding]:
        """Yield the open positions, of all instruments, that the wallet of a currency backs."""
        for holdings in self._holdings.values():
            for holding in holdings.values():
                if holding.position.settlement_currency == currency:
                    yield holding

    # -- What positions do ------------------------------------------------------------------------

    def on_position(self, event: PositionEvent) -> None:
        """Follow a position that was opened, changed or closed."""
        holdings = self._holdings.setdefault(event.instrument_id, {})
        position = self._exchange.cache.position(event.position_id)
        holding = holdings.get(event.position_id)
        if holding is not None:
            self._settle_entry(holding, event)
        if position is None or position.is_closed:
            holdings.pop(event.position_id, None)
            return
        side = 1 if position.is_long else -1
        if holding is None or holding.side != side:
            contract = contract_of(self._exchange.instruments[event.instrument_id])
            holding = holdings[event.position_id] = Holding(position, contract, side)
        self._change(holding, position.quantity.as_double(), event.last_px.as_double())
        holding.changed_ns = event.ts_event

    def _settle_entry(self, holding: Holding, event: PositionEvent) -> None:
        # Pay what was closed its share of what Nautilus reckoned wrong.
        closed = holding.quantity - event.quantity.as_double()
        if closed <= 0.0 or holding.mispriced == 0.0:
            return
        share, currency = closed / holding.quantity, holding.position.settlement_currency
        amount = Money(share * holding.mispriced, currency)
        info = {"reason": ENTRY_PRICE, "position_id": str(holding.position.id)}
        adjust_account(self._exchange, amount, event.ts_event, info)

    def _change(self, holding: Holding, quantity: float, price: float) -> None:
        added = quantity - holding.quantity
        if added > 0.0:
            holding.entry = self._entry(holding, added, price)
            leverage = self.leverage(holding.position.instrument_id)
            holding.margin += holding.contract.value(added, price) / leverage
        elif not self._is_forcing:
            holding.margin *= quantity / holding.quantity
        holding.quantity = quantity
        holding.trigger = None

    def _entry(self, holding: Holding, added: float, price: float) -> float:
        if not holding.contract.is_inverse:
            return float(holding.position.avg_px_open)
        if holding.quantity == 0.0:
            return price
        return holding.contract.mean_price(holding.quantity, holding.entry, added, price)

    def pay_margin(self, holding: Holding, amount: float) -> None:
        """Add an amount to a position's isolated margin (negative takes away)."""
        holding.margin += amount
        holding.trigger = None

    def begin_force(self) -> None:
        """Keep the margin of positions that shrink with what is left of them, until `end_force`."""
        self._is_forcing = True

    def end_force(self) -> None:
        """Release margin in proportion again."""
        self._is_forcing = False

    # -- What backs them --------------------------------------------------------------------------

    def leverage(self, instrument_id: InstrumentId) -> float:
        """Return the account's leverage on an instrument."""
        account = self._exchange.get_account()
        return float(account.leverage(instrument_id) or account.default_leverage)

    def balance(self, instrument: Instrument) -> float:
        """Return the wallet balance in which an instrument settles (0.0 without one)."""
        total = self._exchange.get_account().balance_total(instrument.get_settlement_currency())
        return 0.0 if total is None else float(total.as_double())

    def state(self, holding: Holding, prices: MarketPrices, ts: int) -> OpenPosition:
        """Return what decides over a position at a moment (UTC nanoseconds)."""
        instrument_id = holding.position.instrument_id
        entry = holding.entry
        mark = prices.mark_at(ts)
        table = self.tables[instrument_id] = self._brackets.at(binance_symbol(instrument_id), ts)
        return OpenPosition(
            side=holding.side,
            quantity=holding.quantity,
            entry_price=entry,
            mark_price=entry if math.isnan(mark) else mark,
            margin=holding.margin,
            table=table,
            contract=holding.contract,
        )

    def backing(
        self, state: OpenPosition, others: Iterable[OpenPosition], instrument: Instrument
    ) -> Backing:
        """Return what backs a position."""
        return backing(state, others, self.balance(instrument) if self.is_cross else None)

    def isolated_trigger(self, holding: Holding, prices: MarketPrices, ts: int) -> float:
        """Return the liquidation price under isolated margin; it stays until something changes."""
        if holding.trigger is None or ts >= holding.trigger_until_ns:
            state = self.state(holding, prices, ts)
            holding.trigger = trigger_price(state, state.margin)
            symbol = binance_symbol(holding.position.instrument_id)
            holding.trigger_until_ns = self._brackets.dated(symbol, ts).until_ns
        return holding.trigger


def contract_of(instrument: Any) -> Contract:  # noqa: ANN401 - an Instrument
    """Return how quantity and price of an instrument make up its value."""
    return Contract(bool(instrument.is_inverse), float(instrument.multiplier.as_double()))
