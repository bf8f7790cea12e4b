from decimal import Decimal

import pytest

from liq_nautilus.errors import SchemaError
from liq_nautilus.nautilus.catalog.exchange_info import check_is_perpetual
from liq_nautilus.nautilus.catalog.exchange_info import exchange_info_entries
from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import built_in_symbols
from liq_nautilus.nautilus.instruments import defined
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.instruments import instruments_from_exchange_info

ENTRY = {
    "symbol": "BTCUSDT",
    "contractType": "PERPETUAL",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "pricePrecision": 2,
    "quantityPrecision": 3,
    "maintMarginPercent": "2.5000",
    "requiredMarginPercent": "5.0000",
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001"},
    ],
}


@pytest.mark.parametrize("symbol", built_in_symbols())
def test_built_in_instrument_is_consistent(symbol):
    instrument = built_in_instrument(symbol)
    assert instrument.id == instrument_id(symbol)
    assert binance_symbol(instrument.id) == symbol
    assert str(instrument.raw_symbol) == symbol
    assert instrument.is_inverse == symbol.endswith("_PERP")
    assert Decimal(0) < instrument.margin_maint < instrument.margin_init
    assert (instrument.maker_fee, instrument.taker_fee) == (Decimal("0.0002"), Decimal("0.0005"))


def test_bitcoin_keeps_the_decimals_of_old_prices():
    instrument = built_in_instrument("BTCUSDT")
    assert instrument.price_increment == Decimal("0.1")
    assert (instrument.price_precision, instrument.size_precision) == (2, 3)


def test_coin_margined_contract_is_inverse():
    instrument = built_in_instrument("BTCUSD_PERP")
    assert str(instrument.id) == "BTCUSD-PERP.BINANCE"
    assert instrument.is_inverse
    assert instrument.multiplier == 100
    assert str(instrument.settlement_currency) == "BTC"
    assert str(instrument.quote_currency) == "USD"


def test_unknown_symbol_says_what_to_do():
    with pytest.raises(SchemaError, match=r"instrument of XYZUSDT must be known.*--exchange-info"):
        built_in_instrument("XYZUSDT")


@pytest.mark.parametrize("symbol", ["BNBBUSD", "ETHBTC", "BTCUSDC"])
def test_linear_symbols_ending_like_usd_stay_linear(symbol):
    assert binance_symbol(instrument_id(symbol)) == symbol


def test_exchange_info_gives_instruments():
    delivery = {**ENTRY, "symbol": "BTCUSDT_270326", "contractType": "CURRENT_QUARTER"}
    coin = {**ENTRY, "symbol": "BTCUSD_PERP", "quoteAsset": "USD", "contractSize": 100}
    made = instruments_from_exchange_info({"symbols": [ENTRY, delivery, coin]})
    assert list(made) == ["BTCUSDT", "BTCUSD_PERP"]
    linear = made["BTCUSDT"]
    assert (linear.price_precision, linear.size_precision) == (2, 3)
    assert (linear.margin_init, linear.margin_maint) == (Decimal("0.05"), Decimal("0.025"))
    assert made["BTCUSD_PERP"].multiplier == 100


@pytest.mark.parametrize("document", [{}, {"symbols": [{}]}, {"symbols": 5}, {"symbols": ["x"]}])
def test_wrong_exchange_info_is_refused(document):
    with pytest.raises(SchemaError, match="exchangeInfo must be Binance's response"):
        instruments_from_exchange_info(document)


@pytest.mark.parametrize("kind", ["PERPETUAL", "TRADIFI_PERPETUAL", "PERPETUAL DELIVERING", ""])
@pytest.mark.parametrize("base", ["XAU", "币安人生", "4", "1000SATS", "ЛЮБ"])
def test_any_perpetual_is_taken_whatever_its_kind_and_letters(kind, base):
    symbol = f"{base}USDT"
    entry = {**ENTRY, "symbol": symbol, "baseAsset": base, "contractType": kind}
    check_is_perpetual(symbol, entry)
    (made,) = instruments_from_exchange_info({"symbols": [entry]}).values()
    assert str(made.id) == f"{symbol}-PERP.BINANCE"
    assert str(made.base_currency) == base
    definition = defined(symbol, entry)
    assert definition[:4] == (symbol, f"{symbol}-PERP.BINANCE", 2, 3)
    assert definition.content[:4] == b"PAR1"


@pytest.mark.parametrize("kind", ["CURRENT_QUARTER", "NEXT_MONTH", "", None])
@pytest.mark.parametrize("symbol", ["BTCUSDT_250926", "ETHUSD_270326"])
def test_dated_contract_is_refused_as_one(symbol, kind):
    entry = None if kind is None else {**ENTRY, "symbol": symbol, "contractType": kind}
    with pytest.raises(SchemaError, match=f"{symbol} must be a perpetual, was a dated contract"):
        check_is_perpetual(symbol, entry)


def test_one_odd_entry_does_not_spoil_the_others():
    odd = {"symbol": "ODDUSDT", "contractType": "PERPETUAL"}
    assert list(exchange_info_entries({"symbols": [odd, ENTRY]})) == ["ODDUSDT", "BTCUSDT"]
    assert defined("BTCUSDT", ENTRY).price_precision == 2
    with pytest.raises(SchemaError, match="exchangeInfo must be Binance's response"):
        defined("ODDUSDT", odd)
