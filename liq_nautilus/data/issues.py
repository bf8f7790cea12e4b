"""What was not taken, grouped: one entry for all rows of a file that break the same rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Sequence

    from liq_nautilus.data.files.finding import SourceFile

_N_LINES_LISTED: Final = 10


@dataclass(slots=True)
class Issue:
    """
    Rows of a file that break one rule, or a whole file when `line` is None.

    Attributes
    ----------
    file : str
        The path below the source folder.
    line : int, optional
        The first line, counted from 1, header included.
    kind : str
        The kind with its interval.
    what : str
        What must hold, and what was found on the first line.
    count : int
        How many rows; 1 for a whole file.
    lines : list of int
        The first few lines.

    """

    file: str
    line: int | None
    kind: str
    what: str
    count: int
    lines: list[int]

    @property
    def where(self) -> str:
        """Return the file and the lines in words."""
        if self.line is None:
            return self.file
        if self.count == 1:
            return f"{self.file} line {self.line}"
        named = ", ".join(str(line) for line in self.lines)
        others = self.count - len(self.lines)
        return f"{self.file} lines {named}" + (f" and {others:,} more" if others else "")

    @property
    def sentence(self) -> str:
        """Return where it is and what, with the file named once."""
        return self.what if self.what.startswith(self.file) else f"{self.where}: {self.what}"


class Issues:
    """Issues in the order in which they were met."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], Issue] = {}

    def to_list(self) -> list[Issue]:
        """Return the issues."""
        return list(self._groups.values())

    def count(self, start: str) -> int:
        """Return how many rows break rules that start so."""
        return sum(i.count for i in self._groups.values() if i.what.startswith(start))

    def add_file(self, name: str, kind: str, what: str) -> None:
        """Note that a whole file was not taken."""
        self.add(Issue(name, None, kind, what, 1, []), what)

    def add_rows(self, source: SourceFile, rule: str, found: str, lines: Sequence[int]) -> None:
        """Note rows that break a rule; `found` are the words for what the first of them holds."""
        shown = [int(line) for line in lines[:_N_LINES_LISTED]]
        issue = Issue(source.name, shown[0], source.series, f"{rule}{found}", len(lines), shown)
        self.add(issue, rule)

    def add(self, issue: Issue, rule: str) -> None:
        """Add an issue to those of the same file and rule."""
        key = (issue.file, issue.kind, rule)
        known = self._groups.get(key)
        if known is None:
            self._groups[key] = issue
            return
        known.count += issue.count
        known.lines = sorted(known.lines + issue.lines)[:_N_LINES_LISTED]
        if known.lines and known.lines[0] != known.line:
            known.line, known.what = issue.line, issue.what

    def extend(self, others: Issues) -> None:
        """Add the issues of others."""
        for (_, _, rule), issue in others._groups.items():
            self.add(issue, rule)

    def to_records(self) -> list[list[Any]]:
        """Return the issues of one file's rows as JSON takes them."""
        return [
            [rule, issue.what, issue.count, issue.lines]
            for (_, _, rule), issue in self._groups.items()
        ]

    def add_records(self, source: SourceFile, records: Iterable[Sequence[Any]]) -> None:
        """Add what `to_records` returned."""
        for rule, what, count, lines in records:
            issue = Issue(source.name, lines[0], source.series, what, count, list(lines))
            self.add(issue, rule)
