"""Kinds that come as JSON, as Binance's REST interface answers, give what their CSV files give."""

import json

import pytest
from support.data_files import KINDS
from support.data_files import FileKind
from support.data_files import digest
from support.data_files import stored_rows
from support.data_files import write_bytes
from support.data_files import write_file

from liq_nautilus.data.files.finding import find_files
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.ingest.ingest import ingest

METRICS, FUNDING = KINDS["metrics"], KINDS["fundingRate"]


def json_of(kind: FileKind, lines: list[str], *, quoted: bool) -> bytes:
    names = kind.header.split(",")
    items = []
    for line in lines:
        fields = [field.strip('"') for field in line.split(",")]
        texts = (
            json.dumps(text)
            if quoted or not text.replace(".", "").replace("-", "").isdigit()
            else text
            for text in fields
        )
        pairs = (f'"{name}":{text}' for name, text in zip(names, texts, strict=True))
        items.append(f"{{{','.join(pairs)}}}")
    return f"[{', '.join(items)}]".encode()


def named(kind: FileKind) -> str:
    # The kind stands in the name.
    return kind.name if kind.kind in kind.name else kind.name.replace("-1m", f"-{kind.kind}-1m")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("quoted", [False, True])
def test_every_kind_reads_alike_as_json(tmp_path, kind, quoted):
    lines = kind.lines(70)
    write_file(tmp_path / "csv", kind, lines)
    write_bytes(tmp_path / "json", named(kind), json_of(kind, lines, quoted=quoted), ".json")
    one = ingest(tmp_path / "csv", tmp_path / "one")
    two = ingest(tmp_path / "json", tmp_path / "two")
    assert two.issues == []
    assert two.kinds == one.kinds
    assert digest(tmp_path / "two") == digest(tmp_path / "one")


@pytest.mark.parametrize("item", ["5", "null", '"text"', "{}", "[1]", '{"calc_time": "x"}'])
@pytest.mark.parametrize("place", [0, 3, 6])
def test_what_is_no_row_is_named_by_its_number(tmp_path, item, place):
    items = json_of(FUNDING, FUNDING.lines(6), quoted=False).decode()[1:-1].split(", ")
    items.insert(place, item)
    write_bytes(tmp_path / "source", FUNDING.name, f"[{','.join(items)}]".encode(), ".json")
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert [(issue.line, issue.count) for issue in summary.issues] == [(place + 1, 1)]
    assert len(stored_rows(tmp_path / "catalog", FUNDING)) == 6


@pytest.mark.parametrize("value", ["true", "[1, 2]", '{"a": 1}', '"1,2"', '"1\\n2"'])
def test_values_that_are_none_are_refused(tmp_path, value):
    text = json_of(FUNDING, FUNDING.lines(4), quoted=False).decode()
    rate = FUNDING.lines(4)[2].split(",")[2]
    write_bytes(tmp_path / "source", FUNDING.name, text.replace(rate, value).encode(), ".json")
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert [issue.line for issue in summary.issues] == [3]
    assert len(stored_rows(tmp_path / "catalog", FUNDING)) == 3


@pytest.mark.parametrize("text", [b"", b"{}", b"[", b"[]", b"\xff", b"[" * 100_000, b"5", b"nul"])
def test_a_file_that_is_no_array_is_refused_in_one_line(tmp_path, text):
    write_bytes(tmp_path / "source", METRICS.name, text, ".json")
    with pytest.raises(DataGapError, match=r"must (be a JSON array of objects|begin with a row)"):
        ingest(tmp_path / "source", tmp_path / "catalog")


@pytest.mark.parametrize(
    "name", ["exchangeInfo", "brackets", "BTCUSDT", "BTCUSDT-5m-2025-01-01", "2025-01-01"]
)
def test_other_json_files_are_none_of_ours(tmp_path, name):
    write_bytes(tmp_path, name, b"[]", ".json")
    found = find_files(tmp_path)
    assert (found.files, found.refused, found.ignored) == ((), (), (f"{name}.json",))
