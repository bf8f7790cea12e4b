"""What a component's handler raises is logged and counted, and never ends the node."""

from __future__ import annotations

import functools
import traceback
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.actor import Actor

    from liq_nautilus.nautilus.live.feeds.health import HealthBoard

_HANDLERS: Final = (
    "on_bar",
    "on_data",
    "on_funding_rate",
    "on_mark_price",
    "on_quote_tick",
    "on_trade_tick",
    "on_order_event",
    "on_position_event",
    "on_liquidation_signal",
    "_on_moment",
    "_on_save_timer",
)
# So often the whole cause is logged; afterwards it is only counted.
_TOLD: Final = 20


def protect(component: Actor, health: HealthBoard) -> None:
    """
    Put a net under the handlers of an actor or a strategy.

    Parameters
    ----------
    component : Actor
        Its handlers are replaced, on this object alone.
    health : HealthBoard
        Counts the errors, by component and handler.

    """
    for name in _HANDLERS:
        handler = getattr(component, name, None)
        if handler is not None:
            setattr(component, name, netted(handler, component, health))


def netted(
    handler: Callable[..., Any], component: Actor, health: HealthBoard
) -> Callable[..., None]:
    """Return a handler that logs and counts what the given one raises."""

    @functools.wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - any handler's arguments
        try:
            handler(*args, **kwargs)
        except Exception as e:  # noqa: BLE001 - the boundary to whatever a user's component does
            what = f"{type(component).__name__}.{handler.__name__}"
            n = health.note_error(f"error in {what}", f"{what}: {e!r}")
            if n <= _TOLD:
                component.log.error(f"{what} raised, counted {n}:\n{traceback.format_exc()}")

    return wrapper


def protect_engine(engine: Any, health: HealthBoard, log_error: Callable[[str], None]) -> None:  # noqa: ANN401 - three classes
    """
    Let an engine outlive what was raised while it handled a message.

    Nautilus's live engines end the process then, whoever listened.

    Parameters
    ----------
    engine : LiveDataEngine, LiveRiskEngine or LiveExecutionEngine
        Its own way of dealing with such an exception is replaced.
    health : HealthBoard
        Counts the errors, by engine and queue.
    log_error : callable
        Takes a text for the log.

    """

    def handle(error: Exception, queue: str) -> None:
        what = f"{type(engine).__name__}'s {queue} queue"
        n = health.note_error(f"error in {what}", f"{what}: {error!r}")
        if n <= _TOLD:
            cause = "".join(traceback.format_exception(error))
            log_error(f"A handler of {what} raised, counted {n}:\n{cause}")

    engine._handle_queue_exception = handle  # noqa: SLF001 - there is no public place for it
