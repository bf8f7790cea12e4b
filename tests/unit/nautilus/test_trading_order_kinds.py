"""Orders that bring about others, and orders whose price moves, inside one bar."""

from __future__ import annotations

import pytest
from nautilus_trader.model.enums import OrderType
from support.desk import Desk
from support.desk import run


@pytest.mark.parametrize("spec", ["3-MINUTE", "4-HOUR"])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_a_bracket_leaves_is_met_only_after_its_entry(spec: str, sign: int):
    # Entered against the way the price came; it goes on that way and never returns to the target.
    def send(desk: Desk) -> None:
        desk.bracket(OrderType.LIMIT, -20.0, -60.0, -10.0)

    rows = [(0.0, 0.0, -30.0, -28.0)]
    assert run(rows, send, spec, sign)[0] == [(1, -20.0)]
    # In the next bar it returns.
    assert run([*rows, (-28.0, -5.0, -30.0, -6.0)], send, spec, sign)[0] == [
        (1, -20.0),
        (-1, -10.0),
    ]
    # Or goes on as far as the stop, in the bar of the entry too.
    assert run([(0.0, 0.0, -70.0, -5.0)], send, spec, sign)[0] == [(1, -20.0), (-1, -60.0)]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_bracket_entered_at_the_market_where_it_is_touched_is_met_only_after(sign: int):
    def send(desk: Desk) -> None:
        desk.bracket(OrderType.MARKET_IF_TOUCHED, -20.0, -45.0, -8.0)

    assert run([(0.0, 0.0, -30.0, -25.0)], send, sign=sign)[0] == [(1, -20.0)]
    assert run([(0.0, 0.0, -50.0, -25.0)], send, sign=sign)[0] == [(1, -20.0), (-1, -45.0)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Never as far as the activation price.
        ([(0.0, 39.0, -8.0, 20.0), (20.0, 25.0, -9.0, -5.0)], []),
        # Followed from it on, to the best price, from which it turns by the offset.
        ([(0.0, 55.0, -8.0, 30.0)], [(-1, 45.0)]),
        # Activated in one bar and met in the next, also by a jump.
        ([(0.0, 42.0, -8.0, 41.0), (41.0, 41.0, 31.0, 33.0)], [(-1, 32.0)]),
        ([(0.0, 42.0, -8.0, 41.0), (25.0, 26.0, 20.0, 22.0)], [(-1, 25.0)]),
        # Jumped over: followed from where the price is found.
        ([(60.0, 61.0, 60.0, 60.5), (60.5, 60.5, 49.0, 50.0)], [(-1, 51.0)]),
    ],
)
def test_a_trailing_stop_waits_for_its_activation_price(rows: list, expected: list, sign: int):
    def send(desk: Desk) -> None:
        desk.market()
        desk.trailing(10, activation_price=desk.at(40.0), reduce_only=True)

    fills, _ = run(rows, send, sign=sign)
    assert fills[0] == (1, 0.0)
    assert fills[1:] == expected


@pytest.mark.parametrize("sign", [1, -1])
def test_a_trailing_entry_is_judged_where_it_triggers(sign: int):
    # The wallet cannot pay what it would open; reaching its activation price costs nothing yet.
    def send(desk: Desk) -> None:
        desk.trailing(10, activation_price=desk.at(40.0))

    activated, turned = (0.0, 42.0, 0.0, 38.0), (38.0, 38.0, 20.0, 25.0)
    for rows, status in (([activated], "ACCEPTED"), ([activated, turned], "EXPIRED")):
        fills, engine = run(rows, send, sign=sign, balance=10.0)
        assert (fills, [o.status_string() for o in engine.cache.orders()]) == ([], [status])
    assert run([activated, turned], send, sign=sign)[0] == [(-1, 32.0)]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_trailing_limit_is_not_filled_where_the_price_was_before_it_triggered(sign: int):
    # At the best price its trigger lies 10 and its limit 4 below it: met at 40, asks 46.
    def send(desk: Desk) -> None:
        desk.market()
        desk.trailing(10, kind="limit", limit_offset=4, reduce_only=True)

    rows = [(0.0, 50.0, -2.0, 30.0), (30.0, 45.0, 30.0, 44.0)]
    assert run(rows, send, sign=sign)[0] == [(1, 0.0)]
    assert run([*rows, (44.0, 47.0, 44.0, 47.0)], send, sign=sign)[0][1:] == [(-1, 46.0)]
