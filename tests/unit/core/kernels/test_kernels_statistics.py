"""Peaks and histograms, with known answers."""

import numpy as np

from liq_nautilus.core.kernels.arguments import UsualClusters


def test_smoothing_is_a_convolution(kernel):
    rng = np.random.default_rng(1)
    values, weights = rng.random(9), np.array([0.2, 0.6, 0.2])
    out = np.full(15, np.nan)
    kernel("smooth")(values, weights, out)
    np.testing.assert_allclose(out, np.convolve(np.pad(values, 3), weights, mode="same"))


def test_peaks_are_found_with_their_prominence_and_extent(kernel):
    row = np.array([0.0, 1.0, 3.0, 3.0, 3.0, 2.0, 4.0, 1.0, 1.0, 0.0, 5.0, 5.0])
    found = np.zeros(12, dtype=np.int64)
    # A flat top counts once, at its middle; one that never falls again is none.
    assert kernel("find_peaks")(row, found) == 2
    assert found[:2].tolist() == [3, 6]
    assert kernel("prominence")(row, 3) == 1.0
    assert kernel("prominence")(row, 6) == 4.0
    assert kernel("extent")(row, 3, 1.0) == (1.75, 4.5)
    assert kernel("extent")(row, 6, 4.0) == (5.0, 6.0 + 2.0 / 3.0)
    assert kernel("extent")(np.array([2.0, 3.0, 2.0]), 1, 3.0) == (0.0, 2.0)


def test_clusters_are_the_prominent_peaks_of_each_side(kernel):
    notional = np.array([[0.0, 8.0, 4.0, 0.5, 0.0, 0.2], [1.0, 0.8, 0.95, 0.0, 9.0, 0.0]])
    edges = np.arange(10.0, 17.0)
    columns, sides = kernel("find_clusters")(notional, edges, np.ones(1), 0.1)
    assert sides.tolist() == [1, -1, -1]
    assert sides.dtype == np.int8
    np.testing.assert_allclose(
        columns.T,
        [[10.0, 13.0, 11.5, 12.0], [10.0, 14.0, 10.5, 2.75], [13.0, 16.0, 14.5, 9.0]],
    )


def test_histogram_ages_and_counts_positive_values(kernel):
    weights = np.full(20, 2.0)
    count = kernel("add_to_histogram")(
        weights, 0.5, np.array([0.0, -1.0, np.nan, 0.5, 1.5, 200.0, 1e9]), 5
    )
    assert count == 4
    expected = np.ones(20)
    # Bins of a fifth of a decade from 1 up; what is smaller is in the first, larger in the last.
    expected[[0, 11, 19]] += [2.0, 1.0, 1.0]
    np.testing.assert_allclose(weights, expected)


def test_rank_is_the_share_of_smaller_values_with_ties_half(kernel):
    weights = np.zeros(20)
    weights[[0, 10]] = 1.0, 3.0
    values, out = np.array([0.0, 1.0, 50.0, 150.0, 1e30]), np.zeros(5)
    kernel("rank_in_histogram")(weights, values, 5, out)
    np.testing.assert_allclose(out, [0.0, 0.125, 0.25, (1.0 + 1.5) / 4.0, 1.0])
    empty = np.zeros(5)
    kernel("rank_in_histogram")(np.zeros(20), values, 5, empty)
    assert not empty.any()


def test_clusters_are_ranked_by_distance(kernel):
    near, far = np.zeros(20), np.zeros(20)
    near[0], far[10] = 1.0, 1.0
    significance, largest = np.full(4, np.nan), np.full((2, 2), np.nan)
    kernel("judge_clusters")(
        np.array([101.0, 99.5, 120.0, 80.0]), np.array([50.0, 2.0, 500.0, 60.0]),
        np.array([-1, 1, -1, 1], dtype=np.int8), 100.0, UsualClusters(near, far, 0.02, 5),
        significance, largest,
    )  # fmt: skip
    np.testing.assert_allclose(significance, [1.0, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(largest, [[2.0, 50.0], [60.0, 500.0]])
