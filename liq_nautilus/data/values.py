"""
How one value of a row is read from the text of a file: strictly, so that no garbled digit passes.

DuckDB's own casts take "1.5" for the integer 2, "1_000" for 1000, "0x1F" for 31, "1e5" for 100000.
Fast reading rules such texts out with the cheapest conditions there are; what they refuse, careful
reading holds against a pattern. Plain reading (`parsing`) knows digits only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DECIMAL_PLACES: Final = 16
DECIMAL_TYPE: Final = f"DECIMAL(38, {DECIMAL_PLACES})"
# A float printed with its noise (77281.50000000001) is the decimal it stands for; a real digit
# beyond the precision is not. Decimal places beyond the precision from which on all is noise.
NOISE_PLACES: Final = 4
# From 2010 to 2100, in milliseconds.
FIRST_MS: Final = 1_262_304_000_000
LAST_MS: Final = 4_102_444_800_000
ODD_SIGNS: Final = "_eExXbB"
# How plain reading takes a column; zero where it cannot.
NO_FORM: Final = 0
TIME_FORM: Final = 1
WHOLE_FORM: Final = 2
DECIMAL_FORM: Final = 3
TRUTH_FORM: Final = 4
FLOAT_FORM: Final = 5
_DIGITS: Final = "[+]?[0-9]{0,13}"
# As Python and pandas write floats: the exponent has a sign.
_FLOAT: Final = r"[+-]?[0-9]{0,20}(\.[0-9]*)?([eE][+-][0-9]{1,2})?"
_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z?"


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
    form : int
        How plain reading takes the column.
    decimals : str
        The decimals of a decimal number.
    codes : tuple of int
        What false and true stand for.
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
    form: int = NO_FORM
    decimals: str = ""
    codes: tuple[int, int] = (0, 1)
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
    sql = (
        f"CASE WHEN strlen(raw_{column}) = 13 THEN TRY_CAST(raw_{column} AS BIGINT) * 1000000"
        f" WHEN strlen(raw_{column}) = 16 THEN TRY_CAST(raw_{column} AS BIGINT) * 1000 END"
    )
    # Of so many characters, anything but digits makes a number out of this range, except for
    # `ODD_SIGNS`: 17357472000e2.
    in_range = f"{name} BETWEEN {FIRST_MS * 1_000_000} AND {LAST_MS * 1_000_000}"
    careful = f"regexp_full_match(raw_{column}, '[0-9]+') AND {in_range}"
    what = "must be a time in ms or us since 1970"
    return Value(name, sql, in_range, what, column, sql, careful, is_number=True, form=TIME_FORM)


def text_moment(name: str, column: str) -> Value:
    """Return a UTC time written as "2026-01-04 00:05:00", or as `moment` takes it."""
    epoch = moment(name, column)
    text = f"epoch_ns(TRY_CAST(replace(rtrim(raw_{column}, 'Z'), 'T', ' ') AS TIMESTAMP_NS))"
    sql = f"CASE WHEN contains(raw_{column}, '-') THEN {text} ELSE {epoch.sql} END"
    exact = (
        f"(regexp_full_match(raw_{column}, '{_TIME}') OR regexp_full_match(raw_{column}, '[0-9]+'))"
        f" AND {epoch.exact}"
    )
    return Value(name, sql, exact, "must be a UTC time such as 2026-01-04 00:05:00", column)


def decimal(name: str, column: str, decimals: str, default: str = "") -> Value:
    """Return an exact decimal with at most `decimals` decimals (zeros behind them are fine)."""
    text = f"coalesce(nullif(raw_{column}, ''), '{default}')" if default else f"raw_{column}"
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
        form=DECIMAL_FORM,
        decimals=decimals,
    )


def number(name: str, column: str) -> Value:
    """Return a float."""
    sql = f"TRY_CAST(raw_{column} AS DOUBLE)"
    exact = f"isfinite({name})"
    careful = f"regexp_full_match(raw_{column}, '{_FLOAT}') AND {exact}"
    what = "must be a number"
    return Value(name, sql, exact, what, column, sql, careful, is_number=True, form=FLOAT_FORM)


def optional_number(name: str, column: str, default: str = "NULL") -> Value:
    """Return a float, or `default` (SQL) where the text is empty."""
    required = number(name, column)
    is_empty = f"raw_{column} IS NULL"
    sql = required.sql if default == "NULL" else f"if({is_empty}, {default}, {required.sql})"
    return Value(
        name,
        sql,
        f"({is_empty} OR ({required.exact}))",
        "must be a number or empty",
        column,
        sql,
        f"({is_empty} OR ({required.careful_exact}))",
        is_number=True,
        form=FLOAT_FORM,
    )


def whole(name: str, column: str, default: str) -> Value:
    """Return a small whole number, or `default` (SQL) where the text is empty."""
    sql = f"if(raw_{column} IS NULL, {default}, TRY_CAST(raw_{column} AS BIGINT))"
    # The cast to BIGINT rounds: the number must be the same without rounding.
    exact = f"(raw_{column} IS NULL OR {name} = TRY_CAST(raw_{column} AS DOUBLE))"
    careful = f"{exact} AND NOT contains(coalesce(raw_{column}, ''), '_')"
    what = "must be a whole number"
    return Value(name, sql, exact, what, column, sql, careful, is_number=True, form=WHOLE_FORM)


def identifier(name: str, column: str) -> Value:
    """Return a number that names something."""
    sql = f"TRY_CAST(raw_{column} AS BIGINT)"
    exact = f"{name} >= 0 AND NOT contains(raw_{column}, '.')"
    careful = f"regexp_full_match(raw_{column}, '[0-9]{{1,18}}')"
    what = "must be a number"
    return Value(name, sql, exact, what, column, sql, careful, is_number=True, form=WHOLE_FORM)


def choice(name: str, column: str, codes: dict[str, int]) -> Value:
    """Return the code of one of a few words, in any case."""
    spelled = {spelling: code for word, code in codes.items() for spelling in (word, word.title())}
    cases = " ".join(f"WHEN '{word}' THEN {code}" for word, code in spelled.items())
    lowered = " ".join(f"WHEN lower('{word}') THEN {code}" for word, code in codes.items())
    sql = f"CAST(CASE raw_{column} {cases} END AS TINYINT)"
    careful = f"CAST(CASE lower(raw_{column}) {lowered} END AS TINYINT)"
    what = f"must be {' or '.join(codes)}"
    exact = f"{name} IS NOT NULL"
    if set(codes) != {"true", "false"}:
        return Value(name, sql, exact, what, column, careful, exact)
    truth = codes["false"], codes["true"]
    return Value(name, sql, exact, what, column, careful, exact, form=TRUTH_FORM, codes=truth)


def derived(name: str, sql: str, plain_sql: str = "") -> Value:
    """Return a value computed from others of the row; decimals count units when read plainly."""
    return Value(name, sql, plain_sql=plain_sql)
