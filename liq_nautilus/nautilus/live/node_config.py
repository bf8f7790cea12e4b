"""What Nautilus is told of a node: its clients, and where they connect to."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import msgspec
from nautilus_trader.adapters.binance.common.enums import BinanceAccountType
from nautilus_trader.adapters.binance.common.symbol import BinanceSymbol
from nautilus_trader.adapters.binance.config import BinanceDataClientConfig
from nautilus_trader.adapters.binance.config import BinanceExecClientConfig
from nautilus_trader.adapters.binance.config import BinanceInstrumentProviderConfig
from nautilus_trader.config import LiveExecEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.config import TradingNodeConfig
from nautilus_trader.model.identifiers import TraderId

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.catalog.layout import VENUE
from liq_nautilus.nautilus.catalog.layout import bar_type_of
from liq_nautilus.nautilus.config import LiquidationStrategyConfig
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.live.data_client import CLIENT_ID
from liq_nautilus.nautilus.live.live_config import LiquidationDataClientConfig
from liq_nautilus.nautilus.live.live_config import LiveLiquidationActorConfig
from liq_nautilus.nautilus.live.paper import PaperExecutionClientConfig
from liq_nautilus.nautilus.live.telling.alert_rules import AlertsConfig

if TYPE_CHECKING:
    from nautilus_trader.model.data import BarType

    from liq_nautilus.nautilus.live.live_options import LiveOptions

CURRENCY: Final = "USDT"
# What is still on its way when components have stopped, such as the fill of a closing order, comes
# within it.
_POST_STOP_SECS: Final = 1.0


def node_config(
    options: LiveOptions, bar_types: list[BarType], *, is_live: bool
) -> TradingNodeConfig:
    """Return the configuration of a node on paper, or at Binance."""
    return TradingNodeConfig(
        trader_id=TraderId("LIQNAUTILUS-001" if is_live else "PAPER-001"),
        logging=LoggingConfig(log_level=options.log_level),
        exec_engine=LiveExecEngineConfig(reconciliation=is_live),
        data_clients={
            VENUE: _binance_config(options),
            CLIENT_ID: client_config(options, bar_types),
        },
        exec_clients={VENUE: _live_config(options) if is_live else _paper_config(options)},
        timeout_connection=30.0,
        timeout_disconnection=5.0,
        timeout_post_stop=_POST_STOP_SECS,
    )


def _binance_config(options: LiveOptions) -> BinanceDataClientConfig:
    return BinanceDataClientConfig(
        account_type=BinanceAccountType.USDT_FUTURES,
        base_url_http=options.endpoints.http,
        base_url_ws=options.endpoints.websocket,
        instrument_provider=_provider_config(options),
    )


def _provider_config(options: LiveOptions) -> BinanceInstrumentProviderConfig:
    ids = frozenset(instrument_id(symbol) for symbol in options.symbols)
    return BinanceInstrumentProviderConfig(load_ids=ids)


def client_config(options: LiveOptions, bar_types: list[BarType]) -> LiquidationDataClientConfig:
    """Return the configuration of our data client, which sees to it that bars come."""
    return LiquidationDataClientConfig(
        base_url_http=options.endpoints.http,
        base_url_ws=options.endpoints.websocket,
        base_url_bybit=options.endpoints.bybit,
        base_url_okx_http=options.endpoints.okx_http,
        base_url_okx_ws=options.endpoints.okx,
        open_interest_secs=options.open_interest_secs,
        guarded_bars=bar_types,
    )


def _paper_config(options: LiveOptions) -> PaperExecutionClientConfig:
    return PaperExecutionClientConfig(
        venue=VENUE,
        base_currency=CURRENCY,
        starting_balances=[f"{options.balance:.8f} {CURRENCY}"],
        default_leverage=Decimal(options.leverage),
        settlement=parsed(SettlementConfig, options.settlement, "settlement"),
    )


def _live_config(options: LiveOptions) -> BinanceExecClientConfig:
    return BinanceExecClientConfig(
        account_type=BinanceAccountType.USDT_FUTURES,
        base_url_http=options.endpoints.http,
        instrument_provider=_provider_config(options),
        futures_leverages={BinanceSymbol(name): options.leverage for name in options.symbols},
    )


def check_settings(options: LiveOptions) -> None:
    """Raise `SettingError` where the settings of a component are wrong, before one is made."""
    symbol = options.symbols[0]
    known = {
        "instrument_id": str(instrument_id(symbol)),
        "bar_type": bar_type_of(symbol, options.bar),
    }
    parsed(LiveLiquidationActorConfig, {**known, **options.actor}, "actor")
    # A period that is not given follows from the bar, whatever the other one is.
    periods = {"fast_period": 1, "slow_period": 1_000_000}
    parsed(LiquidationStrategyConfig, {**known, **periods, **options.strategy}, "strategy")
    parsed(SettlementConfig, options.settlement, "settlement")
    if options.alerts is not None:
        parsed(AlertsConfig, options.alerts, "alerts")


def parsed(config_cls: Any, values: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - a class
    """Return settings as a configuration; raise `SettingError` where they are wrong."""
    try:
        return config_cls.parse(msgspec.json.encode(values))
    except (msgspec.ValidationError, TypeError, ValueError) as e:
        msg = f"the {name}'s settings must be those of {config_cls.__name__}: {e}"
        raise SettingError(msg) from e
