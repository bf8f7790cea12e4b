"""What is published, scored: intervals, dollars, past liquidations, learning within a symbol."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.study_windows import START
from support.study_windows import made_up_window
from support.study_windows import measured

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.science.band_curves import band_reach
from liq_nautilus.core.science.band_curves import fit_band
from liq_nautilus.studies.accuracy import INTERVAL_COLUMNS
from liq_nautilus.studies.accuracy import Part
from liq_nautilus.studies.accuracy import intervals_table
from liq_nautilus.studies.accuracy import measure_accuracy
from liq_nautilus.studies.calibrating import Calibrator
from liq_nautilus.studies.evidence import gather
from liq_nautilus.studies.fitting import regression_inputs
from liq_nautilus.studies.inputs.windows import PUBLICATION_DELAY_NS
from liq_nautilus.studies.inputs.windows import liquidation_events
from liq_nautilus.studies.inputs.windows import past_liquidations
from liq_nautilus.studies.map_readings import replay
from liq_nautilus.studies.names import SIDE_NAMES
from liq_nautilus.times import DAY_NS


@pytest.fixture(scope="module")
def windows():
    return [made_up_window(4, 1), made_up_window(3, 2, START + 10 * DAY_NS)]


@pytest.fixture(scope="module")
def calibrator():
    return Calibrator(candidates={"turnover_rate": (1.0,)})


@pytest.fixture(scope="module")
def fit(windows, calibrator):
    return calibrator.fit(windows[:1])


@pytest.fixture(scope="module")
def scored(windows, fit):
    return measure_accuracy(windows[1:], lambda _: [Part(windows[1], fit)], source="x")


def test_dollars_of_the_training_windows_add_up(windows, fit):
    found = replay(windows[0], fit.parameters, ("ensemble",))
    for index, side in enumerate(SIDE_NAMES):
        realised = windows[0].labels.of(side).sum()
        # Fitted on one model's tiers, the ensemble is a mean of two.
        assert found.models["ensemble"][:, index].sum() == pytest.approx(realised, rel=0.1)


def test_calibration_can_be_recomputed_from_the_intervals(scored):
    document, sides = scored
    table = pd.DataFrame(intervals_table(sides))
    assert tuple(table.columns) == INTERVAL_COLUMNS
    assert table["ts_open"].is_monotonic_increasing
    for entry in document["windows"]:
        own = table[table["side"] == entry["side"]]
        assert len(own) == entry["intervals"]
        found = entry["calibration"]
        assert own["expected"].sum() / own["realised"].sum() == pytest.approx(found["ratio"])
        inside = own["realised"].between(own["low"], own["high"])
        assert inside.mean() == pytest.approx(found["coverage"])
        assert (own["realised"] < own["low"]).mean() == pytest.approx(found["below"])
        assert found["coverage"] + found["below"] + found["above"] == pytest.approx(1.0)
        rank = own["expected"].corr(own["realised"], method="spearman")
        assert rank == pytest.approx(entry["models"]["ensemble"]["spearman"])
        rank = own["path_regression"].corr(own["realised"], method="spearman")
        assert rank == pytest.approx(entry["baselines"]["path_regression"]["spearman"])
        assert np.mean([one[1] for one in found["deciles"]]) == pytest.approx(
            own["realised"].mean(), rel=0.05
        )
        assert (own["low"] <= own["expected"]).all()
        assert (own["expected"] <= own["high"]).all()
        assert own["exposure"].sum() > own["expected"].sum()


def test_what_nothing_was_learnt_for_is_told_as_not_a_number(windows, calibrator):
    _, sides = measure_accuracy(
        windows[:1], lambda _: [Part(windows[0], calibrator.fit([]))], source="x"
    )
    assert all(math.isnan(value) for value in intervals_table(sides)["path_regression"])


def test_only_intervals_that_have_ended_are_told(windows):
    labels = windows[0].labels
    events = liquidation_events(labels)
    assert len(events) == 2 * len(labels)
    for event in events:
        _, _, opened, closed, source, *_ = event.payload
        assert event.ts_known == closed + PUBLICATION_DELAY_NS
        assert source == "bars"
        assert opened < closed


def test_past_liquidations_are_those_known_at_the_start(windows):
    window = windows[0]
    labels = window.labels
    past = past_liquidations(window, LONG)
    # An interval that has just ended is published a minute later: too late for the next one.
    assert past[10, 0] == pytest.approx(labels.long_notional[8])
    assert past[10, 1] == pytest.approx(labels.long_notional[3:9].mean())
    assert past[40, 2] == pytest.approx(labels.long_notional[15:39].mean())
    changed = replace(labels, long_notional=labels.long_notional.copy())
    changed.long_notional[30:] = 1e12
    later = past_liquidations(replace(window, labels=changed), LONG)
    np.testing.assert_array_equal(later[:32], past[:32])
    assert not np.array_equal(later[32], past[32])
    # Before anything is known the first known value stands.
    assert past[0].tolist() == past[2].tolist()


def test_labels_ahead_change_nothing_and_past_ones_move_the_dollars(windows, fit):
    window = windows[1]
    plain = replay(window, fit.parameters, ("ensemble",))
    doubled = replace(
        window.labels,
        long_notional=5.0 * window.labels.long_notional,
        short_notional=window.labels.short_notional.copy(),
    )
    cut = 40
    doubled.long_notional[cut:] *= 100.0
    found = replay(window, fit.parameters, ("ensemble",), known_labels=doubled)
    whole = replay(
        window,
        fit.parameters,
        ("ensemble",),
        known_labels=replace(doubled, long_notional=5.0 * window.labels.long_notional),
    )
    expected = found.models["ensemble"]
    np.testing.assert_array_equal(expected[: cut + 2], whole.models["ensemble"][: cut + 2])
    assert not np.array_equal(expected[cut + 2 :, 0], whole.models["ensemble"][cut + 2 :, 0])
    assert (expected[cut, 0] > 1.2 * plain.models["ensemble"][cut, 0]).all()
    # Open interest is not moved, only what is liquidated of it.
    np.testing.assert_array_equal(found.exposure, plain.exposure)


def test_sums_over_other_venues_are_left_out(windows, fit):
    window = windows[1]
    plain = replay(window, fit.parameters, ("ensemble",)).models["ensemble"]
    for venues, is_followed in (
        (("KRAKEN",), False),
        (("BINANCE",), False),
        (("OKX", "BYBIT", "BINANCE"), True),
        ((), True),
    ):
        labels = replace(
            window.labels, long_notional=9.0 * window.labels.long_notional, venues=venues
        )
        found = replay(window, fit.parameters, ("ensemble",), known_labels=labels)
        assert np.array_equal(found.models["ensemble"], plain) != is_followed


def test_past_liquidations_are_inputs_of_map_and_opponent_alike(windows, fit):
    document = measured(windows[1:], lambda _: fit, source="x", with_liquidations=True)
    assert document["params"]["inputs"][-1] == "liquidations of intervals that have ended"
    assert "liquidations" not in " ".join(
        measured(windows[1:], lambda _: fit, source="x")["params"]["inputs"]
    )
    evidence = gather(windows[1], fit.parameters, with_liquidations=True)
    inputs = regression_inputs(evidence, SHORT)
    assert inputs["path"].shape[1] == 7 + 3
    assert inputs["path_and_model"].shape[1] == 7 + 1 + 3
    assert fit.sides[LONG].with_past["path"].quantiles.shape[0] == 10
    # Products of the map with the path, but not of what was liquidated before.
    assert fit.sides[LONG].with_past["path_and_model"].n_crossed == 8
    assert fit.sides[LONG].with_past["path"].n_crossed == 7


def test_another_symbol_or_interval_is_learnt_within(windows, calibrator, fit):
    assert not calibrator.must_learn(windows[1], fit)
    other = replace(made_up_window(6, 3, START + 40 * DAY_NS), symbol="ETHUSDT")
    assert calibrator.must_learn(other, fit)
    assert not calibrator.must_learn(other, calibrator.fit([]))
    parts = calibrator.parts(other, fit)
    assert [len(part.labels) for part, _ in parts] == [72, 72]
    for (part, _), (elsewhere, _) in zip(parts, reversed(parts), strict=True):
        learnt = next(f for p, f in parts if p is part)
        assert [one["start_ns"] for one in learnt.provenance["windows"]] == [elsewhere.start]
        assert learnt.parameters.turnover_rate == fit.parameters.turnover_rate
    document, sides = measure_accuracy([other], lambda _: [Part(*one) for one in parts], source="x")
    # One window, whatever it was cut into.
    assert [entry["intervals"] for entry in document["windows"]] == [144, 144]
    assert document["windows"][0]["increment"] is not None
    assert len(intervals_table(sides)["side"]) == 288
    short = replace(made_up_window(3, 3, START + 40 * DAY_NS), symbol="ETHUSDT")
    assert [part for part, _ in calibrator.parts(short, fit)] == [short]


def test_bands_are_quantile_regressions():
    random = np.random.default_rng(5)
    expected = np.exp(random.normal(12.0, 2.0, 20_000))
    realised = 0.8 * expected**1.1 * np.exp(random.normal(0.0, 0.7, expected.size))
    for share, z in ((0.05, -1.645), (0.95, 1.645)):
        factor, power = fit_band(expected, realised, share)
        assert power == pytest.approx(1.1, abs=0.05)
        curve = 1e6 * factor * (expected / 1e6) ** power
        assert (realised < curve).mean() == pytest.approx(share, abs=0.015)
        at_unit = 0.8 * 1e6**1.1 * math.exp(0.7 * z)
        assert 1e6 * factor == pytest.approx(at_unit, rel=0.15)
    with pytest.raises(ValueError, match="expectations above 0, found none"):
        fit_band(np.zeros(3), np.ones(3), 0.05)
    assert band_reach(expected) == pytest.approx(np.quantile(expected, 0.999))
