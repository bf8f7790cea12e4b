"""The reading of plain numbers: what Arrow takes beyond them must not pass, and nothing is lost."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data_files import KINDS
from support.data_files import write_bytes

from liq_nautilus.data.files.finding import recognise
from liq_nautilus.data.kinds import Rules
from liq_nautilus.data.reading import plain
from liq_nautilus.data.reading import plain_columns
from liq_nautilus.data.reading import source as source_files
from liq_nautilus.data.reading.plain import read_plain
from liq_nautilus.data.reading.plain import read_together
from liq_nautilus.data.reading.rows import NeedsCareError
from liq_nautilus.data.reading.rows import connect
from liq_nautilus.data.reading.rows import read_fast
from liq_nautilus.data.reading.source import LONGEST_LINE
from liq_nautilus.data.reading.source import opened

RULES = Rules("BTCUSDT", "1m", 2, 3)


@pytest.fixture
def connection(tmp_path):
    with connect(tmp_path) as connection:
        yield connection


def read(way, folder, kind, text, connection):
    path = write_bytes(folder / kind.kind, kind.name, text)
    with opened(recognise(path, folder), folder) as file:
        return list(way(file, RULES, connection))


def together(file, rules, connection):
    return read_together([file], rules, connection)


def with_field(kind, row, column, text):
    """Return 200 rows of a kind, in one of which a field is replaced."""
    lines = kind.lines(200)
    fields = lines[row].split(",")
    fields[kind.header.split(",").index(column)] = text
    lines[row] = ",".join(fields)
    return "\n".join([*lines, ""]).encode()


# What stands for a number in each form of column, and is none of its plain spellings.
ODD_EVERYWHERE = [" 1", "1 ", "\t1", "+1", "1e5", "1.5e2", "1E2", "0x1F", "1_0", "nan", "inf", "-"]
ODD_EVERYWHERE += [
    "NaN",
    "1.2.3",
    "--1",
    "1'0",
    '"1',
    "1\x00",
    "1\xa0",
    "\u0661",
    "true",
    "/",
    "1:2",
]
ODD_WHOLES = [*ODD_EVERYWHERE, "", "1.0", "-1", "9" * 19, "9" * 30]
COLUMNS = [
    *(("aggTrades", name, ODD_WHOLES) for name in ("agg_trade_id", "transact_time")),
    *(
        (kind, name, [*ODD_EVERYWHERE, "", "-1", "1.0005", "9" * 15, "9" * 40])
        for kind, name in [("aggTrades", "price"), ("aggTrades", "quantity"), ("klines", "low")]
    ),
    ("aggTrades", "is_buyer_maker", ["", "1", "0", "t", "truee", " true", "true ", "FaLse"]),
    ("klines", "volume", [*ODD_EVERYWHERE, "-1", "1.0005"]),
    ("klines", "quote_volume", [*ODD_EVERYWHERE, "-1", "9" * 25, "9" * 400]),
    ("klines", "count", [*ODD_EVERYWHERE, "1.5", "-1"]),
    ("klines", "ignore", ['"0"', "\x00", "\x7f"]),
    ("premiumIndexKlines", "close", [*ODD_EVERYWHERE, "", "1e-05"]),
    ("metrics", "symbol", ["", "ETHUSDT", "BTCUSDT ", "BTC"]),
    ("metrics", "sum_open_interest", [*ODD_EVERYWHERE, "", '""', "-1"]),
    ("metrics", "count_long_short_ratio", [*ODD_EVERYWHERE, '"1.0"', "-1"]),
    (
        "metrics",
        "create_time",
        [
            *("", "2025-01-01", "2025-01-01 03", "2025-01-01 03:05", "2025-01-01 3:05:00"),
            *("2025-01-01T03:05:00Z", "01.01.2025 03:05:00", "2025-13-01 03:05:00"),
            *(
                " 2025-01-01 03:05",
                "1735689600000",
                "2025-01-01 03:05:00+00",
                "0001-01-01 00:00:00",
            ),
        ],
    ),
    ("bookDepth", "timestamp", ["", "2025-01-01 00:00", "2025-01-01", "9999-01-01 00:00:00"]),
    ("bookDepth", "percentage", [*ODD_EVERYWHERE, "", "101"]),
    ("fundingRate", "last_funding_rate", [*ODD_EVERYWHERE, "", "1.5", "1e-05"]),
    ("fundingRate", "funding_interval_hours", [*ODD_EVERYWHERE, "25", "-8"]),
    ("liquidationSnapshot", "side", ["", "SELLS", "S", " BUY"]),
]


@pytest.mark.parametrize(
    ("name", "column", "texts"), COLUMNS, ids=lambda x: x if isinstance(x, str) else ""
)
@pytest.mark.parametrize("row", [0, 117, 199])
def test_text_that_arrow_may_take_does_not_pass(tmp_path, connection, name, column, texts, row):
    for text in texts:
        odd = with_field(KINDS[name], row, column, text)
        with pytest.raises(NeedsCareError):
            read(together, tmp_path, KINDS[name], odd, connection)


@pytest.mark.parametrize("blanks", [" ", ": ", "::"])
def test_sign_elsewhere_does_not_make_up_for_a_short_time(tmp_path, connection, blanks):
    lines = [line.replace('""', "").split(",") for line in KINDS["metrics"].lines(20)]
    lines[3][0] = lines[3][0][: -3 if blanks == " " else -6]
    lines[9][2] = blanks + lines[9][2]
    text = "\n".join([*map(",".join, lines), ""]).encode()
    with pytest.raises(NeedsCareError):
        read(together, tmp_path, KINDS["metrics"], text, connection)


def test_unread_column_beside_a_written_time_needs_care(tmp_path, connection):
    lines = [f"{line},0" for line in KINDS["metrics"].lines(20)]
    text = "\n".join([f"{KINDS['metrics'].header},more", *lines, ""]).encode()
    with pytest.raises(NeedsCareError):
        read(together, tmp_path, KINDS["metrics"], text, connection)
    (chunk,) = read(read_fast, tmp_path, KINDS["metrics"], text, connection)
    assert chunk.table.num_rows == 20


@pytest.mark.parametrize("text", ["1,2\r,3", "1\n2,3", "\n", "\r\n", " \n"])
def test_lines_of_another_shape_do_not_pass(tmp_path, connection, text):
    kind = KINDS["aggTrades"]
    body = "\n".join([*kind.lines(30), text, *kind.lines(30, 30), ""])
    with pytest.raises(NeedsCareError):
        read(together, tmp_path, kind, body.encode(), connection)


@pytest.mark.parametrize("way", [read_plain, together])
@pytest.mark.parametrize("look", ["header", "no header", "crlf", "bom", "bom header", "cut end"])
@pytest.mark.parametrize("name", sorted(KINDS))
def test_plain_reading_gives_the_rows_of_the_other(
    tmp_path, connection, monkeypatch, name, look, way
):
    kind = KINDS[name]
    rows = kind.lines(700)
    lines = [kind.header, *rows] if "header" in look and "no" not in look else rows
    ending = "\r\n" if look == "crlf" else "\n"
    text = (ending.join(lines) + ("" if look == "cut end" else ending)).encode()
    text = (b"\xef\xbb\xbf" if "bom" in look else b"") + text
    monkeypatch.setattr(plain, "_BLOCK_BYTES", 5_000)
    ours = read(way, tmp_path, kind, text, connection)
    (expected,) = read(read_fast, tmp_path, kind, text, connection)
    assert (len(ours) > 1) == (way is read_plain)
    assert [line for chunk in ours for line in chunk.lines] == expected.lines.tolist()
    table = pa.concat_tables([chunk.table for chunk in ours])
    assert table.combine_chunks().equals(expected.table.combine_chunks())


@pytest.mark.parametrize("is_small", [True, False])
@pytest.mark.parametrize("name", sorted(KINDS))
def test_times_in_microseconds_and_capital_words_are_plain(
    tmp_path, connection, monkeypatch, name, is_small
):
    kind = KINDS[name]
    lines = [
        ",".join(f"{f}000" if len(f) == 13 and f.isdigit() else f for f in line.split(","))
        for line in kind.lines(60)
    ]
    capital = "\n".join([*lines, ""]).replace("true", "True").replace("false", "False")
    if not is_small:
        monkeypatch.setattr(source_files, "SMALL_BYTES", 0)
    (ours,) = read(read_plain, tmp_path, kind, capital.encode(), connection)
    plainly = "\n".join([*kind.lines(60), ""]).encode()
    (expected,) = read(read_plain, tmp_path, kind, plainly, connection)
    assert ours.table.equals(expected.table)


@given(st.decimals(0, 10**12, places=6, allow_nan=False), st.integers(0, 12))
def test_float_is_the_nearest_to_the_decimal(value, places):
    text = str(round(value, places)) if places < 6 else f"{value:f}"
    column = pa.array([float(text)])
    assert plain_columns.floats(pa.array([text]), None).equals(column)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("aggTrades", lambda f: [f[0], "0", *f[2:]]),  # no price
        ("aggTrades", lambda f: [f'"{f[0]}"', *f[1:]]),
        ("aggTrades", lambda f: [*f[:5], str(int(f[5]) - 10**10), f[6]]),  # far from the name
        ("aggTrades", lambda f: [*f, "9" * (LONGEST_LINE + 10_000)]),
        ("klines", lambda f: [*f[:2], f[3], f[2], *f[4:]]),  # high below low
        ("klines", lambda f: [str(int(f[0]) + 1), *f[1:]]),
    ],
)
@pytest.mark.parametrize("way", [read_plain, together])
def test_plain_reading_gives_up(tmp_path, connection, monkeypatch, name, change, way):
    kind = KINDS[name]
    lines = kind.lines(200)
    lines[150] = ",".join(change(lines[150].split(",")))
    monkeypatch.setattr(plain, "_BLOCK_BYTES", 5_000)
    with pytest.raises(NeedsCareError):
        read(way, tmp_path, kind, "\n".join(lines).encode(), connection)


def test_empty_values_and_columns_that_lack_have_their_defaults(tmp_path, connection):
    kind = KINDS["klines"]
    rows = [line.split(",") for line in kind.lines(9)]
    rows[4][5] = rows[4][7] = rows[4][8] = rows[4][9] = ""
    whole = "\n".join(map(",".join, rows))
    (ours,) = read(together, tmp_path, kind, whole.encode(), connection)
    (expected,) = read(read_fast, tmp_path, kind, whole.encode(), connection)
    assert ours.table.equals(expected.table)
    assert ours.table["volume_float"][4].as_py() == 0
    text = "\n".join(",".join(x.split(",")[:7]) for x in [kind.header, *kind.lines(9)])
    (ours,) = read(together, tmp_path, kind, text.encode(), connection)
    (expected,) = read(read_fast, tmp_path, kind, text.encode(), connection)
    assert ours.table.equals(expected.table)


@pytest.mark.parametrize("n_files", [2, 5])
def test_files_read_together_keep_their_rows_and_lines(tmp_path, connection, n_files):
    kind = KINDS["metrics"]
    files = []
    for day in range(n_files):
        has_header = day % 2 == 0
        lines = kind.lines(100 + day, day * 288)
        text = "\n".join([kind.header, *lines] if has_header else [*lines, ""])
        path = write_bytes(
            tmp_path / "metrics", f"BTCUSDT-metrics-2025-01-{day + 1:02}", text.encode()
        )
        with opened(recognise(path, tmp_path), tmp_path) as file:
            files.append(file)
    chunks = read_together(files, RULES, connection)
    for day, (file, chunk) in enumerate(zip(files, chunks, strict=True)):
        (expected,) = list(read_fast(file, RULES, connection))
        file.close()
        assert chunk.table.num_rows == 100 + day
        assert chunk.table.combine_chunks().equals(expected.table.combine_chunks())
        assert chunk.lines.tolist() == expected.lines.tolist()
