import numpy as np
import pytest

from liq_nautilus.core.science.path_regression import RankRegression
from liq_nautilus.core.science.path_regression import fit_rank_regression
from liq_nautilus.core.science.scoring import spearman

RANDOM = np.random.default_rng(6)


def window(n: int) -> tuple[np.ndarray, np.ndarray]:
    inputs = RANDOM.lognormal(size=(n, 3))
    return inputs, inputs[:, 0] * inputs[:, 1] + 0.3 * inputs[:, 2]


def test_it_ranks_new_data_by_a_product_it_was_not_told_of():
    regression = fit_rank_regression(*zip(window(400), window(300), strict=True), 3)
    inputs, realised = window(500)
    score = regression.predict(inputs)

    assert np.all(score > 0.0)
    assert spearman(score, realised) > 0.9


def test_inputs_beyond_the_crossed_enter_alone_and_squared():
    inputs, realised = window(200)
    assert fit_rank_regression([inputs], [realised], 3).coefficients.size == 1 + 3 + 6
    assert fit_rank_regression([inputs], [realised], 2).coefficients.size == 1 + 3 + 3 + 1


def test_prediction_of_a_row_does_not_depend_on_the_others():
    inputs, realised = window(200)
    regression = fit_rank_regression([inputs], [realised], 3)
    alone = [regression.predict(row[None, :])[0] for row in inputs]

    np.testing.assert_allclose(regression.predict(inputs), alone, rtol=1e-12)


def test_ties_of_the_training_data_take_the_middle_of_their_ranks():
    inputs = np.concatenate([np.zeros(50), np.ones(50)])[:, None]
    regression = fit_rank_regression([inputs], [inputs[:, 0]], 1)
    low, high = regression.predict(np.array([[0.0], [1.0]]))
    beyond = regression.predict(np.array([[-5.0], [5.0]]))

    assert low < high
    assert beyond[0] <= low
    assert beyond[1] >= high


def test_it_goes_through_plain_values_unchanged():
    inputs, realised = window(100)
    regression = fit_rank_regression([inputs], [realised], 2)
    again = RankRegression.from_dict(regression.to_dict())

    np.testing.assert_array_equal(regression.predict(inputs), again.predict(inputs))
    assert again.n_crossed == 2


def test_windows_of_different_scale_are_ranked_each_on_their_own():
    inputs, realised = window(300)
    together = fit_rank_regression([inputs, inputs], [realised, 1e6 * realised], 3)
    once = fit_rank_regression([inputs, inputs], [realised, realised], 3)

    assert together.coefficients == pytest.approx(once.coefficients)
