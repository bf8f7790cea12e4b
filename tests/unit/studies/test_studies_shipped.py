"""The shipped parameters are what everything uses by default, and say where they come from."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from liq_nautilus.core import fitted
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.errors import SettingError
from liq_nautilus.studies.parameter_files import read_fit
from liq_nautilus.studies.parameter_files import shipped_fit
from liq_nautilus.studies.parameter_files import write_fit

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script():
    path = ROOT / "scripts" / "ship_parameters.py"
    spec = importlib.util.spec_from_file_location("ship_parameters", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_defaults_are_the_shipped_parameters():
    assert shipped_fit().parameters == TrackerParameters()
    for name in vars(fitted):
        if name.isupper():
            assert getattr(TrackerParameters(), name.lower()) == getattr(fitted, name)


def test_the_numbers_stand_in_one_place():
    shipped = json.loads((ROOT / "liq_nautilus" / "parameters" / "default.json").read_text())
    assert "parameters" not in shipped


def test_the_shipped_parameters_tell_their_provenance():
    provenance = shipped_fit().provenance
    assert len(provenance["windows"]) == 4
    assert all(window["intervals"] > 0 for window in provenance["windows"])
    assert len(provenance["data_sha256"]) == 64
    assert provenance["created"]


def test_the_module_of_numbers_is_what_the_script_writes(script):
    text = (ROOT / "liq_nautilus" / "core" / "fitted.py").read_text(encoding="utf-8")
    assert script.fitted_module(TrackerParameters()) == text


def test_shipping_a_file_makes_its_numbers_the_defaults(script, tmp_path):
    base = shipped_fit()
    changed = replace(base.parameters, turnover_rate=0.5, leverages=(2, *range(10, 21)))
    write_fit(replace(base, parameters=changed), tmp_path / "fitted.json")
    script.ship(json.loads((tmp_path / "fitted.json").read_text()), tmp_path)
    numbers = {}
    exec((tmp_path / "core" / "fitted.py").read_text(), numbers)
    assert numbers["TURNOVER_RATE"] == 0.5
    assert numbers["LEVERAGES"] == changed.leverages
    rest = json.loads((tmp_path / "parameters" / "default.json").read_text())
    assert rest["provenance"] == base.provenance
    assert "parameters" not in rest


def test_a_changed_number_without_a_place_is_refused(script):
    with pytest.raises(SettingError, match="frozen_hours differs from its default too"):
        script.fitted_module(TrackerParameters(frozen_hours=5.0))


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "fitted.json"
    written = write_fit(shipped_fit(), path)
    assert read_fit(path).to_dict() == written.to_dict()
