"""Open positions of a few buckets, for the tests of single kernels."""

from dataclasses import dataclass

import numpy as np

from liq_nautilus.core.grid import Grid
from liq_nautilus.core.kernels.arguments import ROW
from liq_nautilus.core.kernels.arguments import Books
from liq_nautilus.core.kernels.arguments import Closing
from liq_nautilus.core.kernels.arguments import Entries
from liq_nautilus.core.kernels.arguments import Window

LOOSE = 1e-9
EVEN, UNEVEN = 1.0, 0.5


@dataclass
class Book:
    """The open positions of one model."""

    mass: np.ndarray
    rows: np.recarray

    @property
    def positions(self):
        return self.mass, self.rows

    @property
    def held(self):
        return self.mass * self.rows.scale[:, :, None]

    def assert_kept(self):
        """Assert conservation, exact sums, and that bounds hold everything."""
        rows = self.rows
        expected = rows.opened - rows.closed - rows.consumed - rows.expired
        total = self.held.sum(axis=2)
        np.testing.assert_allclose(total, expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(total, rows.held, rtol=1e-12, atol=1e-12)
        for side, tier in np.ndindex(rows.shape):
            outside = np.ones(self.mass.shape[2], dtype=bool)
            outside[rows[side, tier].first : rows[side, tier].last] = False
            assert not self.mass[side, tier][outside].any()


def book(held, n_tiers=1, scale=1.0, log_ratio=0.0):
    """Return a book that holds so much, its masses kept at a scale."""
    mass = np.array(held, dtype=np.float64).reshape(2, n_tiers, -1)
    rows = np.zeros((2, n_tiers), dtype=ROW).view(np.recarray)
    for side, tier in np.ndindex(2, n_tiers):
        occupied = np.flatnonzero(mass[side, tier])
        if occupied.size:
            rows.first[side, tier], rows.last[side, tier] = occupied[0], occupied[-1] + 1
    rows.opened = rows.held = mass.sum(axis=2)
    rows.scale, rows.log_ratio = scale, log_ratio
    return Book(mass / scale, rows)


def no_entries():
    return Entries(0, np.zeros(0))


def books_of(models, *, n_swept=None, hidden=-1, shares=None, leverages=None, traded=()):
    """Return models' positions as kernels take them; as many as `traded` trade."""
    n_tiers = models[0].rows.shape[1]
    shares = tuple(np.ones((2, n_tiers)) for _ in models) if shares is None else shares
    leverages = tuple(np.full(n_tiers, 25.0) for _ in models) if leverages is None else leverages
    return Books(
        positions=tuple(one.positions for one in models),
        n_swept=len(models) if n_swept is None else n_swept,
        hidden=hidden,
        shares=shares,
        leverages=leverages,
        multiples=tuple(np.ones(n_tiers) for _ in traded),
        traded=tuple(traded),
    )


def closing(ratio=UNEVEN, position=2.5, dust=0.0):
    return Closing(position, ratio, dust)


def window(position=2.5):
    """Return a window in which the price of bucket x is e^x."""
    return Window(1.0, 0, position)


def grid(middle, below, above):
    edges = np.append(middle - 0.5, middle[-1] + 0.5)
    return Grid(0, edges, middle, below, above, 0.5 * (below + above))
