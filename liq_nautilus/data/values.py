"""
How one value of a row is read from the text of a file: strictly, so that no garbled digit passes.

DuckDB's own casts take "1.5" for the integer 2, "1_000" for 1000 and "1e5" for 100000. Fast reading
rules such texts out with the cheapest conditions there are; what they refuse, careful reading holds
against a pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DECIMAL_TYPE: Final = "DECIMAL(38, 16)"
# A float printed with its noise (77281.50000000001) is the decimal it stands for; a real digit
# beyond the precision is not. Decimal places beyond the precision from which on all is noise.
NOISE_PLACES: Final = 4
# From 2010 to 2100, in milliseconds.
_FIRST_MS: Final = 1_262_304_000_000
_LAST_MS: Final = 4_102_444_800_000
ODD_SIGNS: Final = "_eE"
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

    """

    name: str
    sql: str
    exact: str = ""
    what: str = ""
    column: str = ""
    careful_sql: str = ""
    careful_exact: str = ""
    is_number: bool = False

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
    # Of so many characters, anything but digits makes a number out of this range, except an
    # exponent: 17357472000e2.
    in_range = (
        f"{name} BETWEEN {_FIRST_MS * 1_000_000} AND {_LAST_MS * 1_000_000}"
        f" AND NOT contains(raw_{column}, 'e') AND NOT contains(raw_{column}, 'E')"
    )
    careful = f"regexp_full_match(raw_{column}, '[0-9]+') AND {in_range}"
    what = "must be a time in ms or us since 1970"
    return Value(name, sql, in_range, what, column, sql, careful)


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
    return Value(name, sql, exact, what, column, careful_sql, careful, is_number=True)


def number(name: str, column: str) -> Value:
    """Return a float."""
    sql = f"TRY_CAST(raw_{column} AS DOUBLE)"
    exact = f"isfinite({name})"
    careful = f"regexp_full_match(raw_{column}, '{_FLOAT}') AND {exact}"
    return Value(name, sql, exact, "must be a number", column, sql, careful, is_number=True)


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
    )


def whole(name: str, column: str, default: str) -> Value:
    """Return a small whole number, or `default` (SQL) where the text is empty."""
    sql = f"if(raw_{column} IS NULL, {default}, TRY_CAST(raw_{column} AS BIGINT))"
    # The cast to BIGINT rounds: the number must be the same without rounding.
    exact = f"(raw_{column} IS NULL OR {name} = TRY_CAST(raw_{column} AS DOUBLE))"
    careful = f"{exact} AND NOT contains(coalesce(raw_{column}, ''), '_')"
    return Value(name, sql, exact, "must be a whole number", column, sql, careful, is_number=True)


def identifier(name: str, column: str) -> Value:
    """Return a number that names something."""
    sql = f"TRY_CAST(raw_{column} AS BIGINT)"
    exact = f"{name} >= 0 AND NOT contains(raw_{column}, '.')"
    careful = f"regexp_full_match(raw_{column}, '[0-9]{{1,18}}')"
    return Value(name, sql, exact, "must be a number", column, sql, careful, is_number=True)


def choice(name: str, column: str, codes: dict[str, int]) -> Value:
    """Return the code of one of a few words, in any case."""
    spelled = {spelling: code for word, code in codes.items() for spelling in (word, word.title())}
    cases = " ".join(f"WHEN '{word}' THEN {code}" for word, code in spelled.items())
    lowered = " ".join(f"WHEN lower('{word}') THEN {code}" for word, code in codes.items())
    sql = f"CAST(CASE raw_{column} {cases} END AS TINYINT)"
    careful = f"CAST(CASE lower(raw_{column}) {lowered} END AS TINYINT)"
    words = " or ".join(codes)
    exact = f"{name} IS NOT NULL"
    return Value(name, sql, exact, f"must be {words}", column, careful, exact)


def derived(name: str, sql: str) -> Value:
    """Return a value computed from other values of the row."""
    return Value(name, sql)
