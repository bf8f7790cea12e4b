"""How forecasts are scored: from what is known, beside simpler ones, as the document says."""

from dataclasses import replace

import numpy as np
import pytest
from support.study_windows import made_up_window

from liq_nautilus.core.forecasting.inputs import GROUPS
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.studies.forecasts import measuring
from liq_nautilus.studies.forecasts import rival_fits as forecast_fits
from liq_nautilus.studies.forecasts import scores
from liq_nautilus.studies.forecasts.moments import gather_moments
from liq_nautilus.times import HOUR_NS

PARAMETERS = TrackerParameters()
KEYS = {
    *("n", "spearman", "strongest_baseline", "increment", "increment_interval", "pinball_skill"),
    *("coverage", "brier", "reliability", "avoid", "avoid_volatility", "avoid_past"),
}


@pytest.fixture(scope="module")
def window():
    return made_up_window(5)


@pytest.fixture(scope="module")
def moments(window):
    return gather_moments(window, PARAMETERS, "4h")


@pytest.fixture(scope="module")
def fits(moments):
    return forecast_fits.fit_all([moments])


def test_moments_are_the_starts_whose_horizon_ends_inside(window, moments):
    assert moments.ts[-1] + 4 * HOUR_NS <= window.end
    assert moments.ts[0] >= window.start + 24 * HOUR_NS
    assert set(np.diff(moments.ts)) == {HOUR_NS}
    np.testing.assert_array_equal(moments.ts_end - moments.ts, 4 * HOUR_NS)


