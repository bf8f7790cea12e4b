import json
from pathlib import Path

import numpy as np
import pytest

from liq_nautilus.core.exchange.brackets import Bracket
from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.exchange.built_in_brackets import BUILT_IN
from liq_nautilus.core.exchange.margin import bankruptcy_price
from liq_nautilus.core.exchange.margin import isolated_liquidation_price
from liq_nautilus.core.exchange.margin import liquidation_price
from liq_nautilus.core.exchange.margin import liquidation_ratio
from liq_nautilus.core.exchange.margin import simplified_liquidation_price
from liq_nautilus.times import DAY_NS

ENTRY = 100_000.0
QUANTITY = 0.1
LEVERAGES = np.array([5.0, 10.0, 25.0, 50.0, 100.0, 125.0])
LONG_PRICES = np.array([80_321.285, 90_361.446, 96_385.542, 98_393.574, 99_397.590, 99_598.394])
SHORT_PRICES = np.array(
    [119_521.912, 109_561.753, 103_585.657, 101_593.625, 100_597.610, 100_398.406]
)
# How much farther from the entry the simplified formula lies, in per cent.
LONG_ERRORS = np.array([1.2, 3.2, 9.6, 22.0, 58.0, 98.0])
SHORT_ERRORS = np.array([2.0, 4.1, 10.4, 23.0, 59.0, 100.0])
OCTOBER_2024_NS = 1_729_728_000_000_000_000


def positions(side, n=6):
    return np.full(n, ENTRY), np.full(n, side, dtype=np.int8), np.full(n, QUANTITY)


@pytest.mark.parametrize("table_ts", [OCTOBER_2024_NS, None])
@pytest.mark.parametrize(("side", "expected"), [(1, LONG_PRICES), (-1, SHORT_PRICES)])
def test_liquidation_price_agrees_with_published_vectors(side, expected, table_ts):
    table = BracketTable.built_in("BTCUSDT", table_ts)
    entry, sides, quantity = positions(side)
    found = isolated_liquidation_price(entry, LEVERAGES, sides, quantity, table)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=0.01)


@pytest.mark.parametrize(
    ("side", "exact", "errors"), [(1, LONG_PRICES, LONG_ERRORS), (-1, SHORT_PRICES, SHORT_ERRORS)]
)
def test_simplified_formula_lies_too_far_by_the_stated_share(side, exact, errors):
    entry, sides, _ = positions(side)
    found = simplified_liquidation_price(entry, LEVERAGES, sides)
    excess = 100.0 * (np.abs(found - ENTRY) / np.abs(exact - ENTRY) - 1.0)
    # The statement is rounded: to a tenth up to 25x, to whole per cents beyond.
    tolerance = np.array([0.06, 0.06, 0.06, 0.6, 0.6, 0.6])
    assert (np.abs(excess - errors) <= tolerance).all()


def test_simplified_formula_takes_its_rates_by_leverage():
    long = np.ones(1, dtype=np.int8)
    found = simplified_liquidation_price(np.array([1000.0]), np.array([50.0]), long)
    assert found[0] == pytest.approx(1000.0 * (1.0 - 1.0 / 50.0 + 0.02 / 50.0))


def test_bankruptcy_price_is_where_the_margin_is_gone():
    sides = np.array([1, -1], dtype=np.int8)
    found = bankruptcy_price(np.array([200.0, 200.0]), np.array([4.0, 10.0]), sides)
    np.testing.assert_allclose(found, [150.0, 220.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda leverage, side, table: isolated_liquidation_price(
            np.ones(1), leverage, side, np.ones(1), table
        ),
        lambda leverage, side, _: simplified_liquidation_price(np.ones(1), leverage, side),
        lambda leverage, side, _: bankruptcy_price(np.ones(1), leverage, side),
    ],
)
def test_leverage_below_one_is_refused(call):
    table = BracketTable.built_in("BTCUSDT")
    with pytest.raises(ValueError, match=r"leverage must be at least 1, was 0\.5"):
        call(np.array([0.5]), np.ones(1, dtype=np.int8), table)


