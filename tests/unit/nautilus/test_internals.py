"""What is used of Nautilus's internals is there, or is told by name."""

import ast
from pathlib import Path

import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.data import CustomData
from nautilus_trader.model.data import DataType
from support.trading_engine import START
from support.trading_engine import add_data
from support.trading_engine import flat_bars
from support.trading_engine import make_engine
from support.trading_market import BTC
from support.trading_market import open_interest

import liq_nautilus
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.internals import PUBLISHING
from liq_nautilus.nautilus.internals import SETTLING
from liq_nautilus.nautilus.internals import STORING
from liq_nautilus.nautilus.internals import check_internals
from liq_nautilus.nautilus.internals import subscribe_instrument_data
from liq_nautilus.nautilus.types import OpenInterest

PACKAGE = Path(liq_nautilus.__file__).parent


def test_everything_is_there():
    check_internals((*PUBLISHING, *STORING, *SETTLING))


@pytest.mark.parametrize(
    "gone",
    [
        "nautilus_trader.no_such_module:thing",
        "nautilus_trader.serialization.arrow.serializer:ArrowSerializer.no_such_function",
        "nautilus_trader.execution.client:ExecutionClient.generate_nothing",
    ],
)
def test_what_is_gone_is_named(gone):
    with pytest.raises(SettingError, match="NautilusTrader must have") as e:
        check_internals((*PUBLISHING, gone))
    assert gone in str(e.value)
    assert "TopicCache" not in str(e.value)
    assert "nautilus_trader>=1.231,<2" in str(e.value)


def test_methods_that_generate_events_are_all_listed():
    used = {
        node.func.attr
        for path in (PACKAGE / "nautilus").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr.startswith("generate_")
    }
    assert used <= {name.rpartition(".")[2] for name in SETTLING}


class Listener(Actor):
    def __init__(self):
        super().__init__(ActorConfig(component_id="LISTENER"))
        self.heard = []

    def on_start(self):
        subscribe_instrument_data(self, OpenInterest, BTC)

    def on_data(self, data):
        self.heard.append(data)


@pytest.mark.parametrize("metadata", [None, {"instrument_id": str(BTC)}])
def test_custom_data_is_heard_once_with_and_without_metadata(metadata):
    engine = make_engine()
    data = [open_interest(START + k * 60 * 10**9, 1e5 + k) for k in range(1, 4)]
    wrapped = [CustomData(DataType(OpenInterest, metadata=metadata), one.data) for one in data]
    add_data(engine, [*flat_bars(100.0, 2), *wrapped])
    listener = Listener()
    engine.add_actor(listener)
    engine.run()
    assert [one.open_interest for one in listener.heard] == [1e5 + k for k in range(1, 4)]
