"""What an actor publishes: onto the message bus, and day by day into a catalog of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from typing import Final

import pyarrow as pa
from nautilus_trader.persistence.catalog.parquet import ParquetDataCatalog

from liq_nautilus.nautilus.internals import Audience
from liq_nautilus.nautilus.internals import instrument_topic
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationForecast
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.common.component import MessageBus

    from liq_nautilus.core.tracker import LiquidationTracker
    from liq_nautilus.nautilus.config import LiquidationActorConfig
    from liq_nautilus.nautilus.custom import CustomRecord

PUBLISHED: Final = (LiquidationLevels, LiquidationClusters, LiquidationForecast, LiquidationSignal)


class PublishedStore:
    """
    A buffer of published data that is written whenever a day is over.

    A year of four models would fill gigabytes; a day fits.

    Parameters
    ----------
    path : str
        The catalog's folder; it is made.

    """

    def __init__(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)
        self._catalog = ParquetDataCatalog(path)
        self._buffers: dict[type[CustomRecord], list[CustomRecord]] = {}
        self._day = -1

    def add(self, datum: CustomRecord) -> None:
        """Keep a datum; they come in the order of `ts_init`."""
        day = datum.ts_init // DAY_NS
        if day != self._day:
            self.flush()
            self._day = day
        self._buffers.setdefault(type(datum), []).append(datum)

    def flush(self) -> None:
        """Write what is buffered."""
        for data in self._buffers.values():
            if data:
                self._catalog.write_data(data)
        self._buffers.clear()
        # Arrow keeps what it once had, which over a year is a lot.
        pa.default_memory_pool().release_unused()


class MapPublisher:
    """
    Publishes one perpetual's map, and keeps what its settings say in a store.

    Levels, clusters and forecasts that nobody receives are not made: reading them off the map costs
    more than keeping it.

    Parameters
    ----------
    config : LiquidationActorConfig
        What is published and kept.
    models : sequence of str
        The models whose levels are published.

    Attributes
    ----------
    keep_after_ns : int
        Levels from before this moment are not kept (UTC ns).

    """

    def __init__(self, config: LiquidationActorConfig, models: Sequence[str]) -> None:
        self._settings = config
        self._models = models
        self._store = PublishedStore(config.store_path) if config.store_path else None
        self._interval_ns = max(round(config.store_interval_secs * SECOND_NS), 1)
        self._keeps_levels = False
        self.keep_after_ns = 0

    def connect(self, bus: MessageBus) -> None:
        """Say where to publish."""
        instrument_id = self._settings.instrument_id
        self._bus = bus
        self._topics = {kind: instrument_topic(kind, instrument_id) for kind in PUBLISHED}
        self._audience = Audience(bus, self._topics.values())

    def publish_read(self, tracker: LiquidationTracker, ts: int) -> None:
        """Publish the levels, clusters and forecasts of an update (UTC ns) that are received."""
        self._keeps_levels = ts >= self.keep_after_ns
        if self._keeps_levels:
            self.keep_after_ns = (ts // self._interval_ns + 1) * self._interval_ns
        config, heard = self._settings, self._audience.heard()
        instrument_id = config.instrument_id
        if self._is_wanted(LiquidationLevels, heard):
            for levels in tracker.levels_of(self._models, price_range=config.publish_range):
                self.publish(LiquidationLevels.from_record(levels, instrument_id, ts))
        if config.publish_clusters and self._is_wanted(LiquidationClusters, heard):
            clusters = tracker.clusters()
            self.publish(LiquidationClusters.from_record(clusters, instrument_id, ts))
        if config.publish_forecasts and self._is_wanted(LiquidationForecast, heard):
            for horizon in config.publish_forecasts:
                forecast = tracker.forecast(horizon, has_levels=False)
                self.publish(LiquidationForecast.from_record(forecast, instrument_id, ts))

    def publish(self, datum: CustomRecord) -> None:
        """Publish a datum, and keep it if its kind is kept at this moment."""
        self._bus.publish(topic=self._topics[type(datum)], msg=datum)
        if self._store is not None and self._is_kept(type(datum)):
            self._store.add(datum)

    def flush(self) -> None:
        """Write what waits for the end of its day."""
        if self._store is not None:
            self._store.flush()

    def _is_wanted(self, kind: type[CustomRecord], heard: frozenset[str]) -> bool:
        return self._is_kept(kind) or self._topics[kind] in heard

    def _is_kept(self, kind: type[CustomRecord]) -> bool:
        return self._store is not None and (self._keeps_levels or kind != LiquidationLevels)
