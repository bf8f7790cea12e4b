"""The compiled reading of plain numbers, compiled and as plain Python, against Python's own."""

import random
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data_files import KINDS
from support.data_files import write_bytes

from liq_nautilus.data import kinds
from liq_nautilus.data import parsing
from liq_nautilus.data import plain
from liq_nautilus.data.finding import recognise
from liq_nautilus.data.kinds import Rules
from liq_nautilus.data.plain import read_plain
from liq_nautilus.data.rows import NeedsCareError
from liq_nautilus.data.rows import connect
from liq_nautilus.data.rows import read_fast
from liq_nautilus.data.source import LONGEST_LINE
from liq_nautilus.data.source import opened
from liq_nautilus.data.values import DECIMAL_FORM
from liq_nautilus.data.values import FLOAT_FORM
from liq_nautilus.data.values import NO_FORM
from liq_nautilus.data.values import TIME_FORM
from liq_nautilus.data.values import TRUTH_FORM
from liq_nautilus.data.values import WHOLE_FORM

KERNEL_NAMES = {
    "parse_lines", "widen", "_whole", "_digits", "_point_number", "_decimal", "_float", "_truth",
    "_after_field",
}  # fmt: skip
PLAIN_KINDS = [name for name, kind in kinds.KINDS.items() if kind.is_plain]
RULES = Rules("BTCUSDT", "1m", 2, 3)


@pytest.fixture(params=["compiled", "plain"])
def kernels(request, monkeypatch):
    if request.param == "plain":
        for name in KERNEL_NAMES:
            monkeypatch.setattr(parsing, name, getattr(parsing, name).py_func)
    return parsing


def parse(text: str, form: int, places: int = 0) -> tuple[list[float], int]:
    """Return the numbers of lines of one column, and how many bytes were read."""
    raw = np.frombuffer(text.encode(), dtype=np.uint8)
    whole, floats = np.zeros((1, len(raw)), dtype=np.int64), np.zeros((1, len(raw)))
    one = [np.array([x], dtype=np.int64) for x in (form, 0, places)]
    n_lines, end = parsing.parse_lines(raw, *one, whole, floats)
    return (floats if form == FLOAT_FORM else whole)[0, :n_lines].tolist(), end


def test_every_kernel_is_listed():
    assert {n for n in dir(parsing) if hasattr(getattr(parsing, n), "py_func")} == KERNEL_NAMES


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(
    ("form", "places", "text", "value"),
    [
        (WHOLE_FORM, 0, "0", 0),
        (WHOLE_FORM, 0, "007", 7),
        # Beyond what a float holds.
        (WHOLE_FORM, 0, "987654321987654321", 987_654_321_987_654_321),
        (TIME_FORM, 0, "1735689600001", 1_735_689_600_001_000_000),
        (TIME_FORM, 0, "1735689600000001", 1_735_689_600_000_001_000),
        (DECIMAL_FORM, 2, "94000", 9_400_000),
        (DECIMAL_FORM, 2, "94000.", 9_400_000),
        (DECIMAL_FORM, 2, "94000.1", 9_400_010),
        (DECIMAL_FORM, 2, "94000.12", 9_400_012),
        (DECIMAL_FORM, 2, "94000.1200000000000", 9_400_012),
        (DECIMAL_FORM, 2, "90071992547409.92", 2**53),
        (TRUTH_FORM, 0, "true", 1),
        (TRUTH_FORM, 0, "false", 0),
        (FLOAT_FORM, 0, "0.1", 0.1),
        (FLOAT_FORM, 0, "255438459.61450000", 255_438_459.6145),
        (FLOAT_FORM, 0, "9007199254740992", 2.0**53),
    ],
)
def test_plain_number_is_read(form, places, text, value):
    assert parse(f"{text}\n", form, places) == ([value], len(text) + 1)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(
    ("form", "texts"),
    [
        (WHOLE_FORM, ["", "-1", "+1", "1.0", "1e3", "0x1F", "1_0", " 1", "1 ", "1" * 19, '"1"']),
        (
            TIME_FORM,
            [
                "",
                "173568960000",
                "17356896000001",
                "9999999999999",
                "0000000000001",
                "9999999999999999",
                "0001735689600000",
                "0x1941F297C00",
                "1735689600000.0",
            ],
        ),
        (
            DECIMAL_FORM,
            [
                "",
                ".5",
                "-1",
                "+1",
                "1e5",
                "1.001",
                "1.2.3",
                "nan",
                "1_0",
                "90071992547409.93",
                "999999999999999999",
                "1.0000000000000000000",
            ],
        ),
        (TRUTH_FORM, ["", "t", "f", "True", "tru", "truee", "fals", "falze", "1"]),
        (
            FLOAT_FORM,
            ["", "-1", "inf", "nan", "1e5", ".1", "9007199254740993", "1.0000000000000001"],
        ),
        (NO_FORM, ['"', "a\tb", "\x7f", "\u00e9"]),
    ],
)
@pytest.mark.parametrize("before", ["", "good"])
def test_anything_else_stops_at_its_line(form, texts, before):
    good = {WHOLE_FORM: "1", TIME_FORM: "1735689600000", TRUTH_FORM: "true"}.get(form, "1")
    start = f"{good}\r\n" if before else ""
    for text in texts:
        numbers, end = parse(f"{start}{text}\n{good}\n", form, 2)
        assert (len(numbers), end) == (bool(before), len(start)), text


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("line", ["1", "1,2", "1,2,3,4", "1,2,3 ", "1,2\r,3", "", "1,2,3\r\r"])
def test_lines_of_another_shape_stop(line):
    text = np.frombuffer(f"1,2,3\r\n4,,6\n{line}\n1,2,3\n".encode(), dtype=np.uint8)
    forms = np.array([WHOLE_FORM, NO_FORM, WHOLE_FORM])
    slots, places = np.array([1, 0, 0]), np.zeros(3, dtype=np.int64)
    whole = np.zeros((2, 9), dtype=np.int64)
    assert parsing.parse_lines(text, forms, slots, places, whole, np.zeros((0, 9))) == (2, 12)
    assert whole[:, :2].tolist() == [[3, 6], [1, 4]]


