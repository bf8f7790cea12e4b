"""The benchmark on real months: what EVIDENCE.md claims of the map must hold here."""

from pathlib import Path

import pytest
from support.study_windows import measured

from liq_nautilus.nautilus.ingest.ingest import ingest
from liq_nautilus.studies.calibrating import Calibrator
from liq_nautilus.studies.inputs.loading import Request
from liq_nautilus.studies.inputs.loading import load_windows
from liq_nautilus.studies.parameter_files import shipped_fit
from liq_nautilus.studies.training_windows import data_hash

DATA = Path(__file__).parents[2] / "../shared/data"
pytestmark = [
    pytest.mark.skipif(not DATA.exists(), reason="the real data is not on this machine"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    catalog = tmp_path_factory.mktemp("accuracy") / "catalog"
    for folder in ("futures/um/daily", "futures/um/monthly/fundingRate", "liquidation-bars"):
        ingest(DATA / folder, catalog, symbols=["BTCUSDT"])
    return load_windows(Request(catalog, "BTCUSDT"))


def test_one_missing_hour_does_not_split_january(windows):
    assert [len(window.labels) for window in windows] == [312, 743, 743, 384]


def test_shipped_parameters_were_fitted_on_these_very_months(windows):
    provenance = shipped_fit().provenance
    assert [one["intervals"] for one in provenance["windows"]] == [312, 743, 743, 384]
    assert provenance["data_sha256"] == data_hash(windows)


def test_walking_forward_the_map_adds_to_what_the_path_tells(windows):
    calibrator = Calibrator()
    document = measured(windows, lambda n: calibrator.fit(windows[:n]), source="walk")

    assert document["params"]["relation"] == "earlier"
    for entry in document["pooled"]:
        assert entry["increment_interval"][0] > 0.0
        assert entry["gain"] > 0.0
        # The map of another day adds far less: open interest, turnover and volatility of
        # yesterday resemble today's, so that nothing at all is not to be expected.
        assert entry["increment_placebo_interval"][1] < entry["increment_interval"][0]
        # Nor are openings and background what carries it.
        alone = entry["baselines"]["without_map"]["spearman"]
        assert entry["models"][entry["best_model"]]["spearman"] > alone + 0.05


def test_shipped_parameters_say_that_these_months_overlap(windows):
    fit = shipped_fit()
    document = measured(windows, lambda _: fit, source="shipped")
    assert document["params"]["relation"] == "overlapping"
    for entry in document["pooled"]:
        assert entry["increment_interval"][0] > 0.0
