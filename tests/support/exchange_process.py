"""A fake exchange in a process of its own, whose settings are the argument, as JSON."""

from __future__ import annotations

import json
import sys

from support.fake_exchange import FakeExchange
from support.fake_exchange import Rhythm


def main() -> None:
    """Say where it listens, and run until standard input ends."""
    told = json.loads(sys.argv[1])
    rhythm = Rhythm(**told.get("rhythm", {}))
    exchange = FakeExchange(tuple(told["symbols"]), rhythm=rhythm).start()
    print(json.dumps([exchange.http_url, exchange.websocket_url]), flush=True)  # noqa: T201 - the addresses are what is told
    sys.stdin.read()
    exchange.stop()


if __name__ == "__main__":
    main()
