import json
import math

import numpy as np
import pytest
from support.study_windows import START
from support.study_windows import made_up_window
from support.study_windows import measured

from liq_nautilus.core.records import LONG
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.reports.accuracy_page import html_report
from liq_nautilus.reports.accuracy_page import markdown_report
from liq_nautilus.studies.accuracy import verdict
from liq_nautilus.studies.calibrating import Calibrator
from liq_nautilus.studies.fitting import Fit
from liq_nautilus.studies.names import SCENARIO
from liq_nautilus.studies.training_windows import data_hash
from liq_nautilus.studies.training_windows import reported_share
from liq_nautilus.studies.window_scores import ALL_MODELS
from liq_nautilus.studies.window_scores import METRICS
from liq_nautilus.studies.window_scores import relation_of
from liq_nautilus.times import DAY_NS

CANDIDATES = {"turnover_rate": (1.0, 2.0), "prior_spread": (0.03, 0.06)}
BASELINES = {
    "adverse_move", "move_x_open_interest", "move_x_volatility", "distance_kernel",
    "snapshot_comb", "volume_profile", "swing_levels", "round_numbers", "specification_ensemble",
    "without_map", "shifted_map", "path_regression", "py_liquidation_map_original",
}  # fmt: skip


@pytest.fixture(scope="module")
def windows():
    return [made_up_window(3, 1), made_up_window(4, 2, START + 10 * DAY_NS)]


@pytest.fixture(scope="module")
def calibrator():
    return Calibrator(candidates=CANDIDATES)


@pytest.fixture(scope="module")
def fit(windows, calibrator):
    return calibrator.fit(windows[:1], created="2026-01-01")


@pytest.fixture(scope="module")
def document(windows, calibrator):
    return measured(windows, lambda n: calibrator.fit(windows[:n]), source="walk-forward")


def test_every_window_and_side_has_every_model_and_baseline(document):
    assert [(e["start"][:10], e["side"]) for e in document["windows"]] == [
        ("2025-03-03", "long"), ("2025-03-03", "short"),
        ("2025-03-13", "long"), ("2025-03-13", "short"),
    ]  # fmt: skip
    for entry in document["windows"] + document["pooled"]:
        assert set(entry["models"]) == set(ALL_MODELS)
        assert set(entry["baselines"]) == BASELINES
        for scores in [*entry["models"].values(), *entry["baselines"].values()]:
            assert set(METRICS) <= set(scores)
            assert all(scores[m] is not None for m in METRICS) or scores["reason"]


def test_what_lacks_an_input_is_null_with_the_reason(document):
    for entry in document["windows"]:
        assert entry["models"]["py_liquidation_map"]["spearman"] is None
        assert "no trades" in entry["models"]["py_liquidation_map"]["reason"]
        assert "no trades" in entry["baselines"]["py_liquidation_map_original"]["reason"]


def test_the_first_window_of_a_walk_is_scored_with_the_prior_and_not_pooled(document):
    first, second = document["windows"][0], document["windows"][2]

    assert (first["relation"], second["relation"]) == ("none", "earlier")
    assert first["increment"] is None
    assert "no training window" in first["increment_reason"]
    assert first["models"][SCENARIO]["explained_deviance"] is None
    assert "no scale" in first["models"][SCENARIO]["reason"]
    assert document["params"]["relation"] == "earlier"
    assert document["pooled"][0]["intervals"] == second["intervals"] == 96
    assert document["pooled"][0]["n_windows"] == 1


def test_gain_is_best_model_less_best_baseline_and_its_interval_holds_it(document):
    for entry in document["windows"][2:] + document["pooled"]:
        best = entry["models"][entry["best_model"]]["spearman"]
        highest = max(
            s["spearman"] for s in entry["baselines"].values() if s["spearman"] is not None
        )
        assert entry["baselines"][entry["best_baseline"]]["spearman"] == highest
        assert entry["gain"] == pytest.approx(best - highest)
        assert entry["gain_interval"][0] <= entry["gain"] <= entry["gain_interval"][1]


def test_labels_made_of_the_move_alone_give_the_map_no_increment(document):
    # A null must come out as a null.
    for entry in document["pooled"]:
        assert entry["increment_interval"][0] <= 0.02
        assert entry["leak_reference"]["spearman"] >= entry["leak_reference"]["path_only_in_sample"]


def test_the_verdict_says_each_side_and_claim(document):
    assert "Long liquidations, 96 intervals" in document["verdict"]
    assert "Short liquidations" in document["verdict"]
    assert "gain" in document["verdict"]
    json.dumps(document, allow_nan=False)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.01, 0.03, "adds to what the price path tells (increment"),
        (-0.03, -0.01, "makes the path-only regression worse"),
        (-0.01, 0.03, "cannot be said"),
    ],
)
def test_the_verdict_follows_the_interval(low, high, text):
    entry = {
        "side": "long", "intervals": 9, "gain": None, "gain_interval": None, "increment": 0.02,
        "increment_interval": [low, high],
    }  # fmt: skip
    assert text in verdict([entry])
    assert "gain not measured" in verdict([entry])


def test_models_can_be_chosen_and_refresh_is_said(windows, fit):
    document = measured(windows[1:], lambda _: fit, source="x", models=["ensemble"], refresh=True)
    assert set(document["windows"][0]["models"]) == {"ensemble"}
    assert document["mode"] == "refresh"
    # What was fitted on frozen maps says nothing about refreshed ones.
    assert document["windows"][0]["increment"] is None
    assert "other mode" in document["windows"][0]["baselines"]["path_regression"]["reason"]
    assert document["windows"][0]["best_model"] == fit.best_model


