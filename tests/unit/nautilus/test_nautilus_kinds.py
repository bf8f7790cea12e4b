"""The table of kinds, held against Nautilus: names of folders and files are told without it."""

import subprocess
import sys

import pytest
from nautilus_trader.core.datetime import unix_nanos_to_iso8601
from nautilus_trader.model.data import BarType
from nautilus_trader.persistence.catalog.parquet import _timestamps_to_filename
from nautilus_trader.persistence.funcs import class_to_filename
from nautilus_trader.persistence.funcs import urisafe_identifier
from support.data_files import KINDS as WRITTEN

from liq_nautilus.data.kinds import KINDS
from liq_nautilus.data.kinds import STORED_TYPES
from liq_nautilus.data.kinds import kinds_of
from liq_nautilus.nautilus.catalog.kinds import class_of
from liq_nautilus.nautilus.catalog.layout import Span
from liq_nautilus.nautilus.catalog.layout import bar_type_of
from liq_nautilus.nautilus.catalog.layout import file_name
from liq_nautilus.nautilus.catalog.layout import folder_of
from liq_nautilus.nautilus.catalog.layout import identifier_of
from liq_nautilus.nautilus.catalog.layout import named_span
from liq_nautilus.nautilus.catalog.layout import series_identifier
from liq_nautilus.nautilus.catalog.layout import symbol_and_interval
from liq_nautilus.nautilus.catalog.layout import symbol_of
from liq_nautilus.nautilus.catalog.targets import targets_of
from liq_nautilus.nautilus.ingest.encodings import Encodings
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import built_in_symbols
from liq_nautilus.nautilus.types import CustomRecord
from liq_nautilus.times import INTERVALS

# The foot of what may be read without Nautilus and pandas.
LIGHT = (
    "liq_nautilus.data.kinds",
    "liq_nautilus.nautilus.catalog.layout",
    "liq_nautilus.nautilus.catalog.inventory",
    "liq_nautilus.nautilus.catalog.reading",
    "liq_nautilus.nautilus.catalog.events",
    "liq_nautilus.nautilus.catalog.quality",
    "liq_nautilus.queries.map_at",
)


@pytest.mark.parametrize("stored", STORED_TYPES.values(), ids=STORED_TYPES)
def test_folders_are_those_that_nautilus_derives_from_the_class(stored):
    data_cls = class_of(stored)
    assert folder_of(stored) == class_to_filename(data_cls)
    assert stored.is_own == issubclass(data_cls, CustomRecord)


@pytest.mark.parametrize("name", [s.name for s in STORED_TYPES.values() if kinds_of(s)])
def test_columns_that_are_read_are_those_that_are_written(name):
    stored = STORED_TYPES[name]
    known = Encodings()
    kind = KINDS[kinds_of(stored)[0]]
    targets = targets_of(
        kind.name,
        "5m" if kind.has_interval else "",
        known.definition("BTCUSDT", None),
        known,
    )
    (target,) = [target for target in targets if target.stored is stored]
    names = set(target.file_schema.names)
    assert {"ts_event", "ts_init", *(field.column for field in stored.fields)} <= names
    assert stored.has_interval_column == (stored.has_interval and "interval" in names)
    assert set(stored.keys) <= set(target.flat_schema.names)


def test_columns_of_types_that_no_file_feeds_are_those_of_the_class():
    own = [stored for stored in STORED_TYPES.values() if not kinds_of(stored)]
    assert [stored.name for stored in own] == ["LiquidationCompleteness"]
    for stored in own:
        names = set(class_of(stored).arrow_schema().names)
        assert {"ts_event", "ts_init", *(field.column for field in stored.fields)} <= names
        assert set(stored.keys) <= names


@pytest.mark.parametrize("interval", [i for i in INTERVALS if i != "1mo"] + ["1mo"])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTCUSD_PERP", "BNBUSD_PERP", "ETHBUSD"])
def test_bar_types_are_those_of_nautilus(symbol, interval):
    text = bar_type_of(symbol, interval)
    assert str(BarType.from_str(text)) == text == urisafe_identifier(text)
    assert symbol_and_interval(text) == (symbol, interval)


@pytest.mark.parametrize("symbol", built_in_symbols())
def test_identifiers_are_those_of_the_instruments(symbol):
    assert str(built_in_instrument(symbol).id) == identifier_of(symbol)
    assert symbol_of(identifier_of(symbol)) == symbol
    assert series_identifier(STORED_TYPES["OpenInterest"], symbol) == identifier_of(symbol)


@pytest.mark.parametrize(
    "name",
    [
        "BTCUSDT.BINANCE",
        "BTCUSDT-LINEAR.BYBIT",
        "BTCUSDT-PERP.OKX",
        "AUD/USD.SIM",
        "BTCUSDT-250926.BINANCE",
        "-PERP.BINANCE",
        "",
    ],
)
def test_other_instruments_are_none_of_ours(name):
    assert symbol_of(name) is None


@pytest.mark.parametrize(
    "bar_type",
    [
        "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-INTERNAL",
        "BTCUSDT-PERP.BINANCE-5-MINUTE-MID-EXTERNAL",
        "BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL",
        "BTCUSDT-PERP.BINANCE-7-MINUTE-LAST-EXTERNAL",
        "BTCUSDT-PERP.BINANCE-1000-TICK-LAST-EXTERNAL",
        "BTCUSDT.BINANCE-5-MINUTE-LAST-EXTERNAL",
        "AUDUSD.SIM-5-MINUTE-LAST-EXTERNAL",
        "nothing",
    ],
)
def test_other_bar_types_are_none_of_ours(bar_type):
    assert symbol_and_interval(bar_type) is None


@pytest.mark.parametrize("first", [0, 1, 1_735_689_600_000_000_000, 1_735_689_599_999_000_001])
@pytest.mark.parametrize("length", [0, 999_999_999, 86_400_000_000_000])
def test_file_names_are_those_of_nautilus(tmp_path, first, length):
    span = Span(first, first + length)
    assert file_name(span) == _timestamps_to_filename(*span)
    assert named_span(tmp_path / file_name(span)) == span
    iso = unix_nanos_to_iso8601(first)
    assert file_name(span).startswith(iso.replace(":", "-").replace(".", "-"))


@pytest.mark.parametrize("name", ["part-0.parquet", "x_y.parquet", "2025-01-01T00-00_.parquet"])
def test_other_file_names_promise_nothing(tmp_path, name):
    assert named_span(tmp_path / name) is None


def test_a_moment_that_does_not_exist_is_no_promise(tmp_path):
    name = file_name(Span(0, 5)).replace("1970-01-01", "1970-02-31", 1)
    assert named_span(tmp_path / name) is None


def test_every_kind_of_file_has_an_example_in_the_tests():
    assert set(WRITTEN) == set(KINDS)


@pytest.mark.parametrize("module", LIGHT)
def test_reading_a_catalog_loads_neither_nautilus_nor_pandas(module):
    heavy = "{'nautilus_trader', 'pandas', 'duckdb'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
