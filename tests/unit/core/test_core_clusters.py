import numpy as np
import pytest

from liq_nautilus.core.published.clusters import find_clusters

N = 200
EDGES = np.linspace(100.0, 120.0, N + 1)


def bump(centre, width, height):
    return height * np.exp(-0.5 * ((np.arange(N) - centre) / width) ** 2)


def test_each_side_has_its_own_clusters():
    notional = np.stack([bump(40, 3, 10.0) + bump(90, 3, 6.0), bump(150, 4, 8.0)])
    low, high, peak, inside, side = find_clusters(notional, EDGES, 1.0)
    assert side.tolist() == [1, 1, -1]
    assert side.dtype == np.int8
    np.testing.assert_allclose(peak, [104.05, 109.05, 115.05])
    assert (low < peak).all()
    assert (peak < high).all()
    totals = notional.sum(axis=1)[[0, 0, 1]]
    assert (inside < totals).all()
    # Half the prominence lies 1.18 deviations away: about three quarters are inside.
    assert inside[2] / totals[2] == pytest.approx(0.8, abs=0.06)


def test_low_peaks_beside_a_high_one_do_not_count():
    notional = np.stack([bump(40, 3, 10.0) + bump(90, 3, 0.5), bump(150, 4, 0.5)])
    _, _, peak, _, side = find_clusters(notional, EDGES, 1.0)
    np.testing.assert_allclose(peak, [104.05, 115.05])
    assert side.tolist() == [1, -1]


def test_close_peaks_merge_under_smoothing():
    notional = np.stack([bump(80, 1, 5.0) + bump(85, 1, 5.0), np.zeros(N)])
    assert find_clusters(notional, EDGES, 0.5)[0].size == 2
    assert find_clusters(notional, EDGES, 6.0)[0].size == 1


@pytest.mark.parametrize("bucket", [0, N - 1])
def test_cluster_at_the_border_of_the_range_is_found(bucket):
    notional = np.zeros((2, N))
    notional[:, bucket] = 3.0
    low, high, peak, inside, side = find_clusters(notional, EDGES, 2.0)
    assert side.tolist() == [1, -1]
    np.testing.assert_allclose(inside, 3.0)
    np.testing.assert_allclose(peak, 0.5 * (EDGES[bucket] + EDGES[bucket + 1]))
    assert (low >= EDGES[0]).all()
    assert (high <= EDGES[-1]).all()


def test_an_empty_map_has_no_clusters():
    assert all(part.size == 0 for part in find_clusters(np.zeros((2, N)), EDGES, 2.0))
