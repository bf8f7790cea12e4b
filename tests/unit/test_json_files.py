"""JSON files: faults in one line, whole files only, no NaN."""

import json
import math
import os
import stat

import numpy as np
import pytest

from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.json_files import json_text
from liq_nautilus.json_files import read_json
from liq_nautilus.json_files import read_object
from liq_nautilus.json_files import without_nan
from liq_nautilus.json_files import write_json
from liq_nautilus.json_files import write_text


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "made" / "on the way" / "a.json"
    write_json(path, {"b": [1, 2.5, None], "ä": "ü"}, "the answer")
    assert read_object(path, "the answer") == {"b": [1, 2.5, None], "ä": "ü"}
    assert names(path.parent) == ["a.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000], ids=lambda b: b[:2])
def test_what_is_no_json_is_told_in_one_line(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(
        SettingError, match=r"^--params must be a readable JSON file, .*a.json was"
    ) as e:
        read_json(path, "--params")
    assert "\n" not in str(e.value)
    assert str(e.value).endswith("; give another")


def test_a_missing_file_is_told_with_its_remedy(tmp_path):
    with pytest.raises(StoreError, match="was not: No such file or directory; ingest again"):
        read_json(tmp_path / "none.json", "the record", error=StoreError, remedy="ingest again")


@pytest.mark.parametrize(("text", "found"), [("[]", "list"), ("3", "int"), ("null", "NoneType")])
def test_only_an_object_is_an_object(tmp_path, text, found):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(SettingError, match=f"must hold a JSON object, .* held a {found}; mend it"):
        read_object(path, "CONFIG", remedy="mend it")


def test_nan_and_infinities_are_null_wherever_they_stand():
    value = {"a": [math.nan, (math.inf, -math.inf)], "b": {"c": np.float64("nan")}, "d": 0.0}
    assert without_nan(value) == {"a": [None, [None, None]], "b": {"c": None}, "d": 0.0}


def test_numbers_of_numpy_are_plain_ones():
    plain = without_nan([np.int64(3), np.float32(0.5), np.bool_(True), np.array(7)])
    assert plain == [3, 0.5, True, 7]
    assert [type(one) for one in plain] == [int, float, bool, int]


def test_text_ends_with_a_line_and_may_be_dense():
    assert json_text({"a": 1}) == '{\n  "a": 1\n}\n'
    assert json_text({"a": [1, 2]}, indent=None) == '{"a":[1,2]}\n'
    assert json.loads(json_text({"a": math.nan})) == {"a": None}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old", "--out")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        StoreError, match=r"^--out must be a writable file, .*a.txt was not: No space"
    ):
        write_text(path, "new", "--out")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(StoreError, match="--report must be a writable file"):
        write_text(tmp_path, "x", "--report")
    assert list(tmp_path.parent.glob(f".{tmp_path.name}*")) == []


def test_the_unfinished_file_is_staged_where_it_is_told(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.extend(names(tmp_path / "staging")))
    (tmp_path / "staging").mkdir()
    write_text(tmp_path / "there" / "a.txt", "x", "a", staging=tmp_path / "staging")
    assert [name.startswith(".a.txt.") for name in seen] == [True]
    assert names(tmp_path / "staging") == []
    assert stat.S_ISREG((tmp_path / "there" / "a.txt").stat().st_mode)