def test_long_without_leverage_is_never_liquidated():
    table = BracketTable.built_in("BTCUSDT")
    one = np.ones(1)
    found = isolated_liquidation_price(ENTRY * one, one, one.astype(np.int8), QUANTITY * one, table)
    assert found[0] == 0.0


def test_nan_in_nan_out():
    table = BracketTable.built_in("BTCUSDT")
    entry = np.array([np.nan, ENTRY])
    found = isolated_liquidation_price(
        entry, np.full(2, 10.0), np.ones(2, dtype=np.int8), np.full(2, QUANTITY), table
    )
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(LONG_PRICES[1], abs=0.01)


def test_position_at_a_bracket_border_has_a_price():
    table = BracketTable.built_in("BTCUSDT", OCTOBER_2024_NS)
    for bracket in table.brackets[:-1]:
        cap = bracket.notional_cap
        margin = bracket.maintenance_margin_rate * cap - bracket.maintenance_amount
        for side in (1, -1):
            leverage = np.arange(2.0, 126.0)
            entry_notional = (margin - side * cap) / (1.0 / leverage - side)
            quantity = entry_notional / ENTRY
            found = isolated_liquidation_price(
                np.full(leverage.size, ENTRY),
                leverage,
                np.full(leverage.size, side, dtype=np.int8),
                quantity,
                table,
            )
            np.testing.assert_allclose(found * quantity, cap, rtol=1e-9)


def test_cross_margin_counts_the_whole_wallet():
    table = BracketTable.built_in("BTCUSDT", OCTOBER_2024_NS)
    side = np.ones(1, dtype=np.int8)
    found = liquidation_price(
        np.array([ENTRY]), np.array([QUANTITY]), side, np.array([3_000.0]), table
    )
    # WB + Q (p - E) = 0.004 Q p
    assert found[0] == pytest.approx((QUANTITY * ENTRY - 3_000.0) / (QUANTITY * 0.996))


def test_settled_funding_drains_a_long_and_feeds_a_short():
    table = BracketTable.built_in("BTCUSDT")
    for side, sign in ((1, -1.0), (-1, 1.0)):
        entry, sides, quantity = positions(side, 1)
        leverage = np.array([100.0])
        rate = 0.0005
        paid = side * rate * ENTRY * QUANTITY
        before = isolated_liquidation_price(entry, leverage, sides, quantity, table)
        after = isolated_liquidation_price(entry, leverage, sides, quantity, table, paid)
        moved = (after - before)[0]
        assert moved == pytest.approx(rate * ENTRY / (1.0 + sign * 0.004))


def test_built_in_tables_change_with_their_date():
    before = BracketTable.built_in("BTCUSDT", OCTOBER_2024_NS - 400 * DAY_NS)
    first = BracketTable.built_in("BTCUSDT", OCTOBER_2024_NS)
    newest = BracketTable.built_in("BTCUSDT")
    last_day = 1_767_225_600_000_000_000 - 1
    assert before == first
    assert first.brackets[0].max_leverage == 125
    assert BracketTable.built_in("BTCUSDT", last_day).valid_from == "2024-10-24"
    assert BracketTable.built_in("BTCUSDT", last_day + 1) == newest
    assert newest.brackets[0] == Bracket(0.0, 300_000, 150, 0.004, 0.0)


def test_amounts_of_the_2026_table_are_the_known_ones():
    table = BracketTable.built_in("BTCUSDT")
    amounts = [bracket.maintenance_amount for bracket in table.brackets]
    expected = [
        0, 300, 1_500, 12_000, 132_000, 482_000, 2_982_000, 14_482_000, 26_482_000, 41_482_000,
        121_482_000, 421_482_000,
    ]  # fmt: skip
    np.testing.assert_allclose(amounts, expected, rtol=1e-12, atol=1e-6)


