"""Instruments: built-in definitions of the usual symbols, others from Binance's exchangeInfo."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.identifiers import Symbol
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Currency
from nautilus_trader.model.objects import Price
from nautilus_trader.model.objects import Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from liq_nautilus.core.exchange.contracts import COIN_MARGINED_SUFFIX
from liq_nautilus.errors import SchemaError
from liq_nautilus.nautilus.catalog.definitions import Definition
from liq_nautilus.nautilus.catalog.exchange_info import exchange_info_entries
from liq_nautilus.nautilus.catalog.exchange_info import exchange_info_message
from liq_nautilus.nautilus.catalog.exchange_info import is_perpetual
from liq_nautilus.nautilus.catalog.layout import identifier_of
from liq_nautilus.nautilus.catalog.layout import symbol_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping


# Fees of an account without discounts, https://www.binance.com/en/fee/futureFee
_MAKER_FEE: Final = Decimal("0.0002")
_TAKER_FEE: Final = Decimal("0.0005")
_QUOTES: Final = ("USDT", "USDC", "BUSD")


class _Contract(NamedTuple):
    # The step of prices as text with all decimals Binance ever used for the symbol: 0.10 keeps the
    # two decimals of BTCUSDT before 2022 although the tick is 0.1 today. Likewise the size step.
    tick: str
    step: str
    max_leverage: int
    maintenance_margin_rate: str
    contract_value: int = 1


_CONTRACTS: Final[Mapping[str, _Contract]] = {
    "BTCUSDT": _Contract("0.10", "0.001", 125, "0.004"),
    "ETHUSDT": _Contract("0.01", "0.001", 125, "0.004"),
    "SOLUSDT": _Contract("0.0100", "0.01", 100, "0.005"),
    "BNBUSDT": _Contract("0.010", "0.01", 75, "0.005"),
    "XRPUSDT": _Contract("0.0001", "0.1", 75, "0.005"),
    "DOGEUSDT": _Contract("0.000010", "1", 75, "0.005"),
    "ADAUSDT": _Contract("0.00010", "1", 75, "0.005"),
    "NEARUSDT": _Contract("0.0001", "1", 75, "0.005"),
    "1000PEPEUSDT": _Contract("0.0000001", "1", 75, "0.005"),
    "LTCUSDT": _Contract("0.01", "0.001", 75, "0.005"),
    "BCHUSDT": _Contract("0.01", "0.001", 75, "0.005"),
    "LINKUSDT": _Contract("0.001", "0.01", 75, "0.005"),
    "AVAXUSDT": _Contract("0.0010", "1", 75, "0.005"),
    "DOTUSDT": _Contract("0.001", "0.1", 75, "0.005"),
    "TRXUSDT": _Contract("0.00001", "1", 75, "0.005"),
    "SUIUSDT": _Contract("0.000100", "0.1", 75, "0.005"),
    "BTCUSD_PERP": _Contract("0.1", "1", 125, "0.004", 100),
    "ETHUSD_PERP": _Contract("0.01", "1", 100, "0.005", 10),
    "SOLUSD_PERP": _Contract("0.001", "1", 75, "0.01", 10),
    "BNBUSD_PERP": _Contract("0.001", "1", 75, "0.01", 10),
    "XRPUSD_PERP": _Contract("0.0001", "1", 75, "0.01", 10),
}


def built_in_symbols() -> tuple[str, ...]:
    """Return the symbols that need no exchangeInfo."""
    return tuple(_CONTRACTS)


def instrument_id(symbol: str) -> InstrumentId:
    """
    Return the Nautilus id of a Binance perpetual, named as Nautilus's own adapter does.

    Examples
    --------
    >>> str(instrument_id("BTCUSDT")), str(instrument_id("BTCUSD_PERP"))
    ('BTCUSDT-PERP.BINANCE', 'BTCUSD-PERP.BINANCE')

    """
    return InstrumentId.from_str(identifier_of(symbol))


def binance_symbol(identifier: InstrumentId | str) -> str:
    """
    Return the Binance symbol of a Nautilus id: the inverse of `instrument_id`.

    Of an instrument that is no Binance perpetual it is the name.

    Examples
    --------
    >>> binance_symbol("BTCUSDT-PERP.BINANCE"), binance_symbol("BTCUSD-PERP.BINANCE")
    ('BTCUSDT', 'BTCUSD_PERP')

    """
    name = str(identifier)
    return symbol_of(name) or name.partition(".")[0].removesuffix("-PERP")


def settlement_currency(symbol: str) -> str:
    """
    Return the currency in which a symbol of Binance settles.

    Raises
    ------
    SchemaError
        If the name ends in none of the known ones.

    Examples
    --------
    >>> settlement_currency("BTCUSDC"), settlement_currency("ETHUSD_PERP")
    ('USDC', 'ETH')

    """
    if symbol.endswith(COIN_MARGINED_SUFFIX):
        return symbol.removesuffix(COIN_MARGINED_SUFFIX)
    for quote in _QUOTES:
        if symbol.endswith(quote):
            return quote
    known = ", ".join((*_QUOTES, COIN_MARGINED_SUFFIX))
    msg = f"a symbol must end in one of {known}, was {symbol}; name another"
    raise SchemaError(msg)


def built_in_instrument(symbol: str) -> CryptoPerpetual:
    """
    Return the definition of one of the usual perpetuals.

    Raises
    ------
    SchemaError
        If the symbol is not among `built_in_symbols`.

    """
    contract = _CONTRACTS.get(symbol)
    if contract is None:
        msg = (
            f"the instrument of {symbol} must be known, was none of {', '.join(_CONTRACTS)}; "
            "give Binance's exchangeInfo response with --exchange-info FILE"
        )
        raise SchemaError(msg)
    return _perpetual(symbol, contract, *_currencies(symbol))


def instruments_from_exchange_info(document: Mapping[str, Any]) -> dict[str, CryptoPerpetual]:
    """
    Return the perpetuals of a response of Binance's `/fapi/v1/exchangeInfo` (or `/dapi`).

    Parameters
    ----------
    document : mapping
        The parsed JSON.

    Returns
    -------
    dict
        Binance symbol to instrument.

    Raises
    ------
    SchemaError
        If the document lacks what an instrument needs.

    """
    entries = exchange_info_entries(document)
    return {
        symbol: instrument_of_entry(entry)
        for symbol, entry in entries.items()
        if is_perpetual(entry)
    }


def instrument_of_entry(entry: Mapping[str, Any]) -> CryptoPerpetual:
    """
    Return the perpetual that an entry of exchangeInfo describes.

    Raises
    ------
    SchemaError
        If the entry lacks what an instrument needs.

    """
    try:
        return _from_exchange_info(entry)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as e:
        raise SchemaError(exchange_info_message(e)) from e


def defined(symbol: str, entry: Mapping[str, Any] | None) -> Definition:
    """
    Return the definition of a perpetual, with the file in which Nautilus keeps it.

    Parameters
    ----------
    symbol : str
        Binance's symbol.
    entry : mapping, optional
        What exchangeInfo says of it; the built-in instrument by default.

    Raises
    ------
    SchemaError
        If the symbol is not built in, or the entry lacks what an instrument needs.

    """
    instrument = built_in_instrument(symbol) if entry is None else instrument_of_entry(entry)
    with tempfile.TemporaryDirectory() as folder:
        ParquetDataCatalog(folder).write_data([instrument])
        (path,) = Path(folder).rglob("*.parquet")
        precisions = instrument.price_precision, instrument.size_precision
        return Definition(symbol, str(instrument.id), *precisions, path.name, path.read_bytes())


def _from_exchange_info(entry: Mapping[str, Any]) -> CryptoPerpetual:
    filters = {item["filterType"]: item for item in entry["filters"]}
    maintenance = Decimal(str(entry.get("maintMarginPercent", "2.5"))) / 100
    contract = _Contract(
        tick=_with_decimals(filters["PRICE_FILTER"]["tickSize"], int(entry["pricePrecision"])),
        step=_with_decimals(filters["LOT_SIZE"]["stepSize"], int(entry["quantityPrecision"])),
        max_leverage=int(100 / Decimal(str(entry.get("requiredMarginPercent", "5")))),
        maintenance_margin_rate=str(maintenance.normalize()),
        contract_value=int(entry.get("contractSize", 1)),
    )
    base, quote = str(entry["baseAsset"]), str(entry["quoteAsset"])
    return _perpetual(str(entry["symbol"]), contract, base, quote)


def _with_decimals(step: str, decimals: int) -> str:
    # Keeps at least the decimals of the step itself.
    needed = -int(Decimal(step).normalize().as_tuple().exponent)
    return f"{Decimal(step):.{max(decimals, needed, 0)}f}"


def _currencies(symbol: str) -> tuple[str, str]:
    if symbol.endswith("_PERP"):
        return symbol.removesuffix(COIN_MARGINED_SUFFIX), "USD"
    quotes: Iterable[str] = (quote for quote in _QUOTES if symbol.endswith(quote))
    quote = next(iter(quotes))
    return symbol.removesuffix(quote), quote


def _perpetual(symbol: str, contract: _Contract, base: str, quote: str) -> CryptoPerpetual:
    is_inverse = symbol.endswith("_PERP")
    price_increment, size_increment = (
        Price.from_str(contract.tick),
        Quantity.from_str(contract.step),
    )
    base_currency, quote_currency = Currency.from_str(base), Currency.from_str(quote)
    return CryptoPerpetual(
        instrument_id=instrument_id(symbol),
        raw_symbol=Symbol(symbol),
        base_currency=base_currency,
        quote_currency=quote_currency,
        settlement_currency=base_currency if is_inverse else quote_currency,
        is_inverse=is_inverse,
        price_precision=price_increment.precision,
        size_precision=size_increment.precision,
        price_increment=price_increment,
        size_increment=size_increment,
        multiplier=Quantity.from_int(contract.contract_value),
        lot_size=Quantity.from_int(1) if is_inverse else size_increment,
        min_quantity=size_increment,
        margin_init=1 / Decimal(contract.max_leverage),
        margin_maint=Decimal(contract.maintenance_margin_rate),
        maker_fee=_MAKER_FEE,
        taker_fee=_TAKER_FEE,
        # A definition holds for all times, and the same input must give the same bytes.
        ts_event=0,
        ts_init=0,
    )
