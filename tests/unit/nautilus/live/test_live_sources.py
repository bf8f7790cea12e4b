from __future__ import annotations

import json
import math
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liq_nautilus.nautilus.live.sources import binance
from liq_nautilus.nautilus.live.sources import bybit
from liq_nautilus.nautilus.live.sources import okx
from liq_nautilus.nautilus.live.sources.messages import ForcedOrder
from liq_nautilus.nautilus.live.sources.messages import MalformedMessageError
from liq_nautilus.nautilus.live.sources.messages import MarkPriceReading
from liq_nautilus.nautilus.live.sources.messages import MessageError
from liq_nautilus.nautilus.live.sources.messages import OpenInterestReading
from liq_nautilus.nautilus.live.sources.messages import UnknownMessageError
from liq_nautilus.nautilus.live.sources.sieve import Sieve
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import SECOND_NS

MS = 1_000_000
# As on the venue's page, with other numbers.
FORCED = {
    "e": "forceOrder",
    "E": 1_768_014_460_893,
    "o": {
        "s": "ETHUSDT",
        "S": "SELL",
        "o": "LIMIT",
        "f": "IOC",
        "q": "0.214",
        "p": "2910.5",
        "ap": "2915.25",
        "X": "FILLED",
        "l": "0.1",
        "z": "0.2",
        "T": 1_768_014_460_890,
    },
}
MARK = {
    "e": "markPriceUpdate",
    "E": 1_762_305_380_000,
    "s": "BTCUSDT",
    "p": "11794.15000000",
    "i": "11784.62659091",
    "P": "11784.25641265",
    "r": "-0.00038167",
    "T": 1_762_306_400_000,
}
LIQUIDATION = {
    "topic": "allLiquidation.ROSEUSDT",
    "type": "snapshot",
    "ts": 1_739_502_303_204,
    "data": [
        {"T": 1_739_502_302_929, "s": "ROSEUSDT", "S": "Sell", "v": "20000", "p": "0.04499"},
        {"T": 1_739_502_302_930, "s": "ROSEUSDT", "S": "Buy", "v": "10", "p": "0.045"},
    ],
}

OKX_ORDER = {
    "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
    "data": [
        {
            "details": [
                {
                    "bkLoss": "0",
                    "bkPx": "0.007831",
                    "ccy": "",
                    "posSide": "short",
                    "side": "buy",
                    "sz": "13",
                    "ts": "1692266434010",
                }
            ],
            "instFamily": "IOST-USDT",
            "instId": "IOST-USDT-SWAP",
            "instType": "SWAP",
            "uly": "IOST-USDT",
        }
    ],
}
parse_okx = partial(okx.parse_message, contracts={"IOSTUSDT": 100.0})


def in_stream(body: dict, stream: str = "x@y") -> bytes:
    return json.dumps({"stream": stream, "data": body}).encode()


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_sell_order_liquidates_a_long_by_what_was_filled(is_wrapped):
    raw = in_stream(FORCED) if is_wrapped else json.dumps(FORCED).encode()
    (order,) = binance.parse_message(raw)
    assert order == ForcedOrder("ETHUSDT", 1, 0.2, 2910.5, 2915.25, 1_768_014_460_890 * MS)


def test_a_buy_order_liquidates_a_short_and_an_unfilled_one_nobody():
    bought = {**FORCED, "o": {**FORCED["o"], "S": "BUY"}}
    assert binance.parse_message(in_stream(bought))[0].position_side == -1
    unfilled = {**FORCED, "o": {**FORCED["o"], "z": "0"}}
    assert binance.parse_message(in_stream(unfilled)) == ()


def test_a_mark_price_carries_the_predicted_rate():
    (mark,) = binance.parse_message(in_stream(MARK))
    assert mark == MarkPriceReading(
        "BTCUSDT",
        11794.15,
        11784.62659091,
        -0.00038167,
        1_762_306_400_000 * MS,
        1_762_305_380_000 * MS,
    )
    (delivery,) = binance.parse_message(in_stream({**MARK, "r": "", "T": 0}))
    assert math.isnan(delivery.predicted_rate)
    assert delivery.next_funding_ns == 0


