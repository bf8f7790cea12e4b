"""The one door into the data engine: what came twice, late, or is of nobody stays outside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import CustomData
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.data import TradeTick

from liq_nautilus.nautilus.custom import CustomRecord
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Hashable

    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.identifiers import InstrumentId

    from liq_nautilus.nautilus.live.feeds.health import HealthBoard

_ENDPOINT = "DataEngine.process"
_NATIVE = (Bar, TradeTick, MarkPriceUpdate, FundingRateUpdate)


class SequenceGate:
    """
    Lets each bar, trade, mark price and funding rate pass once and in order, stamps rising.

    Data come from several clients: Nautilus's own adapter does not look for repetitions, and a bar
    that was fetched because it was missing may still come by itself. Whoever listens, the sandbox
    included, then sees the same data, and a recording of it replays alike.

    A symbol that a message garbles is no instrument of the node: the paper exchange, and whoever
    else looks it up, would stumble over it.

    What passes has a later `ts_init` than all that passed before: the order of the stamps is the
    order in which data is handled. A datum that took longer on its way, such as the first of many
    pages of bars, is stamped again.

    Parameters
    ----------
    msgbus : MessageBus
        The node's; the engine's endpoint is taken over.
    process : callable
        The engine's handler.
    health : HealthBoard
        Counts what stayed outside.
    tolerance_secs : float
        A datum stamped later than this after its arrival stays outside.
    is_known : callable
        From an instrument's id to whether the node has it.

    """

    def __init__(
        self,
        msgbus: MessageBus,
        process: Callable[[Any], None],
        health: HealthBoard,
        tolerance_secs: float,
        is_known: Callable[[InstrumentId], bool],
    ) -> None:
        self._process = process
        self._health = health
        self._tolerance_ns = round(tolerance_secs * SECOND_NS)
        self._is_known = is_known
        self._newest: dict[Hashable, int] = {}
        self._last_init_ns = 0
        msgbus.deregister(_ENDPOINT, process)
        msgbus.register(_ENDPOINT, self.take)

    def take(self, datum: Any) -> None:  # noqa: ANN401 - any datum
        """Pass a datum on, or count it."""
        place = _place(datum)
        if place is not None:
            if not self._is_known(_instrument_of(datum)):
                self._health.n["of no instrument"] += 1
                return
            key, number = place
            newest = self._newest.get(key, -1)
            if number <= newest:
                self._health.n["repeated" if number == newest else "late"] += 1
                return
            if datum.ts_event > datum.ts_init + self._tolerance_ns:
                self._health.n["future"] += 1
                return
            self._newest[key] = number
        self._process(self._in_order(datum))

    def _in_order(self, datum: Any) -> Any:  # noqa: ANN401 - any datum
        if isinstance(datum, CustomData):
            datum = self._custom_in_order(datum)
        elif isinstance(datum, _NATIVE):
            if datum.ts_init <= self._last_init_ns:
                values = type(datum).to_dict(datum)
                datum = type(datum).from_dict({**values, "ts_init": self._last_init_ns + 1})
        else:
            # Nothing of ours is made of it.
            return datum
        self._last_init_ns = max(self._last_init_ns, datum.ts_init)
        return datum

    def _custom_in_order(self, datum: CustomData) -> CustomData:
        record = datum.data
        if record.ts_init > self._last_init_ns or not isinstance(record, CustomRecord):
            return datum
        return CustomData(datum.data_type, replace(record, ts_init=self._last_init_ns + 1))


def _instrument_of(datum: Any) -> InstrumentId:  # noqa: ANN401 - of a native type
    return datum.bar_type.instrument_id if isinstance(datum, Bar) else datum.instrument_id


def _place(datum: Any) -> tuple[Hashable, int] | None:  # noqa: ANN401 - any datum
    # Which series a datum belongs to, and its rising number there.
    if isinstance(datum, Bar):
        return datum.bar_type, datum.ts_event
    if isinstance(datum, TradeTick):
        text = datum.trade_id.value
        return (TradeTick, datum.instrument_id), int(text) if text.isdigit() else datum.ts_event
    if isinstance(datum, MarkPriceUpdate | FundingRateUpdate):
        return (type(datum), datum.instrument_id), datum.ts_event
    return None
