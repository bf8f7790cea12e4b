"""The compiled search for peaks against SciPy's own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from liq_nautilus.core import kernels
from liq_nautilus.core.published.clusters import find_clusters

# Few distinct values make plateaus and ties; others are anything.
heights = st.one_of(st.sampled_from([0.0, 1.0, 2.0, 3.0]), st.floats(0.0, 1e12))
rows = st.lists(heights, min_size=3, max_size=80).map(lambda values: np.array([0.0, *values, 0.0]))


@given(rows)
def test_peaks_prominences_and_extents_are_those_of_scipy(row):
    expected, found = signal.find_peaks(row, prominence=0.0, width=0.0, rel_height=0.5)
    peaks = np.zeros(row.size, dtype=np.int64)
    count = kernels.find_peaks(row, peaks)
    np.testing.assert_array_equal(peaks[:count], expected)
    for i, peak in enumerate(expected):
        rise = kernels.prominence(row, peak)
        assert rise == found["prominences"][i]
        left, right = kernels.extent(row, peak, rise)
        assert (left, right) == (found["left_ips"][i], found["right_ips"][i])


def scipy_clusters(notional, edges, smoothing):
    """Return the clusters by `scipy.signal`, both sides in one row."""
    reach = int(np.ceil(3.0 * smoothing))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / smoothing) ** 2)
    kernel /= kernel.sum()
    n = notional.shape[1]
    clusters = []
    for side, values in ((1, notional[0]), (-1, notional[1])):
        row = np.convolve(np.pad(values, kernel.size), kernel, mode="same")
        peaks, found = signal.find_peaks(
            row, prominence=np.finfo(float).tiny, width=0, rel_height=0.5
        )
        highest = row[peaks].max(initial=0.0)
        for peak, rise, left, right in zip(
            peaks, found["prominences"], found["left_ips"], found["right_ips"], strict=True
        ):
            if rise >= 0.1 * highest:
                low = min(max(int(np.floor(left)) - kernel.size, 0), n - 1)
                high = min(max(int(np.ceil(right)) - kernel.size + 1, low + 1), n)
                centre = min(max(peak - kernel.size, 0), n - 1)
                middle = 0.5 * (edges[centre] + edges[centre + 1])
                inside = values[low:high].sum()
                clusters.append((edges[low], edges[high], middle, inside, side))
    return np.array(clusters).reshape(-1, 5)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.7, 1.5, 2.0, 4.0]), st.integers(2, 120))
def test_clusters_are_those_found_with_scipy(seed, smoothing, n):
    rng = np.random.default_rng(seed)
    # Of all sizes, so that no two heights are equal but for rounding.
    notional = rng.lognormal(0.0, 2.0, (2, n)) * (rng.random((2, n)) < 0.6)
    edges = np.exp(np.arange(n + 1) * 1e-3)
    found = np.column_stack(find_clusters(notional, edges, smoothing))
    np.testing.assert_allclose(found, scipy_clusters(notional, edges, smoothing), rtol=1e-12)
