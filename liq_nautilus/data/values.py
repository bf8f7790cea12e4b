"""
How one value of a row is read from the text of a file: strictly, so that no garbled digit passes.

DuckDB's own casts take "1.5" for the integer 2, "1_000" for 1000, "0x1F" for 31, "1e5" for 100000.
Fast reading rules such texts out with the cheapest conditions there are; what they refuse, careful
reading holds against a pattern. Plain reading (`plain`) takes a column by its form.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from enum import Enum
from enum import auto
from typing import TYPE_CHECKING
from typing import Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DECIMAL_PLACES: Final = 16
DECIMAL_TYPE: Final = f"DECIMAL(38, {DECIMAL_PLACES})"
# A float printed with its noise (77281.50000000001) is the decimal it stands for; a real digit
# beyond the precision is not. Decimal places beyond the precision from which on all is noise.
NOISE_PLACES: Final = 4
# From 2010 to 2100, in milliseconds.
FIRST_MS: Final = 1_262_304_000_000
LAST_MS: Final = 4_102_444_800_000
ODD_SIGNS: Final = "_eExXbB"
MOST_WHOLE_DIGITS: Final = 18
# Digits before the point.
MOST_DECIMAL_DIGITS: Final = 13
MOST_FLOAT_DIGITS: Final = 20
_DIGITS: Final = f"[+]?[0-9]{{0,{MOST_DECIMAL_DIGITS}}}"
# As Python and pandas write floats: the exponent has a sign.
_FLOAT: Final = rf"[+-]?[0-9]{{0,{MOST_FLOAT_DIGITS}}}(\.[0-9]*)?([eE][+-][0-9]{{1,2}})?"
_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z?"


class Form(Enum):
    """What the text of a column looks like, and so how plain reading takes it."""

    EPOCH = auto()
    """A time in milliseconds or microseconds."""
    MOMENT = auto()
    """A time as `EPOCH`, or as the text of a date and a time of day."""
    WHOLE = auto()
    """A whole number that is not negative."""
    DECIMAL = auto()
    """A decimal number that is not negative, taken exactly."""
    FLOAT = auto()
    """A decimal number, taken as the nearest float."""
    NUMBER_TEXT = auto()
    """A decimal number whose text is kept."""
    WORD = auto()
    """One of a few words."""
    VENUES = auto()
    """Names of venues."""


@dataclass(frozen=True, slots=True)
class Value:
    """
    A canonical value of a row.

    Attributes
    ----------
    name : str
        Its name in the canonical table.
    sql : str
        How it comes from the text columns, fast: right whenever `exact` holds.
    exact : str
        What must hold of the text; empty when nothing.
    what : str
        The words for a row of which it does not hold.
    column : str
        The file's column, for the words; empty when the value is derived.
    careful_sql, careful_exact : str
        The same for careful reading, which also takes rounding noise, exponents and other cases;
        empty when there is no difference.
    is_number : bool
        Whether the text must have none of `ODD_SIGNS`, which casts to numbers take, when read fast.
    form : Form, optional
        How plain reading takes the column; None when the value is derived.
    decimals : str
        The decimals of a decimal number.
    is_optional : bool
        Whether the text may be empty.
    default : float, optional
        What stands for an empty text; None for no value.
    codes : mapping of str to int
        What each word stands for.
    plain_sql : str
        How a derived value comes from others that were read plainly, if not by `sql`.

    """

    name: str
    sql: str
    exact: str = ""
    what: str = ""
    column: str = ""
    careful_sql: str = ""
    careful_exact: str = ""
    is_number: bool = False
    form: Form | None = None
    decimals: str = ""
    is_optional: bool = False
    default: float | None = None
    codes: Mapping[str, int] = field(default_factory=dict)
    plain_sql: str = ""

    @property
    def derivation(self) -> str:
        """Return how a derived value comes from others that were read plainly."""
        return self.plain_sql or self.sql

    def without_signs(self, signs: str) -> list[str]:
        """Return the conditions that a number's text has none of the signs."""
        if not self.is_number:
            return []
        column = f"coalesce(raw_{self.column}, '')"
        return [f"NOT contains({column}, '{sign}')" for sign in signs]


