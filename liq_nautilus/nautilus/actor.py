"""The actor that keeps the map of one perpetual and publishes what it says."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import pandas as pd
from nautilus_trader.common.actor import Actor

from liq_nautilus.core.feed import Event
from liq_nautilus.core.feed import Feed
from liq_nautilus.core.feed import bar_event
from liq_nautilus.core.feed import funding_event
from liq_nautilus.core.feed import time_event
from liq_nautilus.core.records import WAIT
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.data.bracket_files import read_brackets
from liq_nautilus.nautilus.heard import LargeTrades
from liq_nautilus.nautilus.heard import event_of_bar
from liq_nautilus.nautilus.heard import event_of_completeness
from liq_nautilus.nautilus.heard import event_of_mark_bar
from liq_nautilus.nautilus.heard import event_of_open_interest
from liq_nautilus.nautilus.heard import event_of_order
from liq_nautilus.nautilus.heard import events_of_volume
from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.nautilus.internals import PUBLISHING
from liq_nautilus.nautilus.internals import check_internals
from liq_nautilus.nautilus.internals import subscribe_instrument_data
from liq_nautilus.nautilus.map_settings import parameters_from
from liq_nautilus.nautilus.map_settings import published_models
from liq_nautilus.nautilus.missing_inputs import MissingInputs
from liq_nautilus.nautilus.publisher import MapPublisher
from liq_nautilus.nautilus.snapshots import bytes_to_state
from liq_nautilus.nautilus.snapshots import state_to_bytes
from liq_nautilus.nautilus.types import LiquidationCompleteness
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.nautilus.types import LiquidationVolume
from liq_nautilus.nautilus.types import MarkPriceBar
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from nautilus_trader.common.component import TimeEvent
    from nautilus_trader.core.data import Data
    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.data import FundingRateUpdate
    from nautilus_trader.model.data import MarkPriceUpdate
    from nautilus_trader.model.data import TradeTick

    from liq_nautilus.nautilus.config import LiquidationActorConfig

_STALE_TIMER: Final = "stale-check"
_ALERT: Final = "known"
_STATE: Final = "tracker"
_INPUTS: Final = "inputs"
# What no map can do without, as it is told.
_BARS: Final = "bars"
_OPEN_INTEREST: Final = "OpenInterest"


class LiquidationActor(Actor):
    """
    Keep the liquidation map of one perpetual; publish it on every open interest and funding update.

    Each handler turns a datum into an event of `liq_nautilus.core.feed`. An event is applied once
    all data of its moment has come, in the feed's order, whatever the order of arrival. Open
    interest waits for its publication delay. Between updates a signal is published too when inputs
    have gone stale and change it; realised liquidations alone change it at the next update.

    What is published reaches ``subscribe_data(DataType(LiquidationLevels), instrument_id=...)``,
    and likewise for clusters, forecasts and signals. Levels, clusters and forecasts that nobody has
    subscribed to, and that no store or database keeps, are counted but not made.

    Parameters
    ----------
    config : LiquidationActorConfig
        The settings.

    Raises
    ------
    SettingError
        If parameters, brackets or the names of models are wrong.

    """

    def __init__(self, config: LiquidationActorConfig) -> None:
        check_internals(PUBLISHING)
        super().__init__(config)
        self._settings = config
        path = None if config.brackets_path is None else Path(config.brackets_path)
        brackets = read_brackets(path, binance_symbol(config.instrument_id), "brackets_path")
        tracker = LiquidationTracker(parameters_from(config), brackets=brackets)
        self._feed = Feed(tracker)
        # Everything known until then has come (UTC ns).
        self._complete_ns = -1
        self._models = published_models(config)
        self._publisher = MapPublisher(config, self._models)
        self._delay_ns = round(config.open_interest_delay_secs * SECOND_NS)
        self._trades = LargeTrades(tracker.parameters.large_trade_notional)
        self._interval_ns = round(config.bar_type.spec.timedelta.total_seconds()) * SECOND_NS
        self._missing = MissingInputs((_BARS, _OPEN_INTEREST), self._interval_ns)
        # When something pending becomes known, earliest first.
        self._moments: list[int] = []
        self._mark_ts: int | None = None
        self._last_update_ns = 0
        # Whether an update was taken into the map that nobody has heard of yet.
        self._is_unpublished = False
        self._was_valid = True
        self._told_action: str = WAIT
        self.n_skipped = 0
        self.n_levels = 0
        self.n_signals = 0
        self.n_updates = 0

    @property
    def tracker(self) -> LiquidationTracker:
        """The map, with all that is complete taken in."""
        self._release(self._complete_ns)
        return self._feed.tracker

    def on_start(self) -> None:
        """Subscribe to what the map is made of."""
        config = self._settings
        instrument_id = config.instrument_id
        self._publisher.connect(self.msgbus)
        self.subscribe_bars(config.bar_type)
        self.subscribe_funding_rates(instrument_id, client_id=config.client_id)
        if config.use_trades:
            self.subscribe_trade_ticks(instrument_id)
        if config.mark_prices == "updates":
            self.subscribe_mark_prices(instrument_id, client_id=config.client_id)
        wanted = {
            OpenInterest: True,
            MarkPriceBar: config.mark_prices == "bars",
            LiquidationVolume: config.liquidations == "volume",
            LiquidationOrder: config.liquidations == "orders",
            LiquidationCompleteness: config.liquidations == "orders",
        }
        for data_cls in (data_cls for data_cls, is_wanted in wanted.items() if is_wanted):
            subscribe_instrument_data(self, data_cls, instrument_id, config.client_id)
        self._start_timer()
        # What a saved actor was still waiting for.
        for event in self._feed.pending():
            if event.is_update:
                self._await(event.ts_known)

    def _start_timer(self) -> None:
        # At multiples of the interval, so that a restarted node looks at the same moments.
        interval = pd.Timedelta(seconds=self._settings.stale_check_secs)
        step, now = interval.value, self.clock.timestamp_ns()
        first = pd.Timestamp(-(-(now + 1) // step) * step, unit="ns", tz="UTC")
        self.clock.set_timer(_STALE_TIMER, interval, start_time=first, callback=self._on_timer)

    def on_stop(self) -> None:
        """Take in and write what is still buffered."""
        self.clock.cancel_timers()
        self._release(self._complete_ns)
        self._publisher.flush()

    def on_save(self) -> dict[str, bytes]:
        """Return map and inputs not yet known, so that a restarted node goes on from here."""
        tracker = self.tracker
        inputs = {
            "pending": self._feed.state(),
            "trades": self._trades.waiting,
            "complete": self._complete_ns,
            "mark": self._mark_ts,
            "updated": self._last_update_ns,
            "keep_after": self._publisher.keep_after_ns,
            "unpublished": self._is_unpublished,
            "told": self._told_action,
        }
        return {_STATE: state_to_bytes(tracker.state()), _INPUTS: state_to_bytes(inputs)}

    def on_load(self, state: dict[str, bytes]) -> None:
        """Take over what was saved; a map of other parameters is left aside."""
        if _STATE not in state:
            return
        tracker = LiquidationTracker.from_state(bytes_to_state(state[_STATE]))
        if tracker.parameters != self._feed.tracker.parameters:
            self.log.warning("The saved map has other parameters and is left aside")
            return
        self._feed = Feed(tracker)
        if _INPUTS in state:
            self._restore_inputs(bytes_to_state(state[_INPUTS]))

    def _restore_inputs(self, inputs: dict[str, Any]) -> None:
        self._feed.restore(inputs["pending"])
        self._trades.waiting = [tuple(trade) for trade in inputs["trades"]]
        self._complete_ns = inputs["complete"]
        self._mark_ts = inputs["mark"]
        self._last_update_ns = inputs["updated"]
        self._publisher.keep_after_ns = inputs["keep_after"]
        self._is_unpublished = inputs["unpublished"]
        self._told_action = inputs["told"]

    # -- Data comes in ----------------------------------------------------------------------------

    def on_bar(self, bar: Bar) -> None:
        """Take a bar of last prices."""
        self._missing.note(_BARS)
        self._push(event_of_bar(bar, self._interval_ns), bar.ts_init)

    def on_trade_tick(self, tick: TradeTick) -> None:
        """Keep a large trade for the batch of its minute."""
        self._trades.add(tick)

    def on_mark_price(self, update: MarkPriceUpdate) -> None:
        """Take a single mark price as the bar since the one before."""
        price, ts = update.value.as_double(), update.ts_event
        start = ts if self._mark_ts is None else self._mark_ts
        self._mark_ts = ts
        self._push(bar_event(price, price, price, price, start, ts, "mark"), update.ts_init)

    def on_funding_rate(self, update: FundingRateUpdate) -> None:
        """Take a funding rate and publish once all data of its moment has come."""
        self._push(funding_event(float(update.rate), update.ts_event), update.ts_init)
        self._await(update.ts_event)

    def on_data(self, data: Data) -> None:
        """Take custom data."""
        if isinstance(data, OpenInterest):
            self._take_open_interest(data)
        elif isinstance(data, MarkPriceBar):
            self._push(event_of_mark_bar(data), data.ts_init)
        elif isinstance(data, LiquidationVolume):
            delay_ns = round(self._settings.liquidation_delay_secs * SECOND_NS)
            for event in events_of_volume(data, delay_ns):
                self._push(event, data.ts_init)
        elif isinstance(data, LiquidationOrder):
            self._push(event_of_order(data), data.ts_init)
        elif isinstance(data, LiquidationCompleteness):
            self._push(event_of_completeness(data), data.ts_init)

    def _take_open_interest(self, data: OpenInterest) -> None:
        self._missing.note(_OPEN_INTEREST)
        event = event_of_open_interest(data, self._delay_ns)
        self._push(event, data.ts_init)
        self._await(event.ts_known)

    def _push(self, event: Event, ts_init: int) -> None:
        # What was known before this moment is complete; the moment itself is not yet. The map takes
        # it in when it is next looked at, many bars at once.
        complete_ns = ts_init - 1
        self._push_trades(complete_ns)
        if complete_ns > self._complete_ns:
            self._complete_ns = complete_ns
        self._feed.push(event)

    def _push_trades(self, ts: int) -> None:
        if self._trades.waiting:
            for event in self._trades.known_at(ts):
                self._feed.push(event)

    def _await(self, ts_known: int) -> None:
        # Time alerts of a moment come after all its data.
        ts = max(ts_known, self.clock.timestamp_ns())
        if ts in self._moments:
            return
        heapq.heappush(self._moments, ts)
        if self._moments[0] == ts:
            if len(self._moments) > 1:
                self.clock.cancel_timer(_ALERT)
            self._set_alert()

    def _set_alert(self) -> None:
        # One name for all: the clock keeps every name it ever heard.
        self.clock.set_time_alert_ns(_ALERT, self._moments[0], self._on_known)

    # -- The map moves and is published ----------------------------------------------------------

    def _release(self, ts: int) -> None:
        # Whoever releases an update, the next alert or check publishes it.
        self._push_trades(ts)
        is_done = False
        while not is_done:
            try:
                released = self._feed.release(ts)
                self._is_unpublished |= any(event.is_update for event in released)
                is_done = True
            except ValueError as e:
                # The datum is gone from the feed; what comes after it is still to be applied.
                self.n_skipped += 1
                if self.n_skipped == 1:
                    self.log.warning(f"A datum was skipped, later ones are only counted: {e}")

    def _on_known(self, event: TimeEvent) -> None:
        self._know(event.ts_event)

    def _know(self, ts: int) -> None:
        while self._moments and self._moments[0] <= ts:
            heapq.heappop(self._moments)
        if self._moments:
            self._set_alert()
        self._publish_updates(ts)

    def _publish_updates(self, ts: int) -> bool:
        self._release(ts)
        if not self._is_unpublished:
            return False
        self._is_unpublished = False
        self._last_update_ns = ts
        self._publish_map(ts)
        return True

    def _on_timer(self, event: TimeEvent) -> None:
        self._look(event.ts_event)

    def _look(self, ts: int) -> None:
        self._tell_missing(self._missing.look(ts))
        if ts - self._last_update_ns < self._settings.stale_check_secs * SECOND_NS:
            return
        self._feed.push(time_event(ts))
        if self._publish_updates(ts):
            return
        if self._feed.tracker.signal().action != self._told_action:
            self._publish_signal(ts)
        self._note_validity(is_valid=self._feed.tracker.is_valid)

    def _tell_missing(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.log.error(
                f"{self.id} must receive {name} of {self._settings.instrument_id}, none came: the "
                "signal stays WAIT; add it to the run's data (a BacktestDataConfig of custom data "
                "needs `client_id`, and its `metadata` either none or the instrument_id)"
            )

    @property
    def missing_inputs(self) -> tuple[str, ...]:
        """Which inputs that a map needs had not come when the run was two hours (or bars) old."""
        return self._missing.found

    def _publish_map(self, ts: int) -> None:
        config = self._settings
        if ts < config.publish_from_ns:
            return
        self.n_updates += 1
        self.n_levels += len(self._models)
        if config.publish:
            self._publisher.publish_read(self._feed.tracker, ts)
        self._publish_signal(ts)
        self._note_validity(is_valid=self._feed.tracker.is_valid)

    def _note_validity(self, *, is_valid: bool) -> None:
        # Warns once when the map becomes invalid, and again after it was valid.
        if self._was_valid and not is_valid:
            lowest = self._feed.tracker.parameters.invalid_confidence
            self.log.warning(
                f"The map of {self._settings.instrument_id} is not valid: its confidence must be "
                f"at least {lowest:g} and is below; look at what data is missing or stale"
            )
        self._was_valid = is_valid

    def _publish_signal(self, ts: int) -> None:
        config = self._settings
        if ts < config.publish_from_ns:
            return
        self.n_signals += 1
        record = self._feed.tracker.signal()
        self._told_action = record.action
        if config.publish:
            datum = LiquidationSignal.from_record(record, config.instrument_id, ts)
            self._publisher.publish(datum)
