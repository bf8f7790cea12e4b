"""What all answers have in common: they turn into JSON documents, Arrow tables and DataFrames."""

from __future__ import annotations

import math
from abc import ABC
from abc import abstractmethod
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import msgspec
import pyarrow as pa

from liq_nautilus.times import MILLISECOND_NS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SIDE_NAMES: Final = {1: "long", -1: "short", 0: None}


class Answer(ABC):
    """What a query answers."""

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """Return the answer as plain JSON values; what is unknown is None."""

    @abstractmethod
    def to_arrow(self) -> pa.Table:
        """Return the answer's rows as an Arrow table."""

    def to_json(self) -> bytes:
        """Return the document as JSON."""
        return msgspec.json.encode(self.document())

    def to_pandas(self) -> pd.DataFrame:
        """Return the answer's rows as a DataFrame."""
        return self.to_arrow().to_pandas()


def known(value: float) -> float | None:
    """Return a number as JSON can say it: None for NaN and infinities."""
    return float(value) if math.isfinite(value) else None


def time_column(ts: np.ndarray[Any, np.dtype[np.int64]]) -> pa.Array:
    """Return UTC nanoseconds as a column of times."""
    # Binance's times are of milliseconds.
    return pa.array(ts // MILLISECOND_NS).cast(pa.timestamp("ms", tz="UTC"))


def side_column(side: np.ndarray[Any, np.dtype[np.int8]]) -> pa.Array:
    """Return sides (+1, -1) as a column of their names."""
    return pa.array([SIDE_NAMES[one] for one in side.tolist()], type=pa.string())
