"""The interface of all liquidation models and what the exposure-based ones share."""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.exchange.margin import liquidation_ratio
from liq_nautilus.core.exposure import Exposure
from liq_nautilus.core.levels import bucket_levels
from liq_nautilus.core.levels import shown_bucket_size
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

if TYPE_CHECKING:
    import pandas as pd

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

    type LevelArrays = tuple[FloatArray, FloatArray, SideArray, FloatArray]

_COLUMNS = ("timestamp", "price", "oi_volume", "leverage")


class AbstractLiquidationModel(ABC):
    """A way to estimate at which prices open positions will be liquidated."""

    def __init__(self) -> None:
        self._data_quality = 1.0

    @property
    @abstractmethod
    def model_name(self) -> str:
        """The name by which the model is asked for."""

    @property
    @abstractmethod
    def base_confidence(self) -> float:
        """The confidence with complete, fresh data, in [0, 1]."""

    def confidence_score(self) -> float:
        """Return the confidence: the model's constant scaled by the data's quality, in [0, 1]."""
        return self.base_confidence * self._data_quality

    def set_data_quality(self, quality: float) -> None:
        """Say how complete and fresh the data is, in [0, 1]."""
        self._data_quality = quality

    def calculate_liquidations(
        self, open_interest: pd.DataFrame, current_price: float
    ) -> pd.DataFrame:
        """
        Estimate liquidation levels from a table of opened positions.

        Parameters
        ----------
        open_interest : DataFrame
            Columns ``timestamp``, ``price`` (where it was opened), ``oi_volume`` (notional opened,
            quote) and ``leverage`` (NaN: the model's mix). Each row is one long and one
            short. Later prices, and the current one, consume earlier rows.
        current_price : float
            Quote per base unit, > 0.

        Returns
        -------
        DataFrame
            Columns ``price_level``, ``volume`` (quote), ``side`` ("long" or "short"), ``leverage``,
            ``confidence``; longs below the current price, shorts above.

        Raises
        ------
        ValueError
            If a column is missing or the price is not positive.

        """
        import pandas as pd

        missing = [column for column in _COLUMNS if column not in open_interest.columns]
        if missing:
            msg = f"open_interest must have the columns {_COLUMNS}, lacked {missing}"
            raise ValueError(msg)
        if not current_price > 0:
            msg = f"current_price must be above 0, was {current_price}"
            raise ValueError(msg)
        ordered = open_interest.sort_values("timestamp", kind="stable")
        price, notional, side, leverage = self._table_levels(ordered, current_price)
        return pd.DataFrame(
            {
                "price_level": price,
                "volume": notional,
                "side": np.where(side == LONG, "long", "short"),
                "leverage": leverage,
                "confidence": np.full(price.size, self.confidence_score()),
            }
        )

    @abstractmethod
    def _table_levels(self, rows: pd.DataFrame, current_price: float) -> LevelArrays:
        """Return price, notional, side and leverage of the levels of an ordered table."""


