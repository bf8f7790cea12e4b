"""A BacktestRunConfig's engine with its data as streams, so that a year fits into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import cast

import msgspec
import pyarrow as pa
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.core.datetime import dt_to_unix_nanos
from nautilus_trader.persistence.catalog.parquet import ParquetDataCatalog

from liq_nautilus.data.kinds import STORED_TYPES
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nautilus_trader.backtest.engine import BacktestEngine
    from nautilus_trader.config import BacktestDataConfig
    from nautilus_trader.config import BacktestRunConfig
    from nautilus_trader.core.data import Data

# What the table of kinds does not know.
_USUAL_CHUNK_DAYS: Final = 5.0


def build_engine(config: BacktestRunConfig) -> BacktestEngine:
    """
    Return the engine of a run, with its data attached as streams.

    At most some days of each series are in memory at once. Data of one moment comes in the order of
    the configuration's list.

    Parameters
    ----------
    config : BacktestRunConfig
        The run, with start and end.

    """
    node = BacktestNode([config])
    node.build()
    engine: Any = node.get_engine(config.id)
    start_ns, end_ns = dt_to_unix_nanos(config.start), dt_to_unix_nanos(config.end)
    for index, data in enumerate(config.data):
        stream = _stream(data, start_ns, end_ns)
        engine.add_data_iterator(f"stream-{index:03d}", stream)
    return cast("BacktestEngine", engine)


def _stream(config: BacktestDataConfig, start_ns: int, end_ns: int) -> Iterator[list[Data]]:
    # From JSON the class is a name, and then Nautilus ignores the bar types.
    config = msgspec.structs.replace(config, data_cls=config.data_type)
    catalog = ParquetDataCatalog(config.catalog_path)
    query = config.query
    stored = STORED_TYPES.get(config.data_type.__name__)
    step = round((stored.chunk_days if stored else _USUAL_CHUNK_DAYS) * DAY_NS)
    for start in range(start_ns, end_ns + 1, step):
        query |= {"start": start, "end": min(start + step - 1, end_ns)}
        data = catalog.query(**query)
        # Arrow keeps what it once had, beside the objects made of it.
        pa.default_memory_pool().release_unused()
        if data:
            yield data
