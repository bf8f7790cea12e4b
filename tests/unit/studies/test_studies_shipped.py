"""The shipped parameters are what everything uses by default, and say where they come from."""

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.studies.parameter_files import shipped_fit


def test_the_defaults_are_the_shipped_parameters():
    assert TrackerParameters().to_dict() == shipped_fit().parameters.to_dict()


def test_the_shipped_parameters_tell_their_provenance():
    provenance = shipped_fit().provenance
    assert len(provenance["windows"]) == 3
    assert all(window["intervals"] > 0 for window in provenance["windows"])
    assert len(provenance["data_sha256"]) == 64
    assert provenance["created"]