def test_realised_is_what_the_labels_sum_to_and_unusual_what_rarely_ended_before(window, moments):
    labels = window.labels
    for i in (0, len(moments.ts) // 2, -1):
        ts = int(moments.ts[i])
        inside = (labels.ts_open >= ts) & (labels.ts_close <= ts + 4 * HOUR_NS)
        longs, shorts = labels.long_notional[inside].sum(), labels.short_notional[inside].sum()
        np.testing.assert_allclose(moments.realised[:, i], [longs, shorts, longs + shorts])
        totals = []
        for end in range(ts, ts - 72 * HOUR_NS, -HOUR_NS):
            own = (labels.ts_open >= end - 4 * HOUR_NS) & (labels.ts_close <= end)
            if own.sum() == 4:
                totals.append(labels.long_notional[own].sum())
        assert moments.threshold[0, i] == pytest.approx(np.quantile(totals, 0.9))


def test_the_future_changes_no_forecast(window, moments):
    cut = int(moments.ts[10])
    later = window.labels.ts_close > cut
    labels = replace(
        window.labels,
        long_notional=np.where(later, 9e9, window.labels.long_notional),
        short_notional=np.where(later, 9e9, window.labels.short_notional),
    )
    events = tuple(event for event in window.events if event.ts_known <= cut)
    other = gather_moments(replace(window, events=events, labels=labels), PARAMETERS, "4h")
    for name in ("columns", "forecast"):
        np.testing.assert_array_equal(getattr(other, name)[:, :11], getattr(moments, name)[:, :11])
    np.testing.assert_array_equal(other.is_avoided[:11], moments.is_avoided[:11])


def test_the_trackers_forecast_is_what_its_fit_predicts(window, moments):
    shipped, provenance = forecast_fits.shipped()
    assert len(provenance["windows"]) == 4
    name = forecast_fits.FORECAST
    made = forecast_fits.predict(name, shipped["4h"], moments, window.labels, "4h")
    np.testing.assert_allclose(made.chance, moments.forecast[:, :, 5], rtol=1e-9)
    # The tracker also learns between the moments, each half hour.
    told = moments.forecast[:, :, 0]
    assert np.corrcoef(np.log(made.expected[2]), np.log(told[2]))[0, 1] > 0.95


def test_shipped_numbers_are_those_of_the_map():
    shipped, _ = forecast_fits.shipped()
    assert forecast_fits.numbers_of(shipped) == PARAMETERS.forecast_numbers
    document = forecast_fits.to_document(shipped, {"windows": []})
    assert set(document["fits"]["1h"]) == set(forecast_fits.INPUTS)


def test_the_placebo_has_the_map_of_two_days_before(moments):
    place, other = GROUPS["map"], GROUPS["volatility"]
    columns = forecast_fits.columns_of(forecast_fits.PLACEBO, moments)
    np.testing.assert_array_equal(columns[:, 48:, place], moments.columns[:, :-48, place])
    np.testing.assert_array_equal(columns[:, :48, place], 0.0)
    np.testing.assert_array_equal(columns[:, :, other], moments.columns[:, :, other])
    same = forecast_fits.columns_of(forecast_fits.FORECAST, moments)
    np.testing.assert_array_equal(same, moments.columns)


def test_baselines_leave_the_map_out(fits):
    for name in forecast_fits.BASELINES:
        for weights in (fits[name].location, fits[name].odds):
            assert not weights[:, 1:][:, GROUPS["map"]].any()
    assert fits[forecast_fits.FORECAST].location[:, 1:][:, GROUPS["map"]].any()


def test_scores_say_how_well_what_was_told_came_true(window, moments, fits):
    evidence = scores.side_evidence(moments, fits, window.labels, "4h")
    found = scores.score([evidence["both"], evidence["both"]])
    assert found.keys() >= KEYS
    assert found["n"] == 2 * len(moments.ts)
    ranks = found["spearman"]
    best = max(ranks[name] for name in forecast_fits.BASELINES)
    assert ranks["strongest_baseline"] == ranks[found["strongest_baseline"]] == best
    assert found["coverage"]["0.1"] <= found["coverage"]["0.5"] <= found["coverage"]["0.9"]
    avoid = found["avoid"]
    assert avoid["duty"] == pytest.approx(moments.is_avoided.mean())
    if avoid["p_on"] is not None:
        assert avoid["difference"] == pytest.approx(avoid["p_on"] - avoid["p_off"])
    assert found["avoid_volatility"]["duty"] == avoid["duty"]


def test_a_perfect_forecast_scores_as_one(window, moments, fits):
    evidence = scores.side_evidence(moments, fits, window.labels, "4h")["long"]
    name = forecast_fits.FORECAST
    truth = evidence.realised
    perfect = replace(
        evidence,
        expected=evidence.expected | {name: truth},
        chance=evidence.chance | {name: evidence.is_unusual.astype(float)},
        quantiles=evidence.quantiles | {name: np.repeat(truth[:, None], 4, axis=1)},
        is_avoided=evidence.is_unusual,
    )
    found = scores.score([perfect])
    assert found["spearman"][name] == pytest.approx(1.0)
    assert found["increment"] > 0.0
    assert found["pinball_skill"] == 1.0
    assert found["brier"][name] == 0.0
    assert found["reliability"]["calibration_error"] == 0.0
    assert found["avoid"]["p_on"] == 1.0
    assert found["avoid"]["p_off"] == 0.0


def test_equal_duty_takes_the_highest_of_the_last_days():
    ts = np.arange(200) * HOUR_NS
    chance = np.zeros(200)
    chance[[50, 120, 180]] = 0.9, 0.5, 0.7
    found = scores.highest_lately(chance, ts, 3)
    assert np.flatnonzero(found).tolist() == [50, 120, 180]
    assert not scores.highest_lately(chance, ts, 0).any()


def test_rows_are_one_per_moment_and_side_without_gaps(window, moments, fits):
    rows = scores.interval_rows(scores.side_evidence(moments, fits, window.labels, "4h"))
    assert len(rows) == 3 * len(moments.ts)
    assert [row["side"] for row in rows[:3]] == ["long", "short", "both"]
    for row in rows:
        assert row["q10"] <= row["q50"] <= row["q90"] <= row["q99"]
        assert row["avoid"] in {"true", "false"}
        assert all(value == value for value in row.values())


@pytest.mark.parametrize("way", ["shipped", "walk-forward", "leave-one-out"])
def test_the_document_names_what_was_fitted_on_what(window, monkeypatch, way):
    known = {}
    monkeypatch.setattr(
        measuring,
        "gather_moments",
        lambda one, parameters, horizon: known.setdefault(
            (id(one), horizon), gather_moments(one, parameters, horizon)
        ),
    )
    second = replace(window)
    document, rows = measuring.measure_forecasts(
        [window, second], PARAMETERS, "1h", way=way, progress=lambda _: None
    )
    n = 1 if way == "walk-forward" else 2
    assert [entry["side"] for entry in document["windows"]] == ["long", "short", "both"] * n
    assert [entry["side"] for entry in document["pooled"]] == ["long", "short", "both"]
    assert document["horizon"] == "1h"
    assert len(document["params"]["windows"]) == (4 if way == "shipped" else 1)
    assert len(rows) == n * 3 * document["windows"][0]["n"]


def test_what_cannot_be_scored_is_told(window):
    with pytest.raises(SettingError, match="--horizon must be one of 1h, 4h, 1d, was 2h"):
        measuring.measure_forecasts([window], PARAMETERS, "2h")
    short = made_up_window(1)
    with pytest.raises(DataGapError, match="choose another --horizon"):
        measuring.measure_forecasts([short], PARAMETERS, "4h", progress=lambda _: None)
