"""The actor that records what crosses the message bus."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import pandas as pd
from nautilus_trader.common.actor import Actor
from nautilus_trader.common.config import ActorConfig
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.live.feeds.moment import on_loop
from liq_nautilus.nautilus.live.recording.files import RollingFiles
from liq_nautilus.nautilus.live.recording.files import is_recordable

if TYPE_CHECKING:
    from nautilus_trader.common.component import TimeEvent

_TIMER: Final = "flush-recording"
_TOPIC: Final = "data.*"


class RecorderConfig(ActorConfig, frozen=True, kw_only=True):
    """
    The settings of a `Recorder`.

    Parameters
    ----------
    path : str
        The catalog's folder; it is made.
    flush_secs : float
        How often it is written (seconds, > 0): what came since is lost when the process is killed.
    roll_secs : float
        How long a file is (seconds, > 0).
    retention_days : float, optional
        Files that ended earlier are deleted (days, > 0).

    Raises
    ------
    SettingError
        If a value is out of its range.

    """

    path: str
    flush_secs: float = 5.0
    roll_secs: float = 600.0
    retention_days: float | None = None

    def __post_init__(self) -> None:
        """Check ranges, also where `parse` was not used."""
        for name in ("flush_secs", "roll_secs", "retention_days"):
            value = getattr(self, name)
            if value is not None and not value > 0.0:
                msg = f"{name} must be above 0, was {value:g}"
                raise SettingError(msg)


class Recorder(Actor):
    """
    Record all data on the message bus that a catalog can hold, received or published.

    Encoding and writing happen in a thread of their own; the node never waits for the disk.

    Parameters
    ----------
    config : RecorderConfig
        The settings.

    Attributes
    ----------
    files : RollingFiles
        What is on disk, and what went wrong with it.

    """

    def __init__(self, config: RecorderConfig) -> None:
        super().__init__(config)
        self._settings = config
        self._waiting: list[Any] = []
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._writing: Future[None] | None = None
        self._n_told = 0
        self.files = RollingFiles(Path(config.path), config.roll_secs, config.retention_days)

    def on_start(self) -> None:
        """Record from now on."""
        catalog = ParquetDataCatalog(Path(self._settings.path).absolute())
        known = {instrument.id for instrument in catalog.instruments()}
        for instrument in self.cache.instruments():
            if instrument.id not in known:
                catalog.write_data([instrument])
        # Before anybody acts on a datum, so that it stands before what was made of it.
        self.msgbus.subscribe(topic=_TOPIC, handler=self._take, priority=10)
        interval = pd.Timedelta(seconds=self._settings.flush_secs)
        self.clock.set_timer(_TIMER, interval, callback=on_loop(self, self._on_timer))

    def on_stop(self) -> None:
        """Write what is there."""
        self.clock.cancel_timers()
        self.msgbus.unsubscribe(topic=_TOPIC, handler=self._take)
        if self._writing is not None:
            self._writing.result()
        self.files.write(self._waiting)
        self._waiting = []
        self._executor.shutdown()
        self._tell()

    def _take(self, datum: Any) -> None:  # noqa: ANN401 - whatever is published
        if is_recordable(datum):
            self._waiting.append(datum)

    def _on_timer(self, _event: TimeEvent) -> None:
        if self._writing is not None:
            if not self._writing.done():
                return
            error = self._writing.exception()
            if error is not None:
                self.log.error(f"The recording could not be written: {error!r}")
        self._tell()
        data, self._waiting = self._waiting, []
        self._writing = self._executor.submit(self.files.write, data)

    def _tell(self) -> None:
        n_errors = self.files.n_errors
        if n_errors > self._n_told == 0:
            self.log.error(f"{self.files.last_error}; later errors are only counted")
        self._n_told = n_errors
