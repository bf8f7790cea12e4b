"""
What the package uses of NautilusTrader beyond its documented interface, named in one place.

NautilusTrader 1.x promises none of it, so that a new release may take it away. `check_internals`
says which one is gone before a run starts; whoever uses another one lists it here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import nautilus_trader
from nautilus_trader.common.component import is_matching_py
from nautilus_trader.common.data_topics import TopicCache
from nautilus_trader.model.data import DataType

from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable

    from nautilus_trader.common.actor import Actor
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import FundingRateUpdate
    from nautilus_trader.model.identifiers import ClientId
    from nautilus_trader.model.identifiers import InstrumentId

SUPPORTED: Final = "nautilus_trader>=1.231,<2"
PUBLISHING: Final = (
    "nautilus_trader.common.data_topics:TopicCache.get_custom_data_topic",
    "nautilus_trader.model.data:DataType.topic",
    "nautilus_trader.common.component:MessageBus.has_backing",
    "nautilus_trader.common.component:MessageBus.publish",
    "nautilus_trader.common.component:MessageBus.subscribe",
    "nautilus_trader.common.component:MessageBus.topics",
    "nautilus_trader.common.component:is_matching_py",
)
STORING: Final = (
    "nautilus_trader.serialization.arrow.serializer:ArrowSerializer.serialize_batch",
    "nautilus_trader.serialization.arrow.serializer:get_schema",
    "nautilus_trader.serialization.arrow.serializer:register_arrow",
    "nautilus_trader.serialization.arrow.implementations.funding_rate_update:serialize",
)
SETTLING: Final = (
    "nautilus_trader.common.component:MessageBus.deregister",
    "nautilus_trader.common.component:MessageBus.endpoints",
    "nautilus_trader.common.component:MessageBus.register",
    "nautilus_trader.common.component:MessageBus.send",
    "nautilus_trader.backtest.engine:OrderMatchingEngine.expire_order",
    "nautilus_trader.backtest.engine:OrderMatchingEngine.process_bar",
    "nautilus_trader.backtest.engine:OrderMatchingEngine.process_cancel_all",
    "nautilus_trader.backtest.engine:SimulatedExchange.get_matching_engine",
    "nautilus_trader.backtest.engine:SimulatedExchange.get_open_orders",
    "nautilus_trader.backtest.engine:SimulatedExchange.process",
    "nautilus_trader.backtest.engine:SimulatedExchange.send",
    "nautilus_trader.backtest.engine:SimulatedExchange.adjust_account",
    "nautilus_trader.backtest.engine:SimulatedExchange.exec_client",
    "nautilus_trader.execution.client:ExecutionClient.generate_account_state",
    "nautilus_trader.execution.client:ExecutionClient.generate_order_submitted",
    "nautilus_trader.execution.client:ExecutionClient.generate_order_accepted",
    "nautilus_trader.execution.client:ExecutionClient.generate_order_modify_rejected",
    "nautilus_trader.execution.client:ExecutionClient.generate_order_rejected",
    "nautilus_trader.execution.client:ExecutionClient.generate_order_filled",
)

_TOPICS: Final = TopicCache()


def check_internals(names: Iterable[str]) -> None:
    """
    Say which of the named internals NautilusTrader no longer has.

    Parameters
    ----------
    names : iterable of str
        ``module:attribute``, the attribute with dots where it is one of a class.

    Raises
    ------
    SettingError
        If one is gone.

    """
    gone = [name for name in names if not _exists(name)]
    if gone:
        version = getattr(nautilus_trader, "__version__", "unknown")
        msg = (
            f"NautilusTrader must have {', '.join(gone)}; version {version} has not: "
            f"install {SUPPORTED!r}"
        )
        raise SettingError(msg)


def _exists(name: str) -> bool:
    module, _, attributes = name.partition(":")
    try:
        found: Any = import_module(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except (ImportError, AttributeError):
        return False
    return True


def funding_rate_serializer() -> Callable[[list[FundingRateUpdate]], Any]:
    """
    Return Nautilus's own function from funding rates to Arrow.

    It has to be given again where only the decoder is replaced.

    Raises
    ------
    SettingError
        If NautilusTrader no longer has what custom data and funding rates are stored with.

    """
    check_internals(STORING)
    module = import_module(
        "nautilus_trader.serialization.arrow.implementations.funding_rate_update"
    )
    serializer: Callable[[list[FundingRateUpdate]], Any] = module.serialize
    return serializer


def instrument_topic(data_cls: type, instrument_id: InstrumentId) -> str:
    """
    Return the topic of `subscribe_data(DataType(data_cls), instrument_id=instrument_id)`.

    `Actor.publish_data` cannot publish there: it knows no instrument.
    """
    topic: str = _TOPICS.get_custom_data_topic(DataType(data_cls), instrument_id)
    return topic


class Audience:
    """
    Who receives what is published on a message bus, wildcards and databases included.

    A `MessageBusListener` cannot be seen: whoever adds one to the bus also subscribes to what it is
    to receive.

    Parameters
    ----------
    bus : MessageBus
        The bus.
    topics : iterable of str
        What is published on.

    """

    def __init__(self, bus: MessageBus, topics: Iterable[str]) -> None:
        self._bus = bus
        self._topics = frozenset(topics)
        # What was subscribed to when it was asked last, and the answer.
        self._patterns: list[str] = []
        self._heard = self._topics if bus.has_backing else frozenset()

    def heard(self) -> frozenset[str]:
        """Return the topics on which anybody receives what is published now."""
        patterns = self._bus.topics()
        if patterns != self._patterns and not self._bus.has_backing:
            self._patterns = patterns
            self._heard = frozenset(
                topic for topic in self._topics if any(is_matching_py(topic, p) for p in patterns)
            )
        return self._heard


def subscribe_instrument_data(
    component: Actor,
    data_cls: type,
    instrument_id: InstrumentId,
    client_id: ClientId | None = None,
) -> None:
    """
    Subscribe a component to one instrument's custom data, whoever brings it.

    A run's data comes on the topic of the instrument, or on that of its `metadata` where the
    `BacktestDataConfig` names one: the component's `on_data` receives each datum once either way.
    """
    component.subscribe_data(DataType(data_cls), client_id=client_id, instrument_id=instrument_id)
    named = DataType(data_cls, metadata={"instrument_id": str(instrument_id)})
    component.msgbus.subscribe(
        topic=_TOPICS.get_custom_data_topic(named), handler=component.handle_data
    )
