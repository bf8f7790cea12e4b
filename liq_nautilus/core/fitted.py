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
    0.0295409,
    0.0827355,
    0.282275,
    0.238103,
    0.169257,
    0.0956719,
    0.0488686,
    0.0229302,
    0.00973391,
    0.00725982,
    0.00137709,
    0.0122472,
)
LEVERAGE_WEIGHTS_SHORT: Final[tuple[float, ...]] = (
    0.0324104,
    0.0905297,
    0.225908,
    0.256949,
    0.21338,
    0.0698381,
    0.0388025,
    0.0255558,
    0.0126774,
    0.00966266,
    0.00154567,
    0.0227405,
)
LEVERAGE_WEIGHT_ERRORS: Final[tuple[float, ...]] = (
    1.05597,
    1.05524,
    0.268682,
    0.119926,
    0.066374,
    0.0840082,
    0.077713,
    0.0669954,
    0.117981,
    0.151303,
    0.682473,
    0.0471366,
)
TURNOVER_RATE: Final = 1.0
TURNOVER_PER_HOUR: Final = 0.067
TURNOVER_LEVERAGE_EXPONENT: Final = 0.0
LOSER_CLOSING_RATIO: Final = 1.0
PRIOR_SPREAD: Final = 0.06
LIQUIDATION_SCALE_LONG: Final = 0.0632986
LIQUIDATION_SCALE_SHORT: Final = 0.0352685
BAND_UNIT_NOTIONAL: Final = 135724.0
BAND_DISPERSION: Final = 0.712993
