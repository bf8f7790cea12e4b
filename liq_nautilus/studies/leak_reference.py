"""A reference that is allowed to leak: it bounds what any honest prediction can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.science.path_regression import fit_rank_regression
from liq_nautilus.core.science.scoring import spearman
from liq_nautilus.studies.inputs.windows import last_known

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.studies.evidence import Evidence


def leak_reference(evidence: Evidence, side: int, prediction: FloatArray) -> dict[str, Any]:
    """
    Score a regression that sees what must not be seen.

    It is fitted on the scored window itself, on the path, the model's prediction, and the traded
    volume and the change of open interest *inside* each interval.

    Parameters
    ----------
    evidence : Evidence
        The window.
    side : int
        +1 long, -1 short.
    prediction : ndarray of shape (n,)
        The best model's.

    Returns
    -------
    dict
        spearman, path_only_in_sample (the path-only regression fitted on the window itself), and
        inputs: what it was allowed to see.

    """
    paths, realised = evidence.window.paths, evidence.realised(side)
    inputs = np.column_stack([evidence.path_inputs(side), evidence.other_inputs(side)])
    path_only = _in_sample(inputs, realised)
    seen = ["open interest"]
    before = last_known(evidence.window.open_interest, paths.ts_open, np.nan)
    after = last_known(evidence.window.open_interest, paths.ts_close, np.nan)
    change = np.nan_to_num(np.log(after / before))
    columns = [inputs, change, np.abs(change), prediction]
    volume = _volume_inside(evidence)
    if volume.any():
        columns.insert(1, volume)
        seen.append("volume")
    return {
        "spearman": _in_sample(np.column_stack(columns), realised),
        "path_only_in_sample": path_only,
        "inputs": seen,
    }


def _in_sample(inputs: FloatArray, realised: FloatArray) -> float:
    regression = fit_rank_regression([inputs], [realised], inputs.shape[1])
    return spearman(regression.predict(inputs), realised)


def _volume_inside(evidence: Evidence) -> FloatArray:
    paths = evidence.window.paths
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(evidence.window.bars.volume))])
    volume: FloatArray = total[paths.last_bar] - total[paths.first_bar]
    return volume
