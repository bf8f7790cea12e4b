"""Alerts on their way to people, over Apprise."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from nautilus_trader.common.actor import Actor

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.live.telling.alert_rules import AlertRules

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from liq_nautilus.nautilus.live.telling.alert_rules import Alert
    from liq_nautilus.nautilus.live.telling.alert_rules import AlertsConfig

URLS_VARIABLE: Final = "LIQ_NAUTILUS_ALERT_URLS"
_TOPIC: Final = "data.*"


class Alerts(Actor):
    """
    Tell people over Apprise, to the addresses in LIQ_NAUTILUS_ALERT_URLS (separated by spaces).

    Sending happens in a thread of its own, so that the node never waits for it; what reaches nobody
    is logged and counted, never repeated.

    Parameters
    ----------
    config : AlertsConfig
        The settings.

    Attributes
    ----------
    n_sent, n_failed : int
        Alerts told, and alerts that did not reach everybody.
    newest : deque of str
        The last three.

    Raises
    ------
    SettingError
        If nobody can be told: Apprise is missing, no address is given, or one is none.

    """

    def __init__(self, config: AlertsConfig) -> None:
        super().__init__(config)
        self._rules = AlertRules(config)
        self._send = self._print if config.is_dry else _sender(os.environ.get(URLS_VARIABLE, ""))
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="alerts")
        self.n_sent = 0
        self.n_failed = 0
        self.newest: deque[str] = deque(maxlen=3)

    def on_start(self) -> None:
        """Listen to what is published."""
        # After everybody who acts on it.
        self.msgbus.subscribe(topic=_TOPIC, handler=self._take, priority=0)

    def on_stop(self) -> None:
        """Send what is on its way."""
        self.msgbus.unsubscribe(topic=_TOPIC, handler=self._take)
        self._executor.shutdown()

    def _take(self, datum: Any) -> None:  # noqa: ANN401 - whatever is published
        for alert in self._rules.judge(datum):
            self.newest.append(alert.text)
            sending = self._executor.submit(self._send, alert.text)
            sending.add_done_callback(partial(self._note, alert))

    def _note(self, alert: Alert, sending: Future[bool]) -> None:
        error = sending.exception()
        if error is None and sending.result():
            self.n_sent += 1
            return
        self.n_failed += 1
        why = "" if error is None else f" ({error!r})"
        self.log.error(f"An alert was not delivered{why}, {self.n_failed} so far: {alert.text}")

    def _print(self, text: str) -> bool:
        self.log.info(f"ALERT (dry run) {text}")
        return True


def _sender(urls: str) -> Callable[[str], bool]:
    try:
        import apprise  # noqa: PLC0415 - an extra
    except ImportError as e:
        msg = "alerts need Apprise, which is not installed; install liq-nautilus[alerts]"
        raise SettingError(msg) from e
    notifier = apprise.Apprise()
    wrong = [str(number) for number, url in enumerate(urls.split(), 1) if not notifier.add(url)]
    if wrong or not len(notifier):
        # The addresses hold secrets: they are counted, not shown.
        found = f"number {', '.join(wrong)} was none" if wrong else "there was none"
        msg = (
            f"{URLS_VARIABLE} must hold addresses of Apprise, separated by spaces, {found}; "
            "set it, or alerts.is_dry to true"
        )
        raise SettingError(msg)

    def send(text: str) -> bool:
        return bool(notifier.notify(body=text, title="liq-nautilus"))

    return send
