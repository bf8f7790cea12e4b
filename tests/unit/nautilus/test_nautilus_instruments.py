from decimal import Decimal

import pytest

from liq_nautilus.errors import SchemaError
from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import built_in_symbols
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
