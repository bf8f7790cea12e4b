"""What a backtest is asked for: options of the command line and of its JSON file."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.core.advising.signals import RULES
from liq_nautilus.core.feed import WARM_UP_DAYS
from liq_nautilus.errors import SettingError
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from pathlib import Path

_LONG_DAYS: Final = 31


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """
    What a paired backtest is asked for.

    Attributes
    ----------
    catalog : Path
        The Parquet catalog that is read.
    out : Path
        The folder that receives everything.
    symbols : tuple of str
        What is traded; empty: the only symbol of the catalog.
    start_ns, end_ns : int or None
        The window (UTC nanoseconds, end exclusive); None: what the catalog has.
    bar : str or None
        The interval of the bars, such as "5m"; None: the finest that covers the window.
    params : Path or None
        A file of `liq-nautilus calibrate`.
    rules : str
        By which signals are decided: a name of `liq_nautilus.core.advising.signals.RULES`.
    brackets : Path or None
        A saved answer of Binance's `leverageBracket`, for the map and for liquidations.
    fill_model, fee_model : dict or None
        `path`, `config_path` and `config` of one of Nautilus's models, or of a subclass; without a
        fill model market orders slip as `SlippageFillModel` says, with `config` alone by those
        settings of it, and `{}` leaves them at the best price.
    latency_ms : float
        How long an order is on its way to the venue (milliseconds, >= 0).
    actor, strategy, settlement : dict
        Fields of the config classes that differ from the default. Without fields of its own the
        strategy's averages span 4 and 16 hours, whatever the bar.
    starting_balance : float
        Quote.
    leverage : float
        The account's leverage on every instrument: an isolated margin is the notional over it.
    warm_up_days : float
        How much data before the window moves the map and the averages, without trading (days).
    random_runs : int or None
        How many runs with the same signals at random moments; None: 20 up to a month, else 3.
    slippage_pair : bool
        Whether the pair is run without slippage too, which takes two more runs.
    store_interval_secs : float or None
        Levels are kept at most this often; None: all up to a month, else hourly.

    """

    catalog: Path
    out: Path
    symbols: tuple[str, ...] = ()
    start_ns: int | None = None
    end_ns: int | None = None
    bar: str | None = None
    params: Path | None = None
    rules: str = "default"
    brackets: Path | None = None
    fill_model: dict[str, Any] | None = None
    fee_model: dict[str, Any] | None = None
    latency_ms: float = 0.0
    actor: dict[str, Any] = field(default_factory=dict)
    strategy: dict[str, Any] = field(default_factory=dict)
    settlement: dict[str, Any] = field(default_factory=dict)
    starting_balance: float = 100_000.0
    leverage: float = 10.0
    warm_up_days: float = WARM_UP_DAYS
    random_runs: int | None = None
    slippage_pair: bool = True
    store_interval_secs: float | None = None

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.start_ns is not None and self.end_ns is not None and self.end_ns <= self.start_ns:
            msg = "the end must come after the start; give a later end"
            raise SettingError(msg)
        for name in ("starting_balance", "leverage"):
            if not getattr(self, name) > 0:
                msg = f"{name} must be above 0, was {getattr(self, name)}"
                raise SettingError(msg)
        if self.rules not in RULES:
            msg = f"rules must be one of {', '.join(RULES)}, was {self.rules!r}"
            raise SettingError(msg)
        for name in ("warm_up_days", "random_runs", "store_interval_secs", "latency_ms"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                msg = f"{name} must be at least 0, was {value}"
                raise SettingError(msg)

    def for_window(self, start_ns: int, end_ns: int) -> BacktestOptions:
        """Return the options with window and the defaults that depend on it filled in."""
        is_long = end_ns - start_ns > _LONG_DAYS * DAY_NS
        runs, interval = self.random_runs, self.store_interval_secs
        return replace(
            self,
            start_ns=start_ns,
            end_ns=end_ns,
            random_runs=(3 if is_long else 20) if runs is None else runs,
            store_interval_secs=(3_600.0 if is_long else 0.0) if interval is None else interval,
        )


PASSED_ON: Final = (
    "rules",
    "fill_model",
    "fee_model",
    "latency_ms",
    "actor",
    "strategy",
    "settlement",
    "starting_balance",
    "leverage",
    "warm_up_days",
    "random_runs",
    "slippage_pair",
    "store_interval_secs",
)


def options_from_document(document: object, **given: Any) -> BacktestOptions:  # noqa: ANN401 - settings of any kind
    """
    Return options from a JSON document, and what was given beside it, which wins.

    Parameters
    ----------
    document : object
        The parsed JSON: an object with keys of `PASSED_ON` (others are the caller's to read).
    **given
        Fields of `BacktestOptions`.

    Raises
    ------
    SettingError
        If the document is no object, or a value is of the wrong kind.

    """
    if not isinstance(document, dict):
        msg = f"the configuration must be a JSON object, was {type(document).__name__}"
        raise SettingError(msg)
    values = {key: document[key] for key in PASSED_ON if key in document}
    for key in ("actor", "strategy", "settlement", "fill_model", "fee_model"):
        if not isinstance(values.get(key) or {}, dict):
            msg = f"{key} must be a JSON object of settings, was {values[key]!r}"
            raise SettingError(msg)
    try:
        return BacktestOptions(**{**values, **given})
    except TypeError as e:
        msg = f"the configuration's numbers must be numbers ({e})"
        raise SettingError(msg) from e