def test_answers_to_subscriptions_are_no_records():
    assert binance.parse_message(b'{"result":null,"id":12}') == ()
    assert binance.parse_message(b'{"code":2,"msg":"Invalid request","id":3}') == ()
    assert (
        bybit.parse_message(b'{"success":true,"ret_msg":"","op":"subscribe","conn_id":"x"}') == ()
    )
    assert bybit.parse_message(b'{"success":true,"ret_msg":"pong","op":"ping"}') == ()


@pytest.mark.parametrize(
    ("mode", "side", "position"),
    [("short", "buy", -1), ("long", "sell", 1), ("net", "sell", 1), ("net", "buy", -1)],
)
def test_okx_names_the_position_or_the_order_that_closes_it(mode: str, side: str, position: int):
    body = replaced(OKX_ORDER, ("data", "details", "posSide"), mode)
    body = replaced(body, ("data", "details", "side"), side)
    (order,) = parse_okx(json.dumps(body).encode())
    ts = 1_692_266_434_010 * MS
    assert order == ForcedOrder("IOSTUSDT", position, 1_300.0, 0.007831, 0.007831, ts)


def test_what_okx_says_of_other_perpetuals_and_to_requests_is_left_out():
    raw = json.dumps(OKX_ORDER).encode()
    assert okx.parse_message(raw, {"BTCUSDT": 0.01}) == ()
    assert parse_okx(b"pong") == ()
    assert parse_okx(b'{"event":"subscribe","arg":{"channel":"liquidation-orders"}}') == ()


def test_contracts_of_okx_are_base_units():
    rows = [
        {"instId": "BTC-USDT-SWAP", "ctVal": "0.01", "ctMult": "1", "ctType": "linear"},
        {"instId": "DOGE-USDT-SWAP", "ctVal": "100", "ctMult": "10", "ctType": "linear"},
        {"instId": "BTC-USD-SWAP", "ctVal": "100", "ctMult": "1", "ctType": "inverse"},
    ]
    raw = json.dumps({"code": "0", "data": rows, "msg": ""}).encode()
    assert okx.parse_instruments(raw) == {"BTCUSDT": 0.01, "DOGEUSDT": 1_000.0}
    with pytest.raises(MalformedMessageError, match="must have code 0, was '50011'"):
        okx.parse_instruments(b'{"code":"50011","msg":"Too Many Requests","data":[]}')


def test_bybit_names_the_side_of_the_position():
    short, long = bybit.parse_message(json.dumps(LIQUIDATION).encode())
    assert short == ForcedOrder("ROSEUSDT", -1, 20000.0, 0.04499, 0.04499, 1_739_502_302_929 * MS)
    assert long.position_side == 1


@pytest.mark.parametrize(
    ("parse", "raw"),
    [
        (binance.parse_message, in_stream({"e": "aggTrade", "s": "BTCUSDT"})),
        (bybit.parse_message, b'{"topic":"publicTrade.BTCUSDT","data":[]}'),
        (bybit.parse_message, b"{}"),
        (parse_okx, b'{"arg":{"channel":"tickers"},"data":[]}'),
        (parse_okx, b'{"event":"error","code":"60012","msg":"Invalid request"}'),
        (parse_okx, b"{}"),
    ],
)
def test_other_kinds_are_unknown(parse, raw):
    with pytest.raises(UnknownMessageError, match="must be"):
        parse(raw)


def replaced(body: dict, path: tuple, value: object) -> dict:
    if len(path) == 1:
        return {**body, path[0]: value}
    inner = body[path[0]]
    if isinstance(inner, list):
        return {**body, path[0]: [replaced(inner[0], path[1:], value), *inner[1:]]}
    return {**body, path[0]: replaced(inner, path[1:], value)}


