"""One exposure, moved by the kernels that move those of all models."""

import math

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.exposure import Exposure
from liq_nautilus.core.kernels.arguments import Books
from liq_nautilus.core.kernels.arguments import Closing
from liq_nautilus.core.kernels.arguments import Entries


class MovedExposure(Exposure):
    """An exposure by itself, told what a path, open interest and trading did."""

    def __init__(self, ratio, maintenance_rate, width, n_buckets, loser_ratio):
        super().__init__(ratio, maintenance_rate, width, n_buckets)
        self.width, self.loser_ratio = width, loser_ratio

    @property
    def swept(self):
        return self.rows.swept

    def sweep(self, low, high):
        """Remove what the path from `low` to `high` (quote) crossed."""
        edges = (math.log(price) / self.width - self.origin for price in (low, high))
        kernels.sweep(self.positions, *edges)

    def note_traded(self, first, weights):
        kernels.note_traded(self.traded, Entries(first, weights), 1.0)

    def turn_over(self, first, weights, fractions):
        closing = Closing(self.window.position, self.loser_ratio, 1e-12 * self.open_interest)
        entries = Entries(first, weights)
        kernels.turn_over(self.positions, entries, fractions, self.open_interest, closing)

    def follow(self, contracts, spread):
        """Take in open interest, the first with a prior of this spread."""
        if self.is_empty:
            self.open_prior(contracts, spread)
            return
        before, self.open_interest = self.open_interest, contracts
        shares = (np.ones(self.rows.shape),)
        books = Books((self.positions,), 0, -1, shares, shares, shares, (self.traded,))
        kernels.follow_all(books, before, contracts, self.window, self.loser_ratio)
