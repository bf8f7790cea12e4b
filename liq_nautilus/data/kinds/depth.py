"""Order book depth: how much lies within so many percent of the price."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow.compute as pc

from liq_nautilus.data.columns import numbers
from liq_nautilus.data.kinds.schema import Check
from liq_nautilus.data.kinds.schema import Dump
from liq_nautilus.data.kinds.schema import Feeds
from liq_nautilus.data.kinds.schema import Kind
from liq_nautilus.data.kinds.schema import named_columns
from liq_nautilus.data.kinds.stored import Field
from liq_nautilus.data.kinds.stored import StoredType
from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.values import number
from liq_nautilus.data.values import text_moment

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from liq_nautilus.data.frames import Frame


def _totals(column: pa.ChunkedArray, _: dict[bytes, bytes]) -> npt.NDArray[np.float64]:
    # The sum of each row's list.
    array = column.combine_chunks()
    rows, values = numbers(pc.list_parent_indices(array)), numbers(pc.list_flatten(array))
    return np.bincount(rows, weights=values, minlength=len(array)).astype(np.float64)


def _samples(frame: Frame, _: str) -> Samples:
    return Samples(frame["ts"], -1, frame["total_depth"], can_freeze=True)


# total_depth (base units): the sum over all percentages.
DEPTH: Final = StoredType(
    "BookDepth",
    "order book depth",
    kind="bookDepth",
    fields=(Field("total_depth", "depth", _totals),),
    samples=_samples,
    keys=("percentage",),
    is_daily=True,
)
KINDS: Final = (
    Kind(
        name="bookDepth",
        columns=named_columns("timestamp", "percentage", "depth", "notional"),
        values=(
            text_moment("ts_event", "timestamp"),
            number("percentage", "percentage"),
            number("depth", "depth"),
            number("notional", "notional"),
        ),
        checks=(
            Check("abs(percentage) <= 100", "percentage must be within -100..100"),
            Check("depth >= 0 AND notional >= 0", "depth and notional must not be negative"),
        ),
        names_row=("ts_event", "percentage"),
        dump=Dump.DAYS,
        feeds=(Feeds(DEPTH),),
    ),
)
