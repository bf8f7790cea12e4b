"""What is remembered of Nautilus's encoding, and that ingestion does without Nautilus then."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.data_files import KINDS as FILES
from support.data_files import SECOND_SOURCES
from support.data_files import write_file

from liq_nautilus.data.kinds import STORED_TYPES
from liq_nautilus.nautilus.ingest import encodings
from liq_nautilus.nautilus.ingest.encodings import Encodings
from liq_nautilus.nautilus.ingest.encodings import user_encodings

INGEST = """
import sys
from pathlib import Path
from liq_nautilus.nautilus.ingest.ingest import ingest
summary = ingest(Path(sys.argv[1]), Path(sys.argv[2]))
heavy = [m for m in ("nautilus_trader", "pandas", "numba", "scipy") if m in sys.modules]
print(summary.n_files_read, *heavy)
"""


def ingest_apart(source: Path, catalog: Path) -> list[str]:
    command = [sys.executable, "-c", INGEST, str(source), str(catalog)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.split()


def test_ingestion_loads_neither_nautilus_nor_pandas_nor_a_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("LIQ_NAUTILUS_CACHE", str(tmp_path / "cache"))
    kinds = [kind for name, kind in FILES.items() if name not in SECOND_SOURCES]
    for kind in kinds:
        write_file(tmp_path / "source", kind, kind.lines(40))
    assert "nautilus_trader" in ingest_apart(tmp_path / "source", tmp_path / "first")
    assert ingest_apart(tmp_path / "source", tmp_path / "second") == [str(len(kinds))]
    # Nor does a run that changes nothing.
    assert ingest_apart(tmp_path / "source", tmp_path / "second") == [str(len(kinds))]


@pytest.mark.parametrize("name", ["Bar", "TradeTick", "FundingRateUpdate", "OpenInterest"])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "SOLUSD_PERP"])
def test_what_is_remembered_is_what_nautilus_says(tmp_path, name, symbol):
    stored, interval = STORED_TYPES[name], "5m" if name == "Bar" else ""
    asking = Encodings(tmp_path / "cache" / "a.json")
    definition = asking.definition(symbol, None)
    asked = asking.of(stored, interval, definition)
    asking.save()
    knowing = Encodings(tmp_path / "cache" / "a.json")
    assert knowing.definition(symbol, None) == definition
    known = knowing.of(stored, interval, definition)
    assert known.schema.equals(asked.schema, check_metadata=True)
    assert known.is_direct == asked.is_direct is True


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"Bar x": 5}', ""])
def test_damaged_cache_is_asked_anew(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    known = Encodings(path)
    assert known.definition("BTCUSDT", None).price_precision == 2
    known.save()
    assert Encodings(path).definition("BTCUSDT", None).content[:4] == b"PAR1"


def test_other_precisions_have_another_encoding(tmp_path):
    known = Encodings(tmp_path / "a.json")
    definition = known.definition("BTCUSDT", None)
    schemas = [
        known.of(STORED_TYPES["TradeTick"], "", definition._replace(price_precision=p)).schema
        for p in (2, 5)
    ]
    assert [schema.metadata[b"price_precision"] for schema in schemas] == [b"2", b"5"]


def test_cache_changes_with_the_build_of_nautilus_and_the_code(tmp_path, monkeypatch):
    monkeypatch.setenv("LIQ_NAUTILUS_CACHE", str(tmp_path))
    first = encodings._state_of_nautilus()
    monkeypatch.setattr(encodings.importlib.metadata, "version", lambda _: "1.999")
    second = encodings._state_of_nautilus()
    monkeypatch.setattr(encodings, "_SOURCES", ("types.py",))
    assert len({first, second, encodings._state_of_nautilus()}) == 3
    assert second.startswith("1.999-")


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null/x"])
def test_place_that_cannot_be_written_is_no_failure(monkeypatch, place):
    monkeypatch.setenv("LIQ_NAUTILUS_CACHE", place)
    known = user_encodings()
    assert known.definition("BTCUSDT", None).size_precision == 3
    known.save()
