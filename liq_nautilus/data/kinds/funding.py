"""Funding rates as they were settled."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from liq_nautilus.core.feed import funding_event
from liq_nautilus.data.columns import filled
from liq_nautilus.data.columns import numbers
from liq_nautilus.data.kinds.schema import Check
from liq_nautilus.data.kinds.schema import Dump
from liq_nautilus.data.kinds.schema import Feeds
from liq_nautilus.data.kinds.schema import Kind
from liq_nautilus.data.kinds.schema import named_columns
from liq_nautilus.data.kinds.stored import Field
from liq_nautilus.data.kinds.stored import StoredType
from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.values import moment
from liq_nautilus.data.values import number
from liq_nautilus.data.values import number_text
from liq_nautilus.data.values import whole
from liq_nautilus.times import MINUTE_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from liq_nautilus.core.feed import Event
    from liq_nautilus.data.frames import Frame
    from liq_nautilus.data.kinds.stored import EventOptions


def funding_events(frame: Frame) -> Iterator[Event]:
    """Yield settlements (columns rate, ts) as events."""
    for rate, ts in frame.rows("rate", "ts"):
        yield funding_event(rate, ts)


def _events(frame: Frame, _: EventOptions) -> Iterator[Event]:
    return funding_events(frame)


def _samples(frame: Frame, _: str) -> Samples:
    return Samples(
        frame["ts"],
        -1,
        is_impossible=np.abs(frame["rate"]) >= 1,
        stated_steps=frame["minutes"] * MINUTE_NS,
    )


def _rates(column: pa.ChunkedArray, _: dict[bytes, bytes]) -> npt.NDArray[np.float64]:
    # The catalog holds the rate as JSON text.
    texts = pc.utf8_trim(pc.cast(column, pa.string()), characters='"')
    return numbers(pc.cast(texts, pa.float64()))


def _minutes(column: pa.ChunkedArray, _: dict[bytes, bytes]) -> npt.NDArray[np.int64]:
    # Other programs may leave it out.
    return numbers(filled(column, 0)).astype(np.int64)


# rate (a fraction), minutes to the next settlement (0 where not known).
FUNDING: Final = StoredType(
    "FundingRateUpdate",
    "funding rates",
    kind="fundingRate",
    fields=(Field("rate", "rate", _rates), Field("minutes", "interval", _minutes, np.int64)),
    samples=_samples,
    events=_events,
    is_own=False,
)
KINDS: Final = (
    Kind(
        name="fundingRate",
        columns=named_columns(
            "calc_time|fundingtime|funding_time",
            "?funding_interval_hours",
            "last_funding_rate|fundingrate|funding_rate",
        ),
        values=(
            moment("ts_event", "calc_time"),
            whole("interval_hours", "funding_interval_hours", default=8),
            # The text itself is kept: the catalog holds the rate as an exact decimal.
            number("rate", "last_funding_rate"),
            number_text("rate_text", "last_funding_rate"),
        ),
        checks=(
            Check("interval_hours BETWEEN 1 AND 24", "funding_interval_hours must be in 1..24"),
            Check("abs(rate) < 1", "last_funding_rate must be a fraction below 1"),
        ),
        dump=Dump.MONTHS,
        feeds=(Feeds(FUNDING),),
    ),
)
