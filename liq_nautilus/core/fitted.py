"""
The fitted parameters that the package ships: the defaults of `TrackerParameters`.

`scripts/ship_parameters.py` writes this file from one of `liq-nautilus calibrate`; what the numbers
were fitted on stands in `liq_nautilus/parameters/default.json`.
"""

from __future__ import annotations

from typing import Final

LEVERAGES: Final[tuple[float, ...]] = (
    3,
    5,
    10,
    15,
    20,
    25,
    33,
    50,
    75,
    100,
    125,
    150,
)
LEVERAGE_WEIGHTS_LONG: Final[tuple[float, ...]] = (
    0.0309641,
    0.0873392,
    0.181186,
    0.316079,
    0.189882,
    0.0830733,
    0.0530372,
    0.024605,
    0.0105592,
    0.00618702,
    0.0010927,
    0.0159965,
)
LEVERAGE_WEIGHTS_SHORT: Final[tuple[float, ...]] = (
    0.0344787,
    0.09697,
    0.160094,
    0.314793,
    0.1991,
    0.0688897,
    0.0413357,
    0.0303555,
    0.0155021,
    0.00835456,
    0.00122266,
    0.028905,
)
TURNOVER_RATE: Final = 1.0
TURNOVER_PER_HOUR: Final = 0.067
TURNOVER_LEVERAGE_EXPONENT: Final = 0.0
LOSER_CLOSING_RATIO: Final = 1.0
PRIOR_SPREAD: Final = 0.06
LIQUIDATED_SHARES_LONG: Final[tuple[float, ...]] = (
    0.00104018,
    0.00104019,
    0.0010439,
    0.00106739,
    0.00110697,
    0.0011909,
    0.00131146,
    0.0014769,
    0.00124766,
    0.00092159,
    0.000651189,
    0.000540909,
)
LIQUIDATED_SHARES_SHORT: Final[tuple[float, ...]] = (
    0.000562294,
    0.000562295,
    0.000562145,
    0.000563104,
    0.000572771,
    0.000589256,
    0.000624237,
    0.00073539,
    0.000752737,
    0.000549627,
    0.000402539,
    0.000325328,
)
BACKGROUND_SHARE_LONG: Final = 0.00261747
BACKGROUND_SHARE_SHORT: Final = 0.00119385
OPENINGS_SHARE: Final = 0.1
BAND_LOW: Final[tuple[float, ...]] = (
    0.0392225,
    1.67603,
)
BAND_HIGH: Final[tuple[float, ...]] = (
    2.9843,
    0.734504,
)
BAND_REACH: Final = 27335754.17963834