@pytest.mark.parametrize(
    ("parse", "body", "path", "value"),
    [
        (binance.parse_message, FORCED, ("o", "p"), "NaN"),
        (binance.parse_message, FORCED, ("o", "p"), "-1"),
        (binance.parse_message, FORCED, ("o", "ap"), "inf"),
        (binance.parse_message, FORCED, ("o", "ap"), "0"),
        (binance.parse_message, FORCED, ("o", "z"), "-0.5"),
        (binance.parse_message, FORCED, ("o", "z"), "many"),
        (binance.parse_message, FORCED, ("o", "S"), "SELLBUY"),
        (binance.parse_message, FORCED, ("o", "T"), 1_768_014_460),
        (binance.parse_message, FORCED, ("o", "T"), "1768014460890"),
        (binance.parse_message, FORCED, ("o",), None),
        (binance.parse_message, MARK, ("r",), "1.5"),
        (binance.parse_message, MARK, ("r",), "half"),
        (binance.parse_message, MARK, ("p",), 11794.15),
        (bybit.parse_message, LIQUIDATION, ("data", "S"), "Long"),
        (bybit.parse_message, LIQUIDATION, ("data", "v"), "0"),
        (bybit.parse_message, LIQUIDATION, ("data", "p"), ""),
        (bybit.parse_message, LIQUIDATION, ("data",), {}),
        (parse_okx, OKX_ORDER, ("data", "details", "posSide"), "both"),
        (parse_okx, OKX_ORDER, ("data", "details", "side"), "SELL"),
        (parse_okx, OKX_ORDER, ("data", "details", "sz"), "0"),
        (parse_okx, OKX_ORDER, ("data", "details", "bkPx"), ""),
        (parse_okx, OKX_ORDER, ("data", "details", "ts"), "1692266434"),
        (parse_okx, OKX_ORDER, ("data",), {}),
    ],
)
def test_a_wrong_value_refuses_the_whole_message(parse, body, path, value):
    with pytest.raises(MalformedMessageError, match="must"):
        parse(json.dumps(replaced(body, path, value)).encode())


@given(
    body=st.sampled_from([FORCED, MARK, LIQUIDATION, OKX_ORDER]),
    position=st.integers(0, 400),
    junk=st.binary(min_size=1, max_size=6),
    cut=st.booleans(),
)
def test_garbled_bytes_are_refused_or_read_never_anything_else(body, position, junk, cut):
    raw = json.dumps(body).encode()
    position %= len(raw)
    tail = b"" if cut else raw[position + len(junk) :]
    garbled = raw[:position] + junk + tail
    for parse in (binance.parse_message, bybit.parse_message, parse_okx):
        try:
            records = parse(garbled)
        except MessageError:
            continue
        for record in records:
            assert record.ts_event > 0
            if isinstance(record, ForcedOrder):
                assert record.position_side in (1, -1)
                assert record.quantity > 0
                assert min(record.bankruptcy_price, record.average_price) > 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*"esSopPTzEird", "ap", "data", "stream", "topic", "v", "id"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_refused_or_read(document):
    raw = json.dumps(document).encode()
    parsers = (
        binance.parse_message,
        binance.parse_open_interest,
        binance.parse_open_interest_history,
        binance.parse_funding,
        binance.parse_klines,
        binance.parse_time,
        bybit.parse_message,
        parse_okx,
        okx.parse_instruments,
    )
    for parse in parsers:
        try:
            parse(raw)
        except MessageError as e:
            assert str(e)  # noqa: PT017 - both outcomes are right


def test_answers_of_the_rest_interface():
    reading = binance.parse_open_interest(
        b'{"openInterest":"10659.509","symbol":"BTCUSDT","time":1789437530011}'
    )
    assert reading[:2] == ("BTCUSDT", 10659.509)
    assert reading.ts_event == 1_789_437_530_011 * MS
    assert math.isnan(reading.open_interest_notional)
    rows = [
        {
            "symbol": "BTCUSDT",
            "sumOpenInterest": "20401.367",
            "sumOpenInterestValue": "149940752.1",
            "timestamp": stamp,
        }
        for stamp in (1_783_128_200_000, "1783127900000")
    ]
    history = binance.parse_open_interest_history(json.dumps(rows).encode())
    assert [x.ts_event for x in history] == [1_783_127_900_000 * MS, 1_783_128_200_000 * MS]
    assert history[0].open_interest_notional == 149940752.1
    funding = binance.parse_funding(
        json.dumps(
            [
                {
                    "symbol": "BTCUSDT",
                    "fundingRate": "0.00010000",
                    "fundingTime": 1_770_636_800_000,
                },
                {"symbol": "BTCUSDT", "fundingRate": "-0.0375", "fundingTime": 1_770_608_000_000},
            ]
        ).encode()
    )
    assert [x.rate for x in funding] == [Decimal("-0.0375"), Decimal("0.0001")]
    assert binance.parse_time(b'{"serverTime":1799827319559}') == 1_799_827_319_559 * MS


