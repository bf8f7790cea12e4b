"""Backtest runs as a BacktestRunConfig."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import msgspec
from nautilus_trader.config import BacktestDataConfig
from nautilus_trader.config import BacktestEngineConfig
from nautilus_trader.config import BacktestRunConfig
from nautilus_trader.config import BacktestVenueConfig
from nautilus_trader.config import ImportableActorConfig
from nautilus_trader.config import ImportableStrategyConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.data import Bar

from liq_nautilus.core.advising.signals import RULES
from liq_nautilus.data.kinds.bars import MARK_BARS
from liq_nautilus.data.kinds.depth import DEPTH
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_ORDERS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.data.kinds.trades import TRADES
from liq_nautilus.errors import SettingError
from liq_nautilus.json_files import read_json
from liq_nautilus.nautilus.backtest.venue.execution_models import execution_models
from liq_nautilus.nautilus.catalog.layout import VENUE
from liq_nautilus.nautilus.catalog.layout import bar_type_of
from liq_nautilus.nautilus.config import LiquidationActorConfig
from liq_nautilus.nautilus.config import LiquidationStrategyConfig
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from liq_nautilus.nautilus.backtest.scope import Scope


_CLIENT: Final = "CATALOG"
_HOURS: Final = {"fast_period": 4.0, "slow_period": 16.0, "range_period": 8.0, "patience": 4.0}
_MONTH_NS: Final = 30 * DAY_NS


def run_config(
    scope: Scope,
    *,
    use_signals: bool,
    store_path: str | None = None,
    replay_paths: Mapping[str, str] | None = None,
) -> BacktestRunConfig:
    """
    Return the configuration of one run; its JSON can be kept and run again.

    Parameters
    ----------
    scope : Scope
        What it runs on.
    use_signals : bool
        Whether the strategy consults signals.
    store_path : str, optional
        Where the actor keeps what it publishes. Without it and without `replay_paths` no actor
        runs.
    replay_paths : mapping of str to str, optional
        Per symbol the table whose signals take the place of the actor's.

    """
    actors = []
    for symbol in scope.symbols:
        if replay_paths is not None:
            actors.append(_replay(symbol, replay_paths[symbol]))
        elif store_path is not None:
            actors.append(_actor(scope, symbol, store_path))
    return BacktestRunConfig(
        venues=[_venue(scope)],
        data=[data for symbol in scope.symbols for data in _data(scope, symbol)],
        engine=BacktestEngineConfig(
            actors=actors,
            strategies=[
                _strategy(scope, symbol, index, use_signals=use_signals)
                for index, symbol in enumerate(scope.symbols)
            ],
            logging=LoggingConfig(bypass_logging=True),
            run_analysis=False,
        ),
        start=scope.data_start_ns,
        end=scope.end_ns - 1,
        raise_exception=True,
        dispose_on_completion=False,
    )


def _venue(scope: Scope) -> BacktestVenueConfig:
    options = scope.options
    settlement = dict(options.settlement)
    if options.brackets is not None:
        settlement.setdefault("brackets_path", str(options.brackets))
    _parse(SettlementConfig, settlement, "settlement")
    return BacktestVenueConfig(
        name=VENUE,
        oms_type="NETTING",
        account_type="MARGIN",
        base_currency=scope.currency,
        starting_balances=[f"{scope.starting_balance:.8f} {scope.currency}"],
        default_leverage=options.leverage,
        modules=[
            ImportableActorConfig(
                actor_path="liq_nautilus.nautilus:Settlement",
                config_path="liq_nautilus.nautilus:SettlementConfig",
                config=settlement,
            )
        ],
        **execution_models(options),
    )


def _data(scope: Scope, symbol: str) -> list[BacktestDataConfig]:
    identifier = instrument_id(symbol)
    configs = []
    for source in scope.sources[symbol]:
        if source.stored is DEPTH and scope.options.fill_model is not None:
            continue
        data_cls = source.data_cls
        values: dict[str, Any] = {"instrument_id": identifier}
        if source.interval is not None:
            values["filter_expr"] = f'field("interval") == "{source.interval}"'
        if data_cls is Bar:
            values = {"bar_types": [bar_type_of(symbol, scope.bar)]}
        elif source.stored.is_own:
            values |= {"client_id": _CLIENT, "metadata": {"instrument_id": str(identifier)}}
        configs.append(
            BacktestDataConfig(
                catalog_path=str(scope.options.catalog),
                data_cls=f"{data_cls.__module__}:{data_cls.__qualname__}",
                **values,
            )
        )
    return configs


def _actor(scope: Scope, symbol: str, store_path: str) -> ImportableActorConfig:
    options = scope.options
    fed = {source.stored for source in scope.sources[symbol]}
    liquidations = "none"
    if LIQUIDATION_SUMS in fed:
        liquidations = "volume"
    elif LIQUIDATION_ORDERS in fed:
        liquidations = "orders"
    config: dict[str, Any] = {
        "component_id": f"LiquidationActor-{symbol}",
        "instrument_id": str(instrument_id(symbol)),
        "bar_type": bar_type_of(symbol, scope.bar),
        "mark_prices": "bars" if MARK_BARS in fed else "none",
        "use_trades": TRADES in fed,
        "liquidations": liquidations,
        "publish_from_ns": scope.start_ns,
        "store_path": store_path,
        "store_interval_secs": options.store_interval_secs,
    }
    if options.params is not None:
        config["parameters_path"] = str(options.params)
    if options.brackets is not None:
        config["brackets_path"] = str(options.brackets)
    config |= options.actor
    if RULES[options.rules]:
        config |= _ruled(config, RULES[options.rules])
    _parse(LiquidationActorConfig, config, "actor")
    return ImportableActorConfig(
        actor_path="liq_nautilus.nautilus:LiquidationActor",
        config_path="liq_nautilus.nautilus:LiquidationActorConfig",
        config=config,
    )


def _ruled(config: Mapping[str, Any], rules: Mapping[str, float | str]) -> dict[str, Any]:
    # The map's parameters with those of a set of rules, in place of a file of them.
    given = config.get("parameters") or {}
    path = config.get("parameters_path")
    if path is not None:
        given = read_json(Path(path), "parameters_path")["parameters"]
    return {"parameters": {**given, **rules}, "parameters_path": None}


def _replay(symbol: str, path: str) -> ImportableActorConfig:
    return ImportableActorConfig(
        actor_path="liq_nautilus.nautilus.backtest.rival_signals:LiquidationReplay",
        config_path="liq_nautilus.nautilus.config:LiquidationReplayConfig",
        config={
            "component_id": f"LiquidationReplay-{symbol}",
            "instrument_id": str(instrument_id(symbol)),
            "table_path": path,
        },
    )


def _strategy(
    scope: Scope, symbol: str, index: int, *, use_signals: bool
) -> ImportableStrategyConfig:
    length_ns = interval_ns(scope.bar) or _MONTH_NS
    periods = {name: max(round(hours * HOUR_NS / length_ns), 1) for name, hours in _HOURS.items()}
    periods["slow_period"] = max(periods["slow_period"], periods["fast_period"] + 1)
    config: dict[str, Any] = {
        "order_id_tag": f"{index + 1:03d}",
        "instrument_id": str(instrument_id(symbol)),
        "bar_type": bar_type_of(symbol, scope.bar),
        "trade_from_ns": scope.start_ns,
        # The rules as they were first asked for act on reversals.
        "trade_reversals": scope.options.rules == "simple",
        **periods,
        **scope.options.strategy,
        "use_signals": use_signals,
    }
    _parse(LiquidationStrategyConfig, config, "strategy")
    return ImportableStrategyConfig(
        strategy_path="liq_nautilus.nautilus:LiquidationStrategy",
        config_path="liq_nautilus.nautilus:LiquidationStrategyConfig",
        config=config,
    )


def _parse(config_cls: Any, values: Mapping[str, Any], name: str) -> None:  # noqa: ANN401 - a class
    # A wrong setting is told before anything runs.
    try:
        config_cls.parse(msgspec.json.encode(values))
    except (msgspec.ValidationError, TypeError, ValueError) as e:
        msg = f"the {name}'s settings must be those of {config_cls.__name__}: {e}"
        raise SettingError(msg) from e
