"""Fill, fee and latency models of a backtest's venue, from its options."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from nautilus_trader.backtest.config import ImportableFeeModelConfig
from nautilus_trader.backtest.config import ImportableFillModelConfig
from nautilus_trader.backtest.config import ImportableLatencyModelConfig

from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions

_MILLISECOND_NS: Final = 1_000_000
_PATHS: Final = ("path", "config_path")
_SLIPPAGE: Final = {
    "path": "liq_nautilus.nautilus.backtest.venue.fill_model:SlippageFillModel",
    "config_path": "liq_nautilus.nautilus.backtest.venue.fill_model:SlippageFillModelConfig",
    "config": {},
}


def execution_models(options: BacktestOptions) -> dict[str, Any]:
    """
    Return the models of a venue as its configuration's fields.

    Parameters
    ----------
    options : BacktestOptions
        With `fill_model`, `fee_model` and `latency_ms`.

    Raises
    ------
    SettingError
        If a model lacks a path, or a fill model its seed.

    """
    models: dict[str, Any] = {}
    fill = _SLIPPAGE if options.fill_model is None else options.fill_model
    if set(fill) == {"config"}:
        fill = _SLIPPAGE | fill
    if fill:
        path, config_path, config = _parts(fill, "fill_model")
        # Without one Nautilus seeds Python's own generator anew, and no run is like another.
        if path != _SLIPPAGE["path"] and config.get("random_seed") is None:
            msg = "fill_model.config must have a random_seed, had none; add a whole number"
            raise SettingError(msg)
        models["fill_model"] = ImportableFillModelConfig(
            fill_model_path=path, config_path=config_path, config=config
        )
    if options.fee_model:
        path, config_path, config = _parts(options.fee_model, "fee_model")
        models["fee_model"] = ImportableFeeModelConfig(
            fee_model_path=path, config_path=config_path, config=config
        )
    if options.latency_ms > 0.0:
        models["latency_model"] = ImportableLatencyModelConfig(
            latency_model_path="nautilus_trader.backtest.models:LatencyModel",
            config_path="nautilus_trader.backtest.config:LatencyModelConfig",
            config={"base_latency_nanos": round(options.latency_ms * _MILLISECOND_NS)},
        )
    return models


def _parts(model: dict[str, Any], name: str) -> tuple[str, str, dict[str, Any]]:
    absent = [key for key in _PATHS if not isinstance(model.get(key), str)]
    if absent:
        msg = f"{name} must name its {' and '.join(absent)}, such as module:Class; add it"
        raise SettingError(msg)
    return model["path"], model["config_path"], dict(model.get("config") or {})
