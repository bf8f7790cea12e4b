"""One reader of the map's parameters, with one line per fault."""

import json

import pytest

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.data.map_parameters import checked_parameters
from liq_nautilus.data.map_parameters import read_parameters
from liq_nautilus.errors import SettingError


def written(tmp_path, document):
    path = tmp_path / "params.json"
    path.write_text(json.dumps(document))
    return path


def test_parameters_are_read_and_what_is_absent_has_its_default(tmp_path):
    for version in ({"version": 2}, {}):
        path = written(tmp_path, version | {"parameters": {"grid_bps": 7.0}})
        assert read_parameters(path) == TrackerParameters(grid_bps=7.0)


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ([], "must hold a JSON object"),
        ({}, "must hold the map's `parameters` as a JSON object, held NoneType"),
        ({"version": 0, "parameters": {}}, "must be a parameters file of version 2, was 0"),
        ({"version": 3, "parameters": {}}, "of version 2, was 3; make it anew with"),
        ({"version": 2}, "must hold the map's `parameters` as a JSON object, held NoneType"),
        ({"version": 2, "parameters": [1]}, "as a JSON object, held list"),
        ({"version": 2, "parameters": {"size": 1}}, "one is wrong: parameters must be among"),
        ({"version": 2, "parameters": {"grid_bps": -1}}, "grid_bps must be above 0, was -1"),
        (
            {"version": 2, "parameters": {"grid_bps": "wide"}},
            "one is wrong: .*wide|must be numbers",
        ),
    ],
)
def test_a_wrong_file_is_told_with_the_name_its_user_knows(tmp_path, document, what):
    path = written(tmp_path, document)
    with pytest.raises(SettingError, match=what) as e:
        read_parameters(path, "parameters_path")
    assert str(e.value).startswith("parameters_path ")
    assert "params.json" in str(e.value)


def test_values_of_a_configuration_are_checked_alike():
    assert checked_parameters({}, "parameters") == TrackerParameters()
    with pytest.raises(SettingError, match=r"^parameters must hold parameters of the map, one is"):
        checked_parameters({"turnover_rate": -0.1}, "parameters")
