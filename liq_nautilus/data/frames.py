"""Columns of one length as numpy arrays: what a stretch of a series is handed over in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt


class Frame:
    """
    Named numpy arrays of one length.

    `pd.DataFrame(dict(frame))` makes a pandas frame of it.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n_rows,)
        The arrays by name.

    Raises
    ------
    ValueError
        If the arrays differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> frame = Frame({"ts": np.array([1, 2]), "rate": np.array([0.1, 0.2])})
    >>> len(frame), frame["rate"][1].item(), frame.where(frame["ts"] > 1)["ts"].tolist()
    (2, 0.2, [2])

    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            msg = f"columns of a frame must be of one length, were {lengths}"
            raise ValueError(msg)
        self._columns = dict(columns)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self._columns.values()), ()))

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return a column."""
        return self._columns[name]

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a column."""
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        """Return the names of the columns."""
        return iter(self._columns)

    def keys(self) -> Iterator[str]:
        """Return the names of the columns, so that `dict(frame)` works."""
        return iter(self._columns)

    def where(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Frame:
        """Return some of the rows: those a mask keeps, or those of the given numbers."""
        return Frame({name: column[rows] for name, column in self._columns.items()})

    def rows(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """Yield the values of some columns row by row, as Python numbers."""
        return zip(*(self._columns[name].tolist() for name in names), strict=True)