def moment(name: str, column: str) -> Value:
    """Return a time in milliseconds or microseconds (told by magnitude) as nanoseconds."""
    raw = f"TRY_CAST(raw_{column} AS BIGINT)"
    sql = (
        f"CASE WHEN {raw} BETWEEN {FIRST_MS} AND {LAST_MS} THEN {raw} * 1000000"
        f" WHEN {raw} BETWEEN {FIRST_MS * 1_000} AND {LAST_MS * 1_000} THEN {raw} * 1000 END"
    )
    # The cast rounds: a point must not stand in a time.
    exact = f"{name} IS NOT NULL AND NOT contains(raw_{column}, '.')"
    careful = f"regexp_full_match(raw_{column}, '[0-9]+') AND {name} IS NOT NULL"
    what = "must be a time in ms or us since 1970"
    return Value(name, sql, exact, what, column, sql, careful, is_number=True, form=Form.EPOCH)


def text_moment(name: str, column: str) -> Value:
    """Return a UTC time written as "2026-01-04 00:05:00", or as `moment` takes it."""
    epoch = moment(name, column)
    text = f"epoch_ns(TRY_CAST(replace(rtrim(raw_{column}, 'Z'), 'T', ' ') AS TIMESTAMP_NS))"
    sql = f"CASE WHEN contains(raw_{column}, '-') THEN {text} ELSE {epoch.sql} END"
    exact = (
        f"(regexp_full_match(raw_{column}, '{_TIME}') OR regexp_full_match(raw_{column}, '[0-9]+'))"
        f" AND {name} BETWEEN {FIRST_MS * 1_000_000} AND {LAST_MS * 1_000_000}"
    )
    what = "must be a UTC time such as 2026-01-04 00:05:00"
    return Value(name, sql, exact, what, column, form=Form.MOMENT)


def decimal(name: str, column: str, decimals: str, default: float | None = None) -> Value:
    """Return an exact decimal with at most `decimals` decimals (zeros behind them are fine)."""
    is_optional = default is not None
    text = f"coalesce(nullif(raw_{column}, ''), '{default}')" if is_optional else f"raw_{column}"
    # Four places more than the precision, in 64 bits: what lies beyond them is noise.
    short = f"TRY_CAST({text} AS DECIMAL(18, {decimals.replace('decimals', 'scale')}))"
    exact = f"{short} = CAST({short} AS DECIMAL(18, {decimals})) AND {short} >= 0"
    rounded = f"round(TRY_CAST({text} AS {DECIMAL_TYPE}), {decimals})"
    careful = (
        rf"regexp_full_match({text}, '{_DIGITS}(\.[0-9]*)?([eE]-[0-9]{{1,2}})?')"
        f" AND abs(TRY_CAST({text} AS DOUBLE) - {rounded}::DOUBLE)"
        f" <= greatest(pow(10, -{decimals} - {NOISE_PLACES}) / 2,"
        f" 4e-16 * TRY_CAST({text} AS DOUBLE))"
    )
    what = f"must be a number that is not negative, with at most {decimals} decimals"
    careful_sql = f"CAST({rounded} AS {DECIMAL_TYPE})"
    sql = f"CAST({short} AS {DECIMAL_TYPE})"
    return Value(
        name,
        sql,
        exact,
        what,
        column,
        careful_sql,
        careful,
        is_number=True,
        form=Form.DECIMAL,
        decimals=decimals,
        is_optional=is_optional,
        default=default,
    )


def number(name: str, column: str) -> Value:
    """Return a float."""
    sql = f"TRY_CAST(raw_{column} AS DOUBLE)"
    exact = f"abs({name}) < 1e{MOST_FLOAT_DIGITS}"
    careful = f"regexp_full_match(raw_{column}, '{_FLOAT}') AND {exact}"
    what = "must be a number"
    return Value(name, sql, exact, what, column, sql, careful, is_number=True, form=Form.FLOAT)


