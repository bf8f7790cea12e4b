import json
import math
from dataclasses import fields

import pytest

from liq_nautilus.core.parameters import TrackerParameters


def test_docstring_lists_every_parameter():
    text = TrackerParameters.__doc__
    lines = [line.strip() for line in text.splitlines()]
    listed = [
        name.strip() for line in lines if " : " in line for name in line.split(" : ")[0].split(",")
    ]
    assert listed == [field.name for field in fields(TrackerParameters)]


def test_parameters_survive_json():
    parameters = TrackerParameters(bucket_size=50.0, consume="last")
    document = json.loads(json.dumps(parameters.to_dict()))
    assert TrackerParameters.from_dict(document) == parameters
    assert TrackerParameters.from_dict({}) == TrackerParameters()


def test_hash_is_that_of_the_values():
    default = TrackerParameters()
    assert default.params_hash == TrackerParameters().params_hash
    assert TrackerParameters(turnover_rate=0.3).params_hash != default.params_hash
    whole, real = TrackerParameters(turnover_rate=1), TrackerParameters(turnover_rate=1.0)
    assert whole == real
    assert whole.params_hash == real.params_hash


def test_unknown_keys_are_named():
    with pytest.raises(ValueError, match=r"parameters must be among .*; found leverage, size"):
        TrackerParameters.from_dict({"size": 1, "leverage": 2})


def test_values_of_another_type_are_refused():
    with pytest.raises(ValueError, match="must be numbers, lists of numbers or names"):
        TrackerParameters.from_dict({"grid_bps": "wide"})


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"leverages": ()}, "leverages must be rising and at least 1"),
        ({"leverages": (0.5, 2.0)}, "leverages must be rising and at least 1"),
        ({"leverages": (5.0, 5.0)}, "leverages must be rising and at least 1"),
        ({"leverage_weights_long": (1.0,)}, "leverage_weights_long must be one share >= 0 per"),
        ({"leverage_weights_short": (0.0,) * 12}, "leverage_weights_short must be one share"),
        ({"leverage_weights_short": (-1.0, *(1.0,) * 11)}, "leverage_weights_short must be one"),
        ({"liquidated_shares_long": (1.0,)}, "liquidated_shares_long must be one share >= 0 per"),
        ({"liquidated_shares_short": (-1.0, *(1.0,) * 11)}, "liquidated_shares_short must be one"),
        ({"band_low": (0.1,)}, "band_low must be a factor and a power above 0"),
        ({"band_high": (0.0, 1.0)}, "band_high must be a factor and a power above 0"),
        ({"scale_bound": 0.9}, "scale_bound must be at least 1"),
        ({"venues": ()}, "venues must be names of venues, at least one"),
        ({"venues": ("BINANCE", "")}, "venues must be names of venues, at least one"),
        ({"model_weights": (1.0, 1.0)}, "model_weights must be three shares >= 0"),
        ({"model_weights": (0.0, 0.0, 0.0)}, "model_weights must be three shares >= 0"),
        ({"model_weights": (2.0, -1.0, 0.0)}, "model_weights must be three shares >= 0"),
        ({"formula": "rough"}, "formula must be one of"),
        ({"consume": "never"}, "consume must be one of"),
        ({"n_buckets": 63}, "n_buckets must be at least 64"),
        ({"bucket_size": 0.0}, "bucket_size must be above 0"),
        ({"grid_bps": 0.0}, r"grid_bps must be above 0, was 0\.0"),
        ({"grid_bps": math.nan}, "grid_bps must be above 0, was nan"),
        ({"turnover_rate": -0.1}, "turnover_rate must be at least 0"),
        ({"wait_confidence": 1.5}, r"wait_confidence must be in \[0, 1\], was 1\.5"),
        ({"reported_share": -0.5}, r"reported_share must be in \[0, 1\]"),
    ],
)
def test_values_out_of_range_are_named(changes, rule):
    with pytest.raises(ValueError, match=rule):
        TrackerParameters(**changes)


def test_every_number_has_its_range_checked():
    skipped = {
        "leverages", "leverage_weights_long", "leverage_weights_short", "model_weights", "formula",
        "consume", "bucket_size", "liquidated_shares_long", "liquidated_shares_short", "band_low",
        "band_high", "venues", "forecast_numbers", "avoid_rule",
    }  # fmt: skip
    for field in fields(TrackerParameters):
        if field.name not in skipped | _WITHOUT_A_RANGE:
            with pytest.raises(ValueError, match=field.name):
                TrackerParameters(**{field.name: -1.0})


# Any number is meaningful here.
_WITHOUT_A_RANGE = {"turnover_leverage_exponent", "funding_factor"}


def test_other_tiers_spread_the_shipped_shares_like_their_weights():
    weights = {"leverage_weights_long": (3.0, 1.0), "leverage_weights_short": (0.5, 0.5)}
    found = TrackerParameters(leverages=(10, 25), **weights)
    shipped = sum(TrackerParameters().liquidated_shares_long)
    assert found.liquidated_shares_long == pytest.approx((0.75 * shipped, 0.25 * shipped))
    own = TrackerParameters(leverages=(10, 25), liquidated_shares_long=(0.1, 0.2), **weights)
    assert own.liquidated_shares_long == (0.1, 0.2)
    assert TrackerParameters.from_dict(own.to_dict()) == own
