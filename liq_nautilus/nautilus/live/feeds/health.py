"""How each feed of a node does: when it was last heard, what was refused, which gaps it has."""

from __future__ import annotations

from collections import Counter
from collections import deque
from typing import TYPE_CHECKING
from typing import Final
from typing import Literal
from typing import NamedTuple

from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

type Condition = Literal["waiting", "live", "lost"]

# So many gaps of a feed are remembered; all are counted.
_MEMORY: Final = 200


class Gap(NamedTuple):
    """
    A stretch of time in which a feed was not heard.

    Attributes
    ----------
    ts_from, ts_to : int
        The last word before and the first after it (UTC nanoseconds).
    reason : str
        Why, for a person.
    n_filled : int
        How many data were fetched afterwards for this stretch.

    """

    ts_from: int
    ts_to: int
    reason: str
    n_filled: int = 0


class Change(NamedTuple):
    """
    A feed was lost, or came back.

    Attributes
    ----------
    feed, symbol : str
        Which.
    condition : str
        What it is now.
    ts_from : int
        When it was last heard before (UTC nanoseconds); 0 if never.
    ts_event : int
        When the change was seen (UTC nanoseconds).
    reason : str
        Why, for a person.

    """

    feed: str
    symbol: str
    condition: Condition
    ts_from: int
    ts_event: int
    reason: str


class FeedHealth:
    """
    One feed of one symbol.

    Parameters
    ----------
    feed, symbol : str
        Which.
    expected_secs : float, optional
        How often something is expected; without it only a lost connection is noticed.
    patience : float, optional
        After so many expected intervals without a word the feed is lost.

    """

    def __init__(
        self, feed: str, symbol: str, expected_secs: float | None = None, patience: float = 3.0
    ) -> None:
        self.feed = feed
        self.symbol = symbol
        self.condition: Condition = "waiting"
        self.last_ns = 0
        self.n: Counter[str] = Counter()
        self.gaps: deque[Gap] = deque(maxlen=_MEMORY)
        self.n_gaps = 0
        silence = None if expected_secs is None else expected_secs * patience
        self._silence_ns = None if silence is None else round(silence * SECOND_NS)

    def hear(self, ts: int) -> Change | None:
        """Note that the feed works at a time (UTC nanoseconds); return a change if it is one."""
        before, since = self.condition, self.last_ns
        self.condition, self.last_ns = "live", max(ts, since)
        if before == "live":
            return None
        if before == "lost":
            self.n_gaps += 1
            self.gaps.append(Gap(since, ts, self._reason))
        return Change(
            self.feed, self.symbol, "live", since, ts, "heard again" if since else "begun"
        )

    def lose(self, ts: int, reason: str) -> Change | None:
        """Note that the feed is lost; return the change if it was not before."""
        if self.condition == "lost":
            return None
        self.condition, self._reason = "lost", reason
        return Change(self.feed, self.symbol, "lost", self.last_ns, ts, reason)

    def check(self, ts: int) -> Change | None:
        """Lose the feed if it was silent for too long."""
        if self._silence_ns is None or self.condition != "live":
            return None
        age_ns = ts - self.last_ns
        if age_ns <= self._silence_ns:
            return None
        return self.lose(ts, f"nothing for {age_ns / SECOND_NS:.0f} s")

    def fill(self, n: int) -> None:
        """Note how many data were fetched for the newest gap."""
        self.n["filled"] += n
        if self.gaps:
            self.gaps[-1] = self.gaps[-1]._replace(n_filled=self.gaps[-1].n_filled + n)

    def age_secs(self, ts: int) -> float | None:
        """Return how long ago the feed was heard (seconds); None if never."""
        return (ts - self.last_ns) / SECOND_NS if self.last_ns else None

    _reason = "not heard yet"


class HealthBoard:
    """All feeds of a node."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[str, str], FeedHealth] = {}
        self.n: Counter[str] = Counter()
        self.last_error = ""

    def __iter__(self) -> Iterator[FeedHealth]:
        """Iterate over the feeds in the order in which they were begun."""
        return iter(self._feeds.values())

    def feed(self, feed: str, symbol: str, expected_secs: float | None = None) -> FeedHealth:
        """Return a feed, begun if it is new."""
        key = (feed, symbol)
        if key not in self._feeds:
            self._feeds[key] = FeedHealth(feed, symbol, expected_secs)
        return self._feeds[key]

    def note_error(self, kind: str, text: str) -> int:
        """Count something that went wrong and return how often it did."""
        self.n[kind] += 1
        self.last_error = text
        return self.n[kind]

    def describe(self, ts: int) -> list[str]:
        """Return a line per feed for a person."""
        lines = []
        for health in self:
            age = health.age_secs(ts)
            heard = "never heard" if age is None else f"heard {age:.0f} s ago"
            refused = ", ".join(f"{n} {what}" for what, n in sorted(health.n.items()) if n)
            line = (
                f"{health.feed} {health.symbol}: {health.condition}, {heard}; {refused or 'none'}"
            )
            if health.gaps:
                gap = health.gaps[-1]
                line += f"; {health.n_gaps} gaps, the last {iso(gap.ts_from)} to {iso(gap.ts_to)}"
            lines.append(line)
        return lines
