"""Between strategies and a simulated venue: orders refused, orders that wait for a price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

from nautilus_trader.common.enums import ComponentState
from nautilus_trader.execution.messages import CancelAllOrders
from nautilus_trader.execution.messages import ModifyOrder
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.execution.messages import SubmitOrderList
from nautilus_trader.model.enums import OrderType

from liq_nautilus.nautilus.backtest.exchange import reject_change
from liq_nautilus.nautilus.backtest.exchange import reject_order
from liq_nautilus.nautilus.backtest.exchange import submit_order
from liq_nautilus.nautilus.backtest.exchange import take_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.orders import Order

    from liq_nautilus.nautilus.backtest.venue.market_prices import MarketPrices
    from liq_nautilus.nautilus.backtest.venue.order_checks import OrderChecks

# An order that arrives so soon after a bar has opened still pays its open: the bar before ends a
# millisecond earlier, and an order's way to the venue takes some more.
_SAME_MOMENT_NS: Final = 1_000_000_000
_ENDPOINT: Final = "ExecEngine.execute"


class _Waiting(NamedTuple):
    # A command and when it reaches the venue (UTC nanoseconds).
    arrival_ns: int
    command: Any


class OrderGate:
    """
    Judges and times what strategies send to a simulated venue.

    NautilusTrader fills an order at the newest price, however old. Here an order that is sent when
    there is no price of the very moment waits for the next one: the open of the bar that begins
    then, or, when it comes inside a bar, that bar's close, the first price after it. So does a
    change of an order. It can no longer be taken back meanwhile: what is sent about it follows it.
    Orders that the venue refuses are rejected with Binance's error code.

    Parameters
    ----------
    exchange : SimulatedExchange
        The venue.
    checks : OrderChecks or None
        Judges orders; None lets all pass.
    prices : callable
        Returns the prices of an instrument.

    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        checks: OrderChecks | None,
        prices: Callable[[InstrumentId], MarketPrices],
    ) -> None:
        self._exchange = exchange
        self._checks = checks
        self._prices = prices
        self._waiting: dict[InstrumentId, list[_Waiting]] = {}
        self._now: Callable[[], int] = lambda: 0

    def attach(self, msgbus: MessageBus, now: Callable[[], int]) -> None:
        """Stand in the way of commands to the venue."""
        self._now, self._run_id = now, str(msgbus.trader_id)
        self._forward = take_endpoint(msgbus, _ENDPOINT, self._on_command)
        msgbus.subscribe(topic="events.system.*", handler=self._on_component)

    def clear(self) -> None:
        """Forget everything."""
        self._waiting.clear()

    def is_waiting(self, instrument_id: InstrumentId) -> bool:
        """Return whether orders of an instrument wait for a price."""
        return bool(self._waiting.get(instrument_id))

    def release(self, instrument_id: InstrumentId, price: float, price_ns: int, ts: int) -> None:
        """
        Send what has reached the venue to be matched.

        Parameters
        ----------
        instrument_id : InstrumentId
            The instrument.
        price : float
            At which it will be matched (quote).
        price_ns : int
            When that price was; orders that arrived later go on waiting (UTC nanoseconds).
        ts : int
            The moment it is in the run (UTC nanoseconds).

        """
        waiting = self._waiting.pop(instrument_id, [])
        for number, item in enumerate(waiting):
            if item.arrival_ns > price_ns:
                # What was sent later follows it.
                self._waiting[instrument_id] = waiting[number:]
                return
            if not self._is_refused(item.command, price, ts):
                self._exchange.send(item.command)

    def release_at_open(
        self, instrument_id: InstrumentId, price: float, ts_open: int, ts: int
    ) -> None:
        """Send what waits for a bar's open (see `release`)."""
        self.release(instrument_id, price, ts_open + _SAME_MOMENT_NS, ts)

    def drop(self, instrument_id: InstrumentId, ts: int) -> None:
        """Reject all orders of an instrument that wait: the account is being liquidated."""
        for item in self._waiting.pop(instrument_id, []):
            for order in _orders(item.command):
                reject_order(self._exchange, order, "-2023 the account is being liquidated", ts)

    # -- Commands come in -------------------------------------------------------------------------

    def _on_component(self, event: Any) -> None:  # noqa: ANN401 - a ComponentStateChanged
        # The run is over: what strategies sent as they stopped is done at the last price, since
        # there is no next one. What takes time to arrive comes too late.
        if event.state != ComponentState.STOPPING or str(event.component_id) != self._run_id:
            return
        now = self._now()
        for instrument_id, waiting in list(self._waiting.items()):
            price = self._prices(instrument_id).last
            for item in waiting:
                if item.arrival_ns == now and not self._is_refused(item.command, price, now):
                    self._exchange.send(item.command)

    def _on_command(self, command: Any) -> None:  # noqa: ANN401 - any trading command
        instrument_id = getattr(command, "instrument_id", None)
        if instrument_id is None or instrument_id.venue != self._exchange.id:
            self._forward(command)
            return
        now = self._now()
        if self._must_wait(command, instrument_id, now):
            for order in _orders(command):
                submit_order(self._exchange, order, now)
            waiting = self._waiting.setdefault(instrument_id, [])
            waiting.append(_Waiting(now + self._latency(), command))
            # Orders that rest already are cancelled at once.
            if isinstance(command, CancelAllOrders):
                self._forward(command)
        elif not self._is_refused(command, self._prices(instrument_id).last, now):
            self._forward(command)

    def _must_wait(self, command: Any, instrument_id: InstrumentId, now: int) -> bool:  # noqa: ANN401 - a command of any kind
        prices = self._prices(instrument_id)
        if prices.last_ns < 0:
            return False
        # What is changed may be filled at once, as what is new may.
        if not _orders(command) and not isinstance(command, ModifyOrder):
            return self._concerns_waiting(command, instrument_id)
        return prices.last_ns != now or self._latency() > 0 or self.is_waiting(instrument_id)

    def _concerns_waiting(self, command: Any, instrument_id: InstrumentId) -> bool:  # noqa: ANN401 - a command of any kind
        # Whether a cancel or change is about an order that is still on its way.
        ids = {
            order.client_order_id
            for item in self._waiting.get(instrument_id, [])
            for order in _orders(item.command)
        }
        if isinstance(command, CancelAllOrders):
            return bool(ids)
        named = [command, *getattr(command, "cancels", ())]
        return any(getattr(one, "client_order_id", None) in ids for one in named)

    def _latency(self) -> int:
        model = self._exchange.latency_model
        return 0 if model is None else int(model.insert_latency_nanos)

    def _is_refused(self, command: Any, price: float, ts: int) -> bool:  # noqa: ANN401 - a command of any kind
        if isinstance(command, ModifyOrder):
            return self._is_change_refused(command, price, ts)
        orders = _orders(command)
        if self._checks is None or not orders:
            return False
        for order in orders:
            # Of a list the entry is judged; its children only reduce what it opens.
            if order.parent_order_id is not None:
                continue
            refusal = self._checks.refusal(order, _judged_at(order, price), ts)
            if refusal is not None:
                for one in orders:
                    reject_order(self._exchange, one, str(refusal), ts)
                return True
        for order in orders:
            # What has no price comes to nothing, or is judged when it triggers.
            if not math.isnan(_judged_at(order, price)):
                self._checks.note_sent(order)
        return False

    def _is_change_refused(self, command: ModifyOrder, price: float, ts: int) -> bool:
        # A changed order is judged as a new one would be.
        order = self._exchange.cache.order(command.client_order_id)
        if self._checks is None or order is None or order.is_closed:
            return False
        limit = command.price or getattr(order, "price", None)
        at = math.nan if limit is None else _limited(order, limit.as_double(), price)
        refusal = self._checks.refusal(order, at, ts, quantity=command.quantity)
        if refusal is None:
            return False
        reject_change(self._exchange, order, str(refusal), ts)
        return True


def _orders(command: Any) -> list[Order]:  # noqa: ANN401 - any trading command
    if isinstance(command, SubmitOrder):
        return [command.order]
    if isinstance(command, SubmitOrderList):
        return list(command.order_list.orders)
    return []


def _judged_at(order: Order, price: float) -> float:
    # A limit costs at most its price; a stop is judged when it triggers.
    if order.order_type == OrderType.MARKET:
        return price
    if order.order_type == OrderType.LIMIT:
        return _limited(order, order.price.as_double(), price)
    return math.nan


def _limited(order: Order, limit: float, price: float) -> float:
    return min(limit, price) if order.is_buy and not math.isnan(price) else limit
