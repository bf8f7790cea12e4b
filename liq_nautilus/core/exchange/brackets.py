"""Binance's notional brackets: how much margin a position must keep, by its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.exchange.built_in_brackets import DEFAULT_DATE
from liq_nautilus.core.exchange.built_in_brackets import built_in_versions
from liq_nautilus.times import iso_day

if TYPE_CHECKING:
    from liq_nautilus.core.exchange.built_in_brackets import Rows
    from liq_nautilus.core.records import FloatArray


@dataclass(frozen=True, slots=True)
class Bracket:
    """
    One row of a notional bracket table.

    Attributes
    ----------
    notional_floor, notional_cap : float
        The bracket holds notionals in ``[floor, cap)`` (quote currency).
    max_leverage : float
        The highest leverage a position of this size may have.
    maintenance_margin_rate : float
        A fraction of the notional.
    maintenance_amount : float
        What is taken off (quote currency), so that the margin is continuous in the notional.

    """

    notional_floor: float
    notional_cap: float
    max_leverage: float
    maintenance_margin_rate: float
    maintenance_amount: float


@dataclass(frozen=True, slots=True)
class BracketTable:
    """
    The brackets of one symbol from a date on.

    Attributes
    ----------
    symbol : str
        Such as ``BTCUSDT``.
    valid_from : str
        The ISO date from which the table is known to hold.
    brackets : tuple of Bracket
        By rising notional, without holes.

    Raises
    ------
    ValueError
        If there is no bracket, or they do not follow each other from 0.

    """

    symbol: str
    valid_from: str
    brackets: tuple[Bracket, ...]

    def __post_init__(self) -> None:
        """Check that the brackets follow each other from 0."""
        floors = [bracket.notional_floor for bracket in self.brackets]
        caps = [0.0, *(bracket.notional_cap for bracket in self.brackets)]
        if not self.brackets or floors != caps[:-1]:
            msg = f"brackets of {self.symbol} must follow each other from 0, floors were {floors}"
            raise ValueError(msg)

    @classmethod
    def from_rows(cls, symbol: str, valid_from: str, rows: Rows) -> BracketTable:
        """
        Return a table from (maximum leverage, notional cap, maintenance rate) by rising cap.

        The amounts follow: ``amount_n = floor_n * (rate_n - rate_{n-1}) + amount_{n-1}``.
        """
        brackets: list[Bracket] = []
        floor = rate = amount = 0.0
        for max_leverage, cap, next_rate in rows:
            amount = floor * (next_rate - rate) + amount
            rate = next_rate
            brackets.append(Bracket(floor, cap, max_leverage, rate, amount))
            floor = cap
        return cls(symbol, valid_from, tuple(brackets))

    @classmethod
    def built_in(cls, symbol: str, ts_ns: int | None = None) -> BracketTable:
        """
        Return the built-in table of a symbol, the one in force at a time.

        Parameters
        ----------
        symbol : str
            A symbol in USDC or BUSD has the table of the same coin in USDT; one without any table
            gets a default that asks for more margin than every built-in table.
        ts_ns : int, optional
            UTC nanoseconds; by default the newest table. Before the first table, the first.

        """
        versions = built_in_versions(symbol)
        chosen = versions[-1] if ts_ns is None else versions[0]
        if ts_ns is not None:
            day = iso_day(ts_ns)
            for version in versions:
                if version[0] <= day:
                    chosen = version
        return cls.from_rows(symbol, *chosen)

    @classmethod
    def from_binance(cls, document: Any, symbol: str, valid_from: str = "") -> BracketTable:  # noqa: ANN401 - parsed JSON
        """
        Return a symbol's table from Binance's `leverageBracket` response.

        Parameters
        ----------
        document : list of dict
            The parsed response (one symbol's object is taken too).
        symbol : str
            The symbol to look for.
        valid_from : str, optional
            The date of the response.

        Raises
        ------
        ValueError
            If the symbol is not in it, or its rows lack a field.

        """
        entries = document if isinstance(document, list) else [document]
        rows = next((entry["brackets"] for entry in entries if entry.get("symbol") == symbol), None)
        if rows is None:
            found = ", ".join(str(entry.get("symbol")) for entry in entries)
            msg = f"the leverageBracket response must hold {symbol}, found {found}"
            raise ValueError(msg)
        try:
            brackets = sorted(
                (
                    Bracket(
                        # COIN-M rows say so in coins, under other names.
                        float(row["qtyFloor"] if "qtyFloor" in row else row["notionalFloor"]),
                        float(row["qtyCap"] if "qtyCap" in row else row["notionalCap"]),
                        float(row["initialLeverage"]),
                        float(row["maintMarginRatio"]),
                        float(row["cum"]),
                    )
                    for row in rows
                ),
                key=lambda bracket: bracket.notional_floor,
            )
        except KeyError as e:
            msg = f"a bracket of {symbol} must have {e}, found {sorted(rows[0])}"
            raise ValueError(msg) from e
        return cls(symbol, valid_from, tuple(brackets))

    def state(self) -> dict[str, Any]:
        """Return the table as plain values, for `from_state`."""
        rows = [[getattr(one, name) for name in Bracket.__slots__] for one in self.brackets]
        return {"symbol": self.symbol, "valid_from": self.valid_from, "rows": rows}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> BracketTable:
        """Return the table that `state` was taken of."""
        rows = tuple(Bracket(*row) for row in state["rows"])
        return cls(state["symbol"], state["valid_from"], rows)

    @property
    def description(self) -> str:
        """Say which table it is, for people."""
        if self.valid_from == DEFAULT_DATE:
            return f"{self.symbol}: no table known, a conservative default"
        return (
            f"{self.symbol} from {self.valid_from}" if self.valid_from else f"{self.symbol}: given"
        )

    def largest_notional(self, leverage: float) -> float:
        """Return the notional up to which a leverage is allowed (0.0: at no size)."""
        caps = [b.notional_cap for b in self.brackets if b.max_leverage >= leverage]
        return max(caps, default=0.0)

    def maintenance(self, notional: FloatArray) -> tuple[FloatArray, FloatArray]:
        """
        Return the maintenance margin rate and amount of each notional.

        Parameters
        ----------
        notional : ndarray of shape (n,)
            Quote currency, >= 0; above the last cap the last bracket holds.

        Returns
        -------
        tuple of ndarray of shape (n,)
            Rate (fraction) and amount (quote currency).

        """
        caps = np.array([bracket.notional_cap for bracket in self.brackets[:-1]])
        index = np.searchsorted(caps, notional, side="right")
        rates = np.array([bracket.maintenance_margin_rate for bracket in self.brackets])
        amounts = np.array([bracket.maintenance_amount for bracket in self.brackets])
        return rates[index], amounts[index]

    def maintenance_margin(self, notional: FloatArray) -> FloatArray:
        """Return the maintenance margin (quote currency) of each notional, shape (n,)."""
        rate, amount = self.maintenance(notional)
        return rate * notional - amount


def brackets_of(symbol: str, document: object | None) -> BracketTable:
    """
    Return the brackets that a symbol's map begins with.

    Parameters
    ----------
    symbol : str
        Binance's name.
    document : object, optional
        A parsed answer of `leverageBracket`, which holds for all time; without it the first
        built-in table, whose place later ones take as time passes (see
        `liq_nautilus.core.exchange.bracket_source.in_force`).

    """
    if document is None:
        return BracketTable.built_in(symbol, 0)
    return BracketTable.from_binance(document, symbol)