def test_symbol_without_a_table_gets_a_conservative_one():
    table = BracketTable.built_in("NEWCOINUSDT")
    assert table.symbol == "NEWCOINUSDT"
    assert table.description == "NEWCOINUSDT: no table known, a conservative default"
    sizes = np.logspace(0, 9, 400)
    for symbol in BUILT_IN:
        if symbol.endswith("USDT"):
            known = BracketTable.built_in(symbol)
            assert (table.maintenance_margin(sizes) >= known.maintenance_margin(sizes)).all()
            for leverage in (1, 2, 4, 5, 10, 20, 25, 50, 75, 100):
                assert table.largest_notional(leverage) <= known.largest_notional(leverage)


@pytest.mark.parametrize(("symbol", "twin"), [("BTCUSDC", "BTCUSDT"), ("SOLBUSD", "SOLUSDT")])
def test_a_symbol_in_another_stablecoin_has_the_table_of_its_coin(symbol: str, twin: str):
    table = BracketTable.built_in(symbol, 1_767_225_600 * 10**9)
    assert table.brackets == BracketTable.built_in(twin, 1_767_225_600 * 10**9).brackets
    assert table.symbol == symbol


def test_coin_margined_brackets_are_in_coins():
    # Binance's own example: 12.5 % and 11.605 BTC at 300 BTC, 0.4 % of 0.4 BTC at 100 contracts.
    table = BracketTable.built_in("BTCUSD_PERP")
    rate, amount = table.maintenance(np.array([300.0]))
    assert (rate[0], amount[0]) == (0.125, pytest.approx(11.605))
    assert table.maintenance_margin(np.array([100 * 100 / 25_000]))[0] == pytest.approx(0.0016)
    other = BracketTable.built_in("ETHUSD_PERP")
    assert other.maintenance_margin(np.array([1e6]))[0] == 0.025 * 1e6


@pytest.mark.parametrize("symbol", sorted(BUILT_IN))
def test_maintenance_margin_is_continuous_and_rising(symbol):
    for valid_from, rows in BUILT_IN[symbol]:
        table = BracketTable.from_rows(symbol, valid_from, rows)
        caps = np.array([bracket.notional_cap for bracket in table.brackets])
        below = table.maintenance_margin(np.nextafter(caps, 0.0))
        np.testing.assert_allclose(below, table.maintenance_margin(caps), rtol=1e-9)
        grid = np.geomspace(1.0, caps[-1] * 2.0, 2_000)
        assert (np.diff(table.maintenance_margin(grid)) > 0.0).all()
        leverages = [bracket.max_leverage for bracket in table.brackets]
        assert leverages == sorted(leverages, reverse=True)


def test_maintenance_takes_the_bracket_that_holds_the_notional():
    table = BracketTable.built_in("BTCUSDT", OCTOBER_2024_NS)
    rate, amount = table.maintenance(np.array([0.0, 49_999.0, 50_000.0, 1e12]))
    np.testing.assert_allclose(rate, [0.004, 0.004, 0.005, 0.5])
    np.testing.assert_allclose(amount[:3], [0.0, 0.0, 50.0], atol=1e-9)


def response(symbol="BTCUSDT"):
    rows = [
        {"notionalFloor": 50_000, "notionalCap": 600_000, "initialLeverage": 100,
         "maintMarginRatio": 0.005, "cum": 50.0},
        {"notionalFloor": 0, "notionalCap": 50_000, "initialLeverage": 125,
         "maintMarginRatio": 0.004, "cum": 0.0},
    ]  # fmt: skip
    return [{"symbol": "OTHER", "brackets": []}, {"symbol": symbol, "brackets": rows}]


def test_from_binance_reads_a_response_in_any_order():
    table = BracketTable.from_binance(response(), "BTCUSDT", "2024-10-24")
    assert table.valid_from == "2024-10-24"
    assert table.brackets == (
        Bracket(0.0, 50_000.0, 125.0, 0.004, 0.0),
        Bracket(50_000.0, 600_000.0, 100.0, 0.005, 50.0),
    )
    assert BracketTable.from_binance(response()[1], "BTCUSDT").brackets == table.brackets


