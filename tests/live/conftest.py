from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.fake_exchange import FakeExchange
from support.fake_exchange import Rhythm

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def exchange() -> Iterator[FakeExchange]:
    running = FakeExchange(rhythm=Rhythm(trade_secs=0.2)).start()
    yield running
    running.stop()