class ExposureModel(AbstractLiquidationModel):
    """
    A model that keeps an `Exposure` up to date.

    Parameters
    ----------
    parameters : TrackerParameters, optional
        What is assumed.
    brackets : BracketTable, optional
        The symbol's brackets; BTCUSDT's newest by default.

    Attributes
    ----------
    exposure : Exposure
        The open positions, at weight 1 per tier.
    leverages : ndarray of shape (n_tiers,)
        The tiers.
    weights : ndarray of shape (2, n_tiers)
        The tiers' shares of open interest, longs then shorts.
    liquidated : ndarray of shape (2, n_tiers)
        What is expected to be liquidated where a path crosses a tier, as a share of what it would
        hold if all open interest were at its leverage.
    turnover_multiple : ndarray of shape (n_tiers,)
        The turnover of each tier relative to 25x.
    trades : bool
        Whether open interest and traded volume move its positions.

    """

    trades = True

    def __init__(
        self, parameters: TrackerParameters | None = None, brackets: BracketTable | None = None
    ) -> None:
        super().__init__()
        self.parameters = TrackerParameters() if parameters is None else parameters
        self.brackets = BracketTable.built_in("BTCUSDT") if brackets is None else brackets
        self.leverages = self._tiers()
        self.weights = self._tier_weights()
        self.liquidated = self._liquidated()
        self.ratio = self._ratios()
        self.exposure = Exposure(
            self.ratio,
            self._maintenance_rates(),
            self.parameters.grid_bps * 1e-4,
            self.parameters.n_buckets,
        )
        self.turnover_multiple = (
            self.leverages / 25.0
        ) ** self.parameters.turnover_leverage_exponent

    @property
    def held(self) -> float:
        """The base quantity of all positions, longs and shorts."""
        return float((self.exposure.held * self.weights).sum())

    @property
    def is_swept(self) -> bool:
        """Whether paths remove what they cross."""
        return True

    @property
    def hides_beyond(self) -> bool:
        """Whether levels beyond the last price are hidden until the price comes back."""
        return False

    @property
    def has_map(self) -> bool:
        """Whether there is anything to show."""
        return not self.exposure.is_empty

    def set_brackets(self, table: BracketTable) -> None:
        """Let other brackets apply from now on, to what is open too."""
        self.brackets = table
        self.ratio = self._ratios()
        self.exposure.set_ratio(self.ratio, self._maintenance_rates())

    def open_prior(self, contracts: float) -> None:
        """Open what was open (base quantity) before the first open interest was seen."""
        self.exposure.open_prior(contracts, self.parameters.prior_spread)

    def on_funding(self, rate: float) -> None:
        """Take in a settled funding rate (fraction)."""

    def on_large_trades(self, prices: FloatArray, amounts: FloatArray) -> None:
        """
        Take in trades.

        Parameters
        ----------
        prices : ndarray of shape (n,)
            Quote per base unit.
        amounts : ndarray of shape (2, n)
            Base quantity opened long and short.

        """

    def densities(self, weights: FloatArray, first: int, n_out: int) -> FloatArray:
        """Return the base quantity per native bucket; see `Exposure.densities`."""
        return self.exposure.densities(weights, first, n_out)

    def notional_by_tier(
        self, side: int, price_low: float, price_high: float, unit_price: float = 0.0
    ) -> FloatArray:
        """Return each tier's notional at weight 1; see `Exposure.notional_by_tier`."""
        index = 0 if side == LONG else 1
        return self.exposure.notional_by_tier(index, price_low, price_high, unit_price)

    def notional_to(
        self, shares: FloatArray, log_prices: FloatArray, unit_price: float = 0.0
    ) -> FloatArray:
        """Return each side's notional from one price to others; see `Exposure.notional_to`."""
        return self.exposure.notional_to(shares, log_prices, unit_price)

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return self.exposure.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.exposure.restore(state)

    def _tiers(self) -> FloatArray:
        return np.array(self.parameters.leverages, dtype=np.float64)

    def _maintenance_rates(self) -> FloatArray:
        rate, _ = self.brackets.maintenance(np.array([self.parameters.position_notional]))
        return np.full(self.leverages.size, rate[0])

    def _tier_weights(self) -> FloatArray:
        weights = np.array(
            [self.parameters.leverage_weights_long, self.parameters.leverage_weights_short],
            dtype=np.float64,
        )
        normalised: FloatArray = weights / weights.sum(axis=1, keepdims=True)
        return normalised

    def _liquidated(self) -> FloatArray:
        p = self.parameters
        return np.array([p.liquidated_shares_long, p.liquidated_shares_short], dtype=np.float64)

    def _ratios(self) -> FloatArray:
        p = self.parameters
        return np.stack(
            [
                liquidation_ratio(
                    self.leverages, side, p.position_notional, self.brackets, p.formula
                )
                for side in (LONG, SHORT)
            ]
        )

    def _later_prices(self, price: FloatArray, current_price: float) -> FloatArray:
        # What follows each row of a table: the next row's price, at last the current one.
        return np.append(price[1:], current_price)

    def _row_drift(self, rows: pd.DataFrame) -> FloatArray:
        # By how much (log) funding has moved the liquidation prices of a table's rows, shape
        # (n_rows, 2, n_tiers); not at all here.
        return np.zeros((len(rows), *self.ratio.shape))

    def _table_levels(self, rows: pd.DataFrame, current_price: float) -> LevelArrays:
        price = rows["price"].to_numpy(np.float64)
        volume = rows["oi_volume"].to_numpy(np.float64)
        leverage = rows["leverage"].to_numpy(np.float64)
        drift = np.exp(self._row_drift(rows))
        # The lowest and highest price from each row on, the current one included.
        path = self._later_prices(price, current_price)
        lowest = np.minimum.accumulate(path[::-1])[::-1]
        highest = np.maximum.accumulate(path[::-1])[::-1]
        parts: list[LevelArrays] = []
        for index, side in enumerate((LONG, SHORT)):
            for tier, tier_leverage in enumerate(self.leverages):
                share = np.where(np.isnan(leverage), self.weights[index, tier], 0.0)
                nearest = np.abs(self.leverages - leverage[:, None]).argmin(axis=1)
                share = np.where(~np.isnan(leverage) & (nearest == tier), 1.0, share)
                level = price * self.ratio[index, tier] * drift[:, index, tier]
                alive = level < lowest if side == LONG else level > highest
                notional = np.where(alive, volume * share, 0.0)
                parts.append(
                    (
                        level,
                        notional,
                        np.full(level.size, side, dtype=np.int8),
                        np.full(level.size, tier_leverage),
                    )
                )
        joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
        size = self.parameters.bucket_size or shown_bucket_size(self.brackets.symbol, current_price)
        return bucket_levels(joined[0], joined[1], joined[2], joined[3], size, by_leverage=True)