def number_text(name: str, column: str) -> Value:
    """Return the text of a number as it stands in the file."""
    return Value(name, f"raw_{column}", column=column, form=Form.NUMBER_TEXT)


def optional_number(name: str, column: str, default: float | None = None) -> Value:
    """Return a float, or `default` where the text is empty."""
    required = number(name, column)
    is_empty = f"raw_{column} IS NULL"
    sql = required.sql if default is None else f"if({is_empty}, {default}, {required.sql})"
    return replace(
        required,
        sql=sql,
        exact=f"({is_empty} OR ({required.exact}))",
        what="must be a number or empty",
        careful_sql=sql,
        careful_exact=f"({is_empty} OR ({required.careful_exact}))",
        is_optional=True,
        default=default,
    )


def whole(name: str, column: str, default: int) -> Value:
    """Return a small whole number, or `default` where the text is empty."""
    sql = f"if(raw_{column} IS NULL, {default}, TRY_CAST(raw_{column} AS BIGINT))"
    # The cast to BIGINT rounds: the number must be the same without rounding.
    exact = f"(raw_{column} IS NULL OR {name} = TRY_CAST(raw_{column} AS DOUBLE))"
    careful = f"{exact} AND NOT contains(coalesce(raw_{column}, ''), '_')"
    what = "must be a whole number"
    return Value(
        name,
        sql,
        exact,
        what,
        column,
        sql,
        careful,
        is_number=True,
        form=Form.WHOLE,
        is_optional=True,
        default=default,
    )


def identifier(name: str, column: str) -> Value:
    """Return a number that names something."""
    sql = f"TRY_CAST(raw_{column} AS BIGINT)"
    exact = f"{name} >= 0 AND {name} < 10**{MOST_WHOLE_DIGITS} AND NOT contains(raw_{column}, '.')"
    careful = f"regexp_full_match(raw_{column}, '[0-9]{{1,{MOST_WHOLE_DIGITS}}}')"
    what = "must be a number"
    return Value(name, sql, exact, what, column, sql, careful, is_number=True, form=Form.WHOLE)


def choice(name: str, column: str, codes: Mapping[str, int]) -> Value:
    """Return the code of one of a few words, in any case."""
    spelled = {spelling: code for word, code in codes.items() for spelling in (word, word.title())}
    cases = " ".join(f"WHEN '{word}' THEN {code}" for word, code in spelled.items())
    lowered = " ".join(f"WHEN lower('{word}') THEN {code}" for word, code in codes.items())
    sql = f"CAST(CASE raw_{column} {cases} END AS TINYINT)"
    careful = f"CAST(CASE lower(raw_{column}) {lowered} END AS TINYINT)"
    what = f"must be {' or '.join(codes)}"
    exact = f"{name} IS NOT NULL"
    return Value(name, sql, exact, what, column, careful, exact, form=Form.WORD, codes=dict(codes))


def venues(name: str, column: str) -> Value:
    """Return names of venues, in order; those said of the file where the text is empty."""
    text = f"upper(replace(raw_{column}, ' ', ''))"
    listed = f"array_to_string(list_sort(list_distinct(string_split({text}, '+'))), '+')"
    sql = f"if(raw_{column} IS NULL, '{{venues}}', {listed})"
    one = "[A-Za-z][A-Za-z0-9_.]*(:[Tt][Hh][Ii][Nn][Nn][Ee][Dd])?"
    exact = (
        f"(raw_{column} IS NULL OR regexp_full_match(replace(raw_{column}, ' ', ''),"
        f" '{one}([+]{one})*'))"
    )
    what = "must be names of venues such as BINANCE+BYBIT"
    return Value(name, sql, exact, what, column, form=Form.VENUES, is_optional=True)


def derived(name: str, sql: str, plain_sql: str = "") -> Value:
    """Return a value computed from others of the row, which are no texts when read plainly."""
    return Value(name, sql, plain_sql=plain_sql)
