"""A market of which every snapshot is known, and files that label its snapshots either way."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liq_nautilus.core.exchange.contracts import contract_value

START_NS = 1_767_225_600_000_000_000  # 2026-01-01
STEP_NS = 300_000_000_000
DAY_NS = 86_400_000_000_000
STEPS_A_DAY = 288
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    "count_long_short_ratio,sum_taker_long_short_vol_ratio"
)


@dataclass(frozen=True)
class KnownMarket:
    """
    Prices and open interest at every fifth minute.

    `basis` is by how much the price that values open interest differs from the last price.
    """

    symbol: str = "BTCUSDT"
    seed: int = 1
    n_days: int = 5
    volatility: float = 0.0008
    basis: float = 0.0

    @property
    def prices(self) -> np.ndarray:
        dice = np.random.default_rng(self.seed)
        steps = dice.normal(0.0, self.volatility, self.n_days * STEPS_A_DAY + 1)
        return np.round(3_000.0 * np.exp(np.cumsum(steps)), 1)

    @property
    def quantities(self) -> np.ndarray:
        dice = np.random.default_rng(self.seed + 1)
        return np.round(80_000.0 + np.cumsum(dice.normal(0.0, 60.0, len(self.prices))), 3)

    @property
    def moments(self) -> np.ndarray:
        return START_NS + STEP_NS * np.arange(len(self.prices))

    def write_bars(self, folder: Path, steps: int = 1) -> None:
        """Write bars of so many five minutes each."""
        name = {1: "5m", 3: "15m", 12: "1h"}[steps]
        rows = [KLINES]
        prices = self.prices
        for first in range(0, len(prices) - 1, steps):
            path = prices[first : first + steps + 1]
            opened = self.moments[first] // 1_000_000
            closed = opened + steps * STEP_NS // 1_000_000 - 1
            ohlc = (path[0], path.max(), path.min(), path[-1])
            texts = ",".join(f"{price:.2f}" for price in ohlc)
            rows.append(f"{opened},{texts},10,{closed},1000,5,5,500,0")
        write(folder / "klines" / f"{self.symbol}-{name}-2026-01.csv", rows)

    def write_snapshots(
        self, folder: Path, day: int, *, lead: int, first: int = 0, n: int = STEPS_A_DAY
    ) -> Path:
        """Write the labels of a day, each that of the snapshot `lead` steps later."""
        rows = [METRICS]
        value = contract_value(self.symbol)
        for label in range(day * STEPS_A_DAY + first, day * STEPS_A_DAY + first + n):
            if label + lead >= len(self.moments):
                break
            quantity = self.quantities[label + lead]
            price = self.prices[label + lead] * (1.0 + self.basis)
            worth = quantity * price if value is None else quantity * value / price
            when = np.datetime_as_string(np.datetime64(int(self.moments[label]), "ns"), unit="s")
            stamp = str(when).replace("T", " ")
            rows.append(f"{stamp},{self.symbol},{quantity:.3f},{worth:.8f},1.1,1.2,1.3,0.9")
        return write(folder / f"{self.symbol}-metrics-2026-01-{day + 1:02}.csv", rows)


def write(path: Path, rows: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*rows, ""]))
    return path
