"""Reading saved answers of Binance's `leverageBracket`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liq_nautilus.core.exchange.brackets import brackets_of
from liq_nautilus.errors import SettingError
from liq_nautilus.json_files import read_json

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.core.exchange.brackets import BracketTable


def read_brackets(path: Path | None, symbol: str, name: str) -> BracketTable:
    """
    Return the brackets that a symbol's map begins with.

    Parameters
    ----------
    path : Path or None
        The file; None for the built-in tables, which are dated.
    symbol : str
        Binance's name.
    name : str
        The option or setting that named the file.

    Raises
    ------
    SettingError
        If the file cannot be read or does not hold the symbol's brackets.

    """
    document = None if path is None else read_json(path, name)
    try:
        return brackets_of(symbol, document)
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        msg = (
            f"{name} must hold the leverageBracket response with {symbol}, {path} did not: {e}; "
            "save a newer one"
        )
        raise SettingError(msg) from e