def kline(opened: int, prices: tuple[str, str, str, str]) -> list:
    return [opened, *prices, "148.5", opened + 59_999, "2434.1", 308, "1756.8", "28.4", "0"]


def test_klines_are_read_and_impossible_ones_refused():
    rows = [
        kline(1_799_040_060_000, ("100.5", "101", "99.90", "100")),
        kline(1_799_040_000_000, ("100", "100", "100", "100")),
    ]
    first, second = binance.parse_klines(json.dumps(rows).encode())
    assert first.ts_close + MS == second.ts_open == 1_799_040_060_000 * MS
    assert second[:5] == ("100.5", "101", "99.90", "100", "148.5")
    rows[0] = kline(1_799_040_060_000, ("100.5", "100.4", "99", "100"))
    with pytest.raises(MalformedMessageError, match="low <= open, close <= high"):
        binance.parse_klines(json.dumps(rows).encode())


def test_addresses_and_subscriptions():
    streams = [binance.forced_order_stream("BTCUSDT"), binance.mark_price_stream("1000PEPEUSDT")]
    assert binance.websocket_url("ws://host/", streams) == (
        "ws://host/market/stream?streams=btcusdt@forceOrder/1000pepeusdt@markPrice@1s"
    )
    on = json.loads(binance.subscription(streams, 4))
    assert on == {"method": "SUBSCRIBE", "params": streams, "id": 4}
    assert json.loads(binance.subscription(streams, 5, is_on=False))["method"] == "UNSUBSCRIBE"
    topic = bybit.liquidation_topic("BTCUSDT")
    assert json.loads(bybit.subscription([topic], 1)) == {
        "op": "subscribe",
        "args": ["allLiquidation.BTCUSDT"],
        "req_id": "1",
    }
    assert json.loads(bybit.subscription([topic], 1, is_on=False))["op"] == "unsubscribe"
    assert bybit.websocket_url("ws://host") == "ws://host/v5/public/linear"


# -- What may pass ---------------------------------------------------------------------------------

NOW = 1_790_000_000 * SECOND_NS


def reading(ts: int, contracts: float = 5.0, symbol: str = "BTCUSDT") -> OpenInterestReading:
    return OpenInterestReading(symbol, contracts, math.nan, ts)


def forced(ts: int, quantity: float = 1.0) -> ForcedOrder:
    return ForcedOrder("BTCUSDT", 1, quantity, 100.0, 101.0, ts)


def test_readings_move_forward_only():
    sieve = Sieve()
    verdicts = [sieve.judge(reading(NOW + i), NOW) for i in (0, 5, 5, 3, 6)]
    assert verdicts == ["passed", "passed", "duplicate", "out_of_order", "passed"]
    assert sieve.judge(reading(NOW, symbol="ETHUSDT"), NOW) == "passed"


def test_a_zero_and_a_reading_from_the_future_leave_no_trace():
    sieve = Sieve(tolerance_secs=2.0)
    assert sieve.judge(reading(NOW, 0.0), NOW) == "zero"
    assert sieve.judge(reading(NOW + 3 * SECOND_NS), NOW) == "future"
    assert sieve.judge(reading(NOW), NOW) == "passed"


def test_forced_orders_pass_once_in_any_order():
    sieve = Sieve()
    orders = [forced(NOW - 10), forced(NOW - 30), forced(NOW - 10), forced(NOW - 10, 2.0)]
    assert [sieve.judge(order, NOW) for order in orders] == [
        "passed",
        "passed",
        "duplicate",
        "passed",
    ]
    assert sieve.judge(forced(NOW - 2 * HOUR_NS), NOW) == "stale"


@given(st.lists(st.tuples(st.integers(-50, 50), st.floats(0, 3)), max_size=60))
def test_no_record_passes_twice_whatever_comes(steps):
    sieve = Sieve()
    passed: list = []
    for offset, value in steps:
        records = (reading(NOW + offset, value), forced(NOW + offset, value + 1.0))
        passed += [record for record in records if sieve.judge(record, NOW) == "passed"]
    assert len(set(passed)) == len(passed)
    times = [x.ts_event for x in passed if isinstance(x, OpenInterestReading)]
    assert times == sorted(set(times))
