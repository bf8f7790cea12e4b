"""The actor as it runs on a node: prompt, restartable, and replayable to the same signals."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Final

import msgspec
import pandas as pd
from nautilus_trader.model.data import CustomData
from nautilus_trader.model.data import DataType

from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.actor import LiquidationActor
from liq_nautilus.nautilus.internals import instrument_topic
from liq_nautilus.nautilus.live.feeds.moment import Moment
from liq_nautilus.nautilus.live.feeds.moment import on_loop
from liq_nautilus.nautilus.live.state_file import DamagedStateError
from liq_nautilus.nautilus.live.state_file import SavedState
from liq_nautilus.nautilus.live.state_file import read_state
from liq_nautilus.nautilus.live.state_file import set_aside
from liq_nautilus.nautilus.live.state_file import write_state
from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.common.component import TimeEvent

    from liq_nautilus.core.feed import Event
    from liq_nautilus.nautilus.live.live_config import LiveLiquidationActorConfig

# The thread that calls back has a clock of its own.
_GRACE_NS: Final = MILLISECOND_NS
_SAVE_TIMER: Final = "save-state"
_TICK_TIMER: Final = "stale-tick"
_ALERT: Final = "known-live"


class LiveLiquidationActor(LiquidationActor):
    """
    `LiquidationActor` whose clock is the data's.

    A backtest's clock stands still while a datum is handled; a node's does not, and its timers fire
    at any time, in a thread of their own. Here whatever is due before a datum's `ts_init` happens
    before that datum is taken, and what a datum makes known at once is published at once. A timer
    only sends a `Moment` through the queue of the data: when that comes out, all that was stamped
    before it has been taken. So a backtest of what was recorded publishes the same, at the same
    moments, however busy the node was.

    The state is saved in `state_path` at intervals and at the stop, and taken up again by `resume`;
    a damaged file is set aside and said.

    Parameters
    ----------
    config : LiveLiquidationActorConfig
        The settings.

    """

    def __init__(self, config: LiveLiquidationActorConfig) -> None:
        super().__init__(config)
        self._live = config
        self._path = None if config.state_path is None else Path(config.state_path)
        self._step_ns = round(config.stale_check_secs * SECOND_NS)
        self._next_tick_ns = 0
        # The `ts_init` of the datum in hand.
        self._data_ns = 0
        self.resumed_from_ns: int | None = None
        self.n_save_errors = 0

    # -- State ------------------------------------------------------------------------------------

    def resume(self) -> int | None:
        """Take up the saved state; return when it was saved (UTC nanoseconds), None if none was."""
        if self._path is None:
            return None
        before = self._feed
        try:
            saved = read_state(self._path)
            if saved is None:
                return None
            self.on_load(saved.state)
        except (DamagedStateError, ValueError, KeyError, TypeError, msgspec.MsgspecError) as e:
            # Also a whole file whose map is that of another version.
            aside = set_aside(self._path)
            self.log.error(f"{e}; {self._path} was set aside as {aside}, the map begins anew")
            self._feed = before
            return None
        if self._feed is before:
            # Of other parameters, which the log says.
            return None
        self.resumed_from_ns = saved.ts_saved
        self.log.info(f"The map of {iso(saved.ts_saved)} is taken up again")
        return saved.ts_saved

    def save(self, ts: int) -> None:
        """Save the state; an error is logged and counted, the next interval tries again."""
        if self._path is None:
            return
        try:
            write_state(self._path, SavedState(ts, self.on_save()))
        except StoreError as e:
            self.n_save_errors += 1
            if self.n_save_errors == 1:
                self.log.error(f"{e}; later errors are only counted")

    def warm_up(self, events: Iterable[Event], ts: int) -> int:
        """
        Take in what is known until a time, without publishing, and return how much that was.

        Parameters
        ----------
        events : iterable of Event
            Of the catalog or a venue's history, in any order.
        ts : int
            Until when (UTC nanoseconds).

        """
        n = 0
        for event in events:
            self._feed.push(event)
            n += 1
        self._release(ts)
        self._complete_ns = max(self._complete_ns, ts)
        self._is_unpublished = False
        return n

    def begin(self, ts: int) -> None:
        """Let the looks at stale inputs begin after a time (UTC nanoseconds), not at the start."""
        # A timer rings first one interval after the multiple at which it starts.
        self._next_tick_ns = (ts // self._step_ns + 2) * self._step_ns

    # -- Life -------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Subscribe, and begin to save."""
        self._send = on_loop(self, self._send_moment)
        self._moment_topic = instrument_topic(Moment, self._live.instrument_id)
        self.msgbus.subscribe(topic=self._moment_topic, handler=self._on_moment)
        super().on_start()
        if self._path is not None:
            interval = pd.Timedelta(seconds=self._live.state_interval_secs)
            save = on_loop(self, self._on_save_timer)
            self.clock.set_timer(_SAVE_TIMER, interval, callback=save)

    def on_stop(self) -> None:
        """Take in and save what is there."""
        self.msgbus.unsubscribe(topic=self._moment_topic, handler=self._on_moment)
        super().on_stop()
        self.save(self.clock.timestamp_ns())

    def _on_save_timer(self, event: TimeEvent) -> None:
        self.save(event.ts_event)

    # -- The data's clock -------------------------------------------------------------------------

    def _start_timer(self) -> None:
        now = self.clock.timestamp_ns()
        if not self._next_tick_ns:
            self.begin(now)
        first = (now // self._step_ns + 1) * self._step_ns + _GRACE_NS
        self.clock.set_timer_ns(_TICK_TIMER, self._step_ns, first, 0, self._send)

    def _push(self, event: Event, ts_init: int) -> None:
        self._catch_up(ts_init - 1)
        self._data_ns = ts_init
        super()._push(event, ts_init)

    def _await(self, ts_known: int) -> None:
        ts = max(ts_known, self._data_ns)
        if ts <= self._data_ns:
            self._know(ts)
        elif ts not in self._moments:
            heapq.heappush(self._moments, ts)
            self._set_alert()

    def _set_alert(self) -> None:
        if _ALERT in self.clock.timer_names:
            self.clock.cancel_timer(_ALERT)
        due = max(self._moments[0], self.clock.timestamp_ns()) + _GRACE_NS
        self.clock.set_time_alert_ns(_ALERT, due, self._send)

    def _send_moment(self, _event: TimeEvent) -> None:
        moment = Moment(self._live.instrument_id, self.clock.timestamp_ns())
        self.msgbus.send("DataEngine.process", CustomData(DataType(Moment), moment))

    def _on_moment(self, moment: Moment) -> None:
        self._catch_up(moment.ts_init)
        if self._moments and _ALERT not in self.clock.timer_names:
            self._set_alert()

    def _catch_up(self, ts: int) -> None:
        # Moments and looks at stale inputs that were due until a time, in their order.
        while True:
            moment = self._moments[0] if self._moments else ts + 1
            tick = self._next_tick_ns or ts + 1
            due = min(moment, tick)
            if due > ts:
                return
            if moment <= tick:
                self._know(moment)
            else:
                self._next_tick_ns += self._step_ns
                self._look(tick)
