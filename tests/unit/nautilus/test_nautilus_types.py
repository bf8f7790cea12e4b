import math
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from nautilus_trader.backtest.config import BacktestDataConfig
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.config import BacktestRunConfig
from nautilus_trader.backtest.config import BacktestVenueConfig
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from liq_nautilus.core.records import AVOID
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus import types
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instrument_id

BTC = instrument_id("BTCUSDT")
ETH = instrument_id("ETHUSDT")


def sample(cls: type, ts: int, instrument: Any = BTC) -> Any:
    values = np.array([100.0 + ts % 7, math.nan, 0.1])
    known = {
        "instrument_id": instrument,
        "side": np.array([1, -1, 1], dtype=np.int8),
        "is_valid": ts % 2 == 0,
        "position_side": -1,
        "n_trades": 12,
        "n_shown": 16,
        "n_seconds": 40,
        "action": AVOID,
        "venues": "BINANCE+OKX",
        "ts_event": ts,
        "ts_init": ts + 1,
    }
    made = {}
    for name, kind in cls.__annotations__.items():
        fallback = values if kind is types.FloatArray else "text" if kind is str else 1.5 + ts % 3
        made[name] = known.get(name, fallback)
    return cls(**made)


def same(left: Any, right: Any) -> bool:
    for name in type(left).__annotations__:
        a, b = getattr(left, name), getattr(right, name)
        if isinstance(a, np.ndarray):
            if a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
                return False
        elif a != b and not (math.isnan(a) and math.isnan(b)):
            return False
    return True


@pytest.mark.parametrize("cls", types.CUSTOM_TYPES)
def test_type_comes_back_from_the_catalog_unchanged(cls, tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    data = [sample(cls, 10 * k) for k in range(6)]
    catalog.write_data(data)
    catalog.write_data([sample(cls, 7, ETH)])

    read = [item.data for item in catalog.query(cls, identifiers=[str(BTC)])]
    assert len(read) == len(data)
    assert all(same(a, b) for a, b in zip(data, read, strict=True))
    both = [item.data for item in catalog.query(cls)]
    assert sorted({str(item.instrument_id) for item in both}) == [str(BTC), str(ETH)]
    part = catalog.query(cls, identifiers=[str(BTC)], start=12, end=42)
    assert [item.data.ts_event for item in part] == [20, 30, 40]


@pytest.mark.parametrize("cls", types.CUSTOM_TYPES)
def test_type_comes_back_from_a_dict(cls):
    datum = sample(cls, 5)
    values = datum.to_dict()
    assert values["schema_version"] == types.SCHEMA_VERSION
    assert same(datum, cls.from_dict(values))


@pytest.mark.parametrize("cls", types.CUSTOM_TYPES)
def test_type_is_immutable_and_documented(cls):
    with pytest.raises(AttributeError):
        sample(cls, 5).ts_event = 6
    assert cls.__doc__


def test_decode_takes_batches_slices_and_empty_tables():
    data = [sample(types.LiquidationLevels, k) for k in range(4)]
    batch = types.LiquidationLevels.encode(data)
    assert all(
        same(a, b)
        for a, b in zip(data[2:], types.LiquidationLevels.decode(batch.slice(2)), strict=True)
    )
    table = pa.Table.from_batches([batch, batch])
    assert len(types.LiquidationLevels.decode(table)) == 8
    assert types.LiquidationLevels.decode(table.slice(0, 0)) == []
    assert (
        types.LiquidationLevels.decode(types.LiquidationLevels.arrow_schema().empty_table()) == []
    )


def test_a_column_that_an_older_version_did_not_write_is_named():
    batch = types.LiquidationSignal.encode(sample(types.LiquidationSignal, 5))
    older = batch.select([name for name in batch.schema.names if name != "completeness"])
    with pytest.raises(StoreError, match="LiquidationSignal must have completeness, had not"):
        types.LiquidationSignal.decode(older)


def test_another_schema_version_is_refused():
    values = sample(types.OpenInterest, 5).to_dict() | {"schema_version": 99}
    with pytest.raises(StoreError, match="schema version of OpenInterest must be 2, was 99"):
        types.OpenInterest.from_dict(values)
    batch = types.OpenInterest.encode([sample(types.OpenInterest, 5)])
    batch = batch.replace_schema_metadata({"schema_version": "99"})
    with pytest.raises(StoreError, match="write the catalog again"):
        types.OpenInterest.decode(batch)


@pytest.mark.parametrize(
    "cls", [types.LiquidationLevels, types.LiquidationClusters, types.LiquidationSignal]
)
def test_record_of_the_core_comes_back(cls):
    datum = sample(cls, 5)
    assert same(datum, cls.from_record(datum.to_record(), BTC, ts_init=6))


def test_funding_rate_comes_back_as_decimal(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([FundingRateUpdate(BTC, Decimal("-0.00004837"), 5, 6, 480)])
    (funding,) = catalog.query(FundingRateUpdate, identifiers=[str(BTC)])
    assert funding.rate == Decimal("-0.00004837")
    assert isinstance(funding.rate, Decimal)
    assert (funding.instrument_id, funding.interval) == (BTC, 480)
    assert (funding.ts_event, funding.ts_init, funding.next_funding_ns) == (5, 6, None)


class Listener(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_start(self) -> None:
        self.subscribe_data(types.data_type(types.OpenInterest, BTC))

    def on_data(self, data: Any) -> None:
        self.seen.append(data)


def test_backtest_node_carries_it_in_one_shot(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([built_in_instrument("BTCUSDT"), built_in_instrument("ETHUSDT")])
    start = 1_700_000_000_000_000_000
    data = [sample(types.OpenInterest, start + 10 * k) for k in range(3)]
    catalog.write_data(data)
    catalog.write_data([sample(types.OpenInterest, start, ETH)])
    config = BacktestRunConfig(
        venues=[
            BacktestVenueConfig(
                name="BINANCE",
                oms_type="NETTING",
                account_type="MARGIN",
                starting_balances=["1000 USDT"],
            )
        ],
        data=[
            BacktestDataConfig(
                catalog_path=str(tmp_path),
                data_cls=types.OpenInterest,
                instrument_id=symbol,
                client_id="BINANCE",
                metadata={"instrument_id": str(symbol)},
            )
            for symbol in (BTC, ETH)
        ],
        engine=BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)),
        raise_exception=True,
    )
    node = BacktestNode(configs=[config])
    node.build()
    listener = Listener()
    node.get_engine(config.id).add_actor(listener)
    node.run()
    node.dispose()
    assert len(listener.seen) == len(data)
    assert all(same(a, b) for a, b in zip(data, listener.seen, strict=True))
