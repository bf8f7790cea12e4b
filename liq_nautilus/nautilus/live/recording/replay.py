"""A recording, played again through a backtest's engine: what was published must come out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.engine import BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import CustomData
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AccountType
from nautilus_trader.model.enums import OmsType
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.actor import LiquidationActor
from liq_nautilus.nautilus.config import LiquidationActorConfig
from liq_nautilus.nautilus.custom import data_type
from liq_nautilus.nautilus.internals import instrument_topic
from liq_nautilus.nautilus.live.state_file import read_state
from liq_nautilus.nautilus.types import LiquidationCompleteness
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.nautilus.types import LiquidationVolume
from liq_nautilus.nautilus.types import MarkPriceBar
from liq_nautilus.nautilus.types import OpenInterest

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.nautilus.custom import CustomRecord

_CLIENT: Final = "CATALOG"
_NATIVE: Final = (Bar, TradeTick, MarkPriceUpdate, FundingRateUpdate)
_CUSTOM: Final = (
    OpenInterest,
    LiquidationCompleteness,
    LiquidationOrder,
    LiquidationVolume,
    MarkPriceBar,
)


class Replay(NamedTuple):
    """
    What was published of one symbol, over the same time.

    Attributes
    ----------
    published : list of CustomRecord
        As recorded.
    replayed : list of CustomRecord
        As a backtest of what was received publishes them.

    """

    published: list[Any]
    replayed: list[Any]


def replay(
    recording: Path,
    state_path: Path,
    config: LiquidationActorConfig,
    data_cls: type[CustomRecord] = LiquidationSignal,
) -> Replay:
    """
    Play a recording through a backtest engine.

    Parameters
    ----------
    recording : Path
        The catalog a node recorded.
    state_path : Path
        The actor's state when the recording began, as the node keeps it in `states` beside it.
    config : LiquidationActorConfig
        The settings the actor ran with.
    data_cls : type, optional
        What is compared, of what an actor publishes.

    Raises
    ------
    DataGapError
        If there is no such state, or nothing was recorded after it.

    """
    saved = read_state(state_path)
    if saved is None:
        msg = f"a replay needs the state the recording began with, {state_path} was not there"
        raise DataGapError(msg)
    catalog = ParquetDataCatalog(recording.absolute())
    received = _received(catalog, config, saved.ts_saved)
    published = _custom(catalog, data_cls, config, saved.ts_saved)
    if not received or not published:
        msg = f"{recording} must hold what came after {state_path} began, there was nothing"
        raise DataGapError(msg)
    engine = _engine(catalog, config, received)
    fields = {name: getattr(config, name) for name in LiquidationActorConfig.__struct_fields__}
    # In a backtest data comes by itself, whichever client brought it.
    actor = LiquidationActor(LiquidationActorConfig(**fields | {"client_id": None}))
    replayed: list[Any] = []
    topic = instrument_topic(data_cls, config.instrument_id)
    engine.kernel.msgbus.subscribe(topic=topic, handler=replayed.append)
    engine.add_actor(actor)
    actor.on_load(saved.state)
    # Looks at stale inputs are due from then on, before anything came.
    engine.run(start=saved.ts_saved)
    engine.dispose()
    last_ns = max(datum.ts_init for datum in received)
    # What a look at the clock published after the last datum has nothing to be compared with.
    return Replay([x for x in published if x.ts_init <= last_ns], replayed)


def _engine(
    catalog: ParquetDataCatalog, config: LiquidationActorConfig, data: list[Any]
) -> BacktestEngine:
    engine = BacktestEngine(
        BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    )
    instrument = catalog.instruments(instrument_ids=[str(config.instrument_id)])[-1]
    balances = [Money(1, instrument.quote_currency)]
    engine.add_venue(instrument.venue, OmsType.NETTING, AccountType.MARGIN, balances)
    engine.add_instrument(instrument)
    for datum in data:
        is_custom = isinstance(datum, _CUSTOM)
        item = (
            CustomData(data_type(type(datum), datum.instrument_id), datum) if is_custom else datum
        )
        engine.add_data([item], client_id=config.client_id, sort=False)
    engine.sort_data()
    return engine


def _received(
    catalog: ParquetDataCatalog, config: LiquidationActorConfig, after_ns: int
) -> list[Any]:
    # In the order in which it came: all stamps of arrival differ.
    instrument, bars = str(config.instrument_id), str(config.bar_type)
    data: list[Any] = []
    for data_cls in _NATIVE:
        identifier = bars if data_cls is Bar else instrument
        data += catalog.query(data_cls, identifiers=[identifier], start=after_ns + 1)
    for data_cls in _CUSTOM:
        data += _custom(catalog, data_cls, config, after_ns)
    return sorted(data, key=lambda datum: datum.ts_init)


def _custom(
    catalog: ParquetDataCatalog, data_cls: type, config: LiquidationActorConfig, after_ns: int
) -> list[Any]:
    found = catalog.query(data_cls, identifiers=[str(config.instrument_id)], start=after_ns + 1)
    return [item.data if isinstance(item, CustomData) else item for item in found]
