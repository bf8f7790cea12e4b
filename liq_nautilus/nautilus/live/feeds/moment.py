"""The clock's word in the queue of the data: what was stamped before it has been handled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from typing import Any

from nautilus_trader.core.data import Data

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.actor import Actor
    from nautilus_trader.model.identifiers import InstrumentId


class Moment(Data):  # type: ignore[misc, unused-ignore] # untyped base
    """
    A time that has come, sent through the data engine's queue behind all that came before it.

    It is not recorded: a replay has the data's own clock.

    Parameters
    ----------
    instrument_id : InstrumentId
        Who waits for it.
    ts_init : int
        The time (UTC nanoseconds).

    """

    def __init__(self, instrument_id: InstrumentId, ts_init: int) -> None:
        self.instrument_id = instrument_id
        self._ts_init = ts_init

    @property
    def ts_event(self) -> int:
        """The time (UTC nanoseconds)."""
        return self._ts_init

    @property
    def ts_init(self) -> int:
        """The time (UTC nanoseconds)."""
        return self._ts_init


def on_loop(component: Actor, handler: Callable[[Any], None]) -> Callable[[Any], None]:
    """
    Return a timer's callback that runs a component's handler on the running event loop.

    The clock of a node calls back from a thread of its own, in the midst of whatever the loop is
    doing to the same objects. A loop that was busy has many calls waiting: those that come up once
    the component was stopped, whose timers are cancelled, do nothing.
    """
    loop = asyncio.get_running_loop()

    def run(event: Any) -> None:  # noqa: ANN401 - a timer's event
        if component.is_running:
            handler(event)

    def call(event: Any) -> None:  # noqa: ANN401 - a timer's event
        if not loop.is_closed():
            loop.call_soon_threadsafe(run, event)

    return call
