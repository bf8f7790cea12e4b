from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.fake_exchange import FakeExchange
from support.fake_exchange import Rhythm

from liq_nautilus.nautilus.live import node_config

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def hasty_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    # An exchange on the same machine answers at once.
    monkeypatch.setattr(node_config, "_POST_STOP_SECS", 0.2)


@pytest.fixture
def exchange() -> Iterator[FakeExchange]:
    running = FakeExchange(rhythm=Rhythm(trade_secs=0.2)).start()
    yield running
    running.stop()