def test_from_binance_names_what_it_found_instead():
    with pytest.raises(ValueError, match="must hold ETHUSDT, found OTHER, BTCUSDT"):
        BracketTable.from_binance(response(), "ETHUSDT")


def test_from_binance_names_a_missing_field():
    document = response()
    del document[1]["brackets"][0]["cum"]
    with pytest.raises(ValueError, match="a bracket of BTCUSDT must have 'cum', found"):
        BracketTable.from_binance(document, "BTCUSDT")


@pytest.mark.parametrize("rows", [(), (Bracket(10.0, 20.0, 5.0, 0.1, 0.0),)])
def test_brackets_with_holes_are_refused(rows):
    with pytest.raises(ValueError, match="must follow each other from 0"):
        BracketTable("X", "", rows)


def test_built_in_table_equals_the_published_response():
    path = Path(__file__).parents[3] / "../shared/data/brackets/leverageBracket-2024-10-24.json"
    if not path.exists():
        pytest.skip("shared data is absent")
    document = json.loads(path.read_text())
    for entry in document:
        if entry["symbol"] in BUILT_IN:
            read = BracketTable.from_binance(document, entry["symbol"], "2024-10-24")
            built = BracketTable.built_in(entry["symbol"], OCTOBER_2024_NS)
            for one, other in zip(read.brackets, built.brackets, strict=True):
                assert one.notional_cap == other.notional_cap
                assert one.max_leverage == other.max_leverage
                assert one.maintenance_margin_rate == other.maintenance_margin_rate
                assert one.maintenance_amount == pytest.approx(other.maintenance_amount, rel=1e-9)


@pytest.mark.parametrize("formula", ["exact", "simplified"])
def test_liquidation_ratio_is_the_price_over_the_entry(formula):
    table = BracketTable.built_in("BTCUSDT")
    tiers = np.array([5.0, 10.0, 25.0, 50.0, 100.0])
    for side, expected in ((1, LONG_PRICES), (-1, SHORT_PRICES)):
        ratio = liquidation_ratio(tiers, side, 10_000.0, table, formula)
        if formula == "exact":
            np.testing.assert_allclose(ratio * ENTRY, expected[:5], atol=0.01)
        else:
            sides = np.full(5, side, dtype=np.int8)
            expected_price = simplified_liquidation_price(np.full(5, ENTRY), tiers, sides)
            np.testing.assert_allclose(ratio * ENTRY, expected_price)


def test_liquidation_ratio_keeps_a_hair_from_the_entry_and_from_zero():
    table = BracketTable.built_in("BTCUSDT")
    tiers = np.array([1.0, 500.0])
    long = liquidation_ratio(tiers, 1, 10_000.0, table)
    short = liquidation_ratio(tiers, -1, 10_000.0, table)
    assert long[0] == 1e-3
    assert long[1] == pytest.approx(1.0 - 1e-4)
    assert short[1] == pytest.approx(1.0 + 1e-4)


@pytest.mark.parametrize("side", [1, -1])
def test_each_bracket_liquidates_where_equity_is_its_margin(side):
    # Caps so low that one unit of quote is another bracket.
    rows = ((50, 2.0, 0.01), (20, 5.0, 0.05), (5, 9.0, 0.2), (2, 20.0, 0.4))
    table = BracketTable.from_rows("TINYUSDT", "", rows)
    notional = np.array([0.5, 1.9, 2.0, 2.1, 4.9, 5.1, 8.0, 9.5, 15.0, 25.0])
    quantity, sides = np.full(notional.shape, 0.1), np.full(notional.shape, side, dtype=np.int8)
    price = notional / quantity
    entry = price * (1.0 + side * 0.07)
    wallet = table.maintenance_margin(notional) - side * (notional - quantity * entry)
    found = liquidation_price(entry, quantity, sides, wallet, table)
    np.testing.assert_allclose(found, price, rtol=1e-12)


def test_no_positions_have_no_prices():
    none, sides = np.zeros(0), np.zeros(0, dtype=np.int8)
    assert bankruptcy_price(none, none, sides).size == 0