@given(st.decimals(0, 10**12, places=6, allow_nan=False), st.integers(0, 12))
def test_float_is_the_nearest_to_the_decimal(value, places):
    text = str(round(value, places)) if places < 6 else f"{value:f}"
    numbers, end = parse(f"{text}\n", FLOAT_FORM)
    if end:
        assert numbers == [float(text)]
    else:
        assert Decimal(text).scaleb(6) > 2**53


@pytest.mark.usefixtures("kernels")
def test_wide_products_are_exact():
    random_ = random.Random(3)
    values = [0, 1, 2**53, *(random_.randrange(2**53) for _ in range(40))]
    for factor in (1, 10**8, 10**14, 10**16):
        wide = np.empty((len(values), 2), dtype=np.uint64)
        parsing.widen(np.array(values, dtype=np.int64), factor, wide)
        assert [low + (high << 64) for low, high in wide.tolist()] == [v * factor for v in values]


@pytest.fixture
def connection(tmp_path):
    with connect(tmp_path) as connection:
        yield connection


def read(way, folder, kind, text, connection):
    path = write_bytes(folder / kind.kind, kind.name, text)
    with opened(recognise(path, folder), folder) as file:
        return list(way(file, RULES, connection))


def test_trades_and_bars_are_plain():
    assert {"klines", "markPriceKlines", "aggTrades", "trades"} <= set(PLAIN_KINDS)
    assert not {"metrics", "fundingRate", "liquidationSnapshot"} & set(PLAIN_KINDS)


@pytest.mark.parametrize("look", ["header", "no header", "crlf", "bom", "bom header", "cut end"])
@pytest.mark.parametrize("name", PLAIN_KINDS)
def test_plain_reading_gives_the_rows_of_the_other(tmp_path, connection, monkeypatch, name, look):
    kind = KINDS[name]
    rows = [line.replace("-", "") for line in kind.lines(700)]  # premiums may be negative
    if name == "premiumIndexKlines":
        rows = [",".join([*r.split(",")[:1], "0.1,0.3,0.1,0.2", *r.split(",")[5:]]) for r in rows]
    lines = [kind.header, *rows] if "header" in look and "no" not in look else rows
    ending = "\r\n" if look == "crlf" else "\n"
    text = (ending.join(lines) + ("" if look == "cut end" else ending)).encode()
    text = (b"\xef\xbb\xbf" if "bom" in look else b"") + text
    monkeypatch.setattr(plain, "_BLOCK_BYTES", 5_000)
    ours = read(read_plain, tmp_path, kind, text, connection)
    theirs = read(read_fast, tmp_path, kind, text, connection)
    assert len(ours) > 1
    (expected,) = theirs
    assert [line for chunk in ours for line in chunk.lines] == expected.lines.tolist()
    start = 0
    for chunk in ours:
        part = expected.table.slice(start, chunk.table.num_rows)
        assert chunk.table.equals(part)
        start += chunk.table.num_rows


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("aggTrades", lambda f: [f[0], "0", *f[2:]]),  # no price
        ("aggTrades", lambda f: [f'"{f[0]}"', *f[1:]]),
        ("aggTrades", lambda f: [*f[:5], str(int(f[5]) - 10**10), f[6]]),  # far from the name
        ("aggTrades", lambda f: [*f[:6], f[6].upper()]),
        ("aggTrades", lambda f: [*f, "9" * (LONGEST_LINE + 10_000)]),
        ("klines", lambda f: [*f[:2], f[3], f[2], *f[4:]]),  # high below low
        ("klines", lambda f: [*f[:5], "", *f[6:]]),
        ("klines", lambda f: [str(int(f[0]) + 1), *f[1:]]),
    ],
)
def test_plain_reading_gives_up(tmp_path, connection, monkeypatch, name, change):
    kind = KINDS[name]
    lines = kind.lines(200)
    lines[150] = ",".join(change(lines[150].split(",")))
    monkeypatch.setattr(plain, "_BLOCK_BYTES", 5_000)
    with pytest.raises(NeedsCareError):
        read(read_plain, tmp_path, kind, "\n".join(lines).encode(), connection)


def test_file_that_lacks_a_column_is_not_plain(tmp_path, connection):
    kind = KINDS["klines"]
    text = "\n".join(",".join(x.split(",")[:7]) for x in [kind.header, *kind.lines(9)])
    with pytest.raises(NeedsCareError):
        read(read_plain, tmp_path, kind, text.encode(), connection)
    (chunk,) = read(read_fast, tmp_path, kind, text.encode(), connection)
    assert chunk.table.num_rows == 9