def test_trades_bring_the_trade_map(calibrator, fit):
    window = made_up_window(2, 5, START + 30 * DAY_NS, trades=True)
    entry = measured([window], lambda _: fit, source="x")["windows"][0]

    assert entry["models"]["py_liquidation_map"]["spearman"] is not None
    assert entry["baselines"]["py_liquidation_map_original"]["spearman"] is not None


def test_parameters_carry_their_provenance(fit, windows):
    provenance = fit.provenance
    assert provenance["windows"][0]["start_ns"] == windows[0].start
    assert provenance["created"] == "2026-01-01"
    assert provenance["data_sha256"] == data_hash(windows[:1])
    assert math.isfinite(provenance["log_likelihood"])
    assert sum(fit.parameters.leverage_weights_long) == pytest.approx(1.0)
    assert min(fit.parameters.liquidated_shares_long) > 0.0
    assert provenance["windows"][0]["interval_hours"] == 1.0
    assert data_hash(windows) != data_hash(windows[:1])


def test_parameters_go_through_json_unchanged(fit, windows):
    again = Fit.from_dict(json.loads(json.dumps(fit.to_dict())))
    scored = [measured(windows[1:], lambda _, one=one: one, source="x") for one in (fit, again)]

    assert again.parameters == fit.parameters
    assert scored[0] == scored[1]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"version": 99}, "version 2, was 99"),
        ({"parameters": {"nonsense": 1}}, "nonsense"),
        ({"sides": {"long": {}}}, "KeyError"),
    ],
)
def test_foreign_parameters_files_are_refused(fit, change, match):
    with pytest.raises(SettingError, match=match):
        Fit.from_dict(fit.to_dict() | change)


def test_plain_parameters_without_scales_can_be_scored(fit, windows):
    bare = Fit.from_dict({"version": 2, "parameters": fit.parameters.to_dict()})
    entry = measured(windows[1:], lambda _: bare, source="x")["windows"][0]
    assert entry["relation"] == "none"
    assert entry["increment"] is None


def test_fitting_is_repeatable_and_depends_on_training_windows_alone(windows, fit):
    again = Calibrator(candidates=CANDIDATES).fit(windows[:1], created="2026-01-01")
    assert again.to_dict() == fit.to_dict()


def test_relation_of_training_to_scored_windows(fit, windows):
    start, end = windows[0].start, windows[0].end
    assert relation_of(fit, start, end) == "overlapping"
    assert relation_of(fit, end, end + 1) == "earlier"
    assert relation_of(fit, start - 5, start) == "disjoint"


def test_training_windows_must_hold_liquidations(windows, calibrator):
    window = made_up_window(2)
    window.labels.short_notional[:] = 0.0
    with pytest.raises(DataGapError, match="none of short positions"):
        calibrator.fit([window])


def test_what_the_forced_order_feed_shows_is_estimated_where_both_exist(windows):
    both = made_up_window(3, orders=True)
    assert reported_share([both]) == pytest.approx(0.4)
    assert reported_share(windows) is None
    fit = Calibrator(candidates={"turnover_rate": (1.0,)}).fit([both])
    assert fit.parameters.reported_share == pytest.approx(0.4)


def test_progress_is_told(windows):
    told = []
    Calibrator(candidates={"turnover_rate": (1.0,)}, progress=told.append).fit(windows[:1])
    assert any("log likelihood" in line for line in told)


def test_reports_hold_the_figures_and_stand_alone(document):
    text, page = markdown_report(document), html_report(document)
    clear = document["reliability"]["actions"]["CLEAR"]["signals"]
    assert f"| CLEAR, signals | {clear['n']} | {clear['mean_confidence']:.3f} |" in text
    assert f"<td>CLEAR, signals</td><td>{clear['n']}</td>" in page
    shown = f"{document['pooled'][0]['gain']:+.3f}"

    assert text.startswith("# Accuracy against realised liquidations")
    for report in (text, page):
        assert shown in report
        assert "path_regression" in report
        assert "n/a" in report
    assert "<script" not in page
    assert "http" not in page


def test_what_is_fitted_on_the_move_keeps_its_sign(fit):
    assert np.all(np.array(fit.parameters.liquidated_shares_long) >= 0.0)
    assert all(scale.power >= 0.0 for scale in fit.sides[LONG].scales.values())


def test_refresh_gives_the_opponent_the_same_information(windows):
    calibrator = Calibrator(candidates={"turnover_rate": (1.0,)}, refresh=True)
    fit = calibrator.fit(windows[:1])
    entry = measured(windows[1:], lambda _: fit, source="x", refresh=True)["windows"][0]

    assert fit.mode == "refresh"
    assert Fit.from_dict(fit.to_dict()).mode == "refresh"
    # Two more inputs: the moves of the bars, added up.
    assert fit.sides[LONG].regressions["path"].quantiles.shape[0] == 9
    assert entry["increment"] is not None


def test_refresh_adds_the_trade_map_up(fit):
    window = made_up_window(2, 5, START + 30 * DAY_NS, trades=True)
    document = measured([window], lambda _: fit, source="x", refresh=True)
    scores = document["windows"][0]["baselines"]["py_liquidation_map_original"]
    assert scores["spearman"] is not None


def test_reports_tell_of_located_events(fit):
    window = made_up_window(2, 5, START + 30 * DAY_NS, orders=True)
    text = markdown_report(measured([window], lambda _: fit, source="x"))
    assert "single events inside the swept range" in text
    assert "random levels" in text


def test_the_leak_reference_uses_volume_where_there_is_some(fit):
    window = made_up_window(2, 5, START + 30 * DAY_NS, volume=False)
    entry = measured([window], lambda _: fit, source="x")["windows"][0]
    assert entry["leak_reference"]["inputs"] == ["open interest"]
