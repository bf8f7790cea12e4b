"""Slow, obvious restatements of what the core computes fast."""

import itertools
import math
from dataclasses import dataclass

import numpy as np


@dataclass
class Cohort:
    """Positions opened together that lie in one bucket of the unshifted log liquidation price."""

    side: int  # 0 long, 1 short
    tier: int
    bucket: int
    quantity: float


class CohortBook:
    """
    Open positions as a list of cohorts, every rule written out for one cohort at a time.

    A cohort remembers the bucket that its liquidation price would have without any funding; what
    funding has moved a row since the start is one number per row, added when a price is asked for.
    """

    def __init__(self, ratio, maintenance_rate, width, loser_ratio):
        self.ratio = ratio
        self.maintenance_rate = maintenance_rate
        self.width = width
        self.loser_ratio = loser_ratio
        self.cohorts = []
        self.n_tiers = ratio.shape[1]
        self.funding = {(side, tier): 0.0 for side in (0, 1) for tier in range(self.n_tiers)}
        self.price = math.nan
        self.traded = {}
        self.level = 0.0

    def row(self, side, tier):
        return [c for c in self.cohorts if c.side == side and c.tier == tier]

    def held(self, side, tier):
        return math.fsum(c.quantity for c in self.row(side, tier))

    def shift(self, side, tier):
        return math.log(self.ratio[side, tier]) / self.width - self.funding[side, tier]

    def deposit(self, side, tier, entries, amount):
        """Open `amount` at {entry bucket: share}; between two buckets, split in proportion."""
        shift = self.shift(side, tier)
        whole = math.floor(shift)
        for entry, share in entries.items():
            upper = amount * share * (shift - whole)
            lower = amount * share - upper
            self.cohorts.append(Cohort(side, tier, entry + whole, lower))
            self.cohorts.append(Cohort(side, tier, entry + whole + 1, upper))

    def sweep(self, low, high):
        """Remove longs at or above the low and shorts at or below the high."""
        for cohort in self.cohorts:
            funding = self.funding[cohort.side, cohort.tier]
            if cohort.side == 0:
                edge = math.log(low) / self.width - funding
                share_left = min(max(edge - cohort.bucket, 0.0), 1.0)
            else:
                edge = math.log(high) / self.width - funding
                share_left = min(max(cohort.bucket + 1 - edge, 0.0), 1.0)
            cohort.quantity *= share_left

    def close(self, side, tier, amount):
        """Close `amount`: losers at `loser_ratio` times the rate of winners."""
        here = math.floor(math.log(self.price) / self.width + self.shift(side, tier))
        row = self.row(side, tier)
        below = [c for c in row if c.bucket <= here]
        above = [c for c in row if c.bucket > here]
        winners, losers = (below, above) if side == 0 else (above, below)
        won = math.fsum(c.quantity for c in winners)
        lost = math.fsum(c.quantity for c in losers)
        weighted = won + self.loser_ratio * lost
        rate = amount / weighted if weighted > 0 else 0.0
        if rate <= 1.0 and weighted > 0:
            win_rate, lose_rate = rate, self.loser_ratio * rate
        else:
            win_rate = 1.0
            lose_rate = (amount - won) / lost if lost > 0 else 0.0
        for cohort in winners:
            cohort.quantity *= 1.0 - win_rate
        for cohort in losers:
            cohort.quantity *= 1.0 - lose_rate

    def turn_over(self, entries, turnover):
        for side in (0, 1):
            for tier in range(self.n_tiers):
                amount = turnover[tier] * self.held(side, tier)
                if amount > 0.0:
                    self.close(side, tier, amount)
                self.deposit(side, tier, entries, turnover[tier] * self.level)

    def set_open_interest(self, contracts, entries):
        """What rose is opened in every row, a fall closes every row in proportion."""
        for side in (0, 1):
            for tier in range(self.n_tiers):
                if contracts >= self.level:
                    self.deposit(side, tier, entries, contracts - self.level)
                else:
                    fall = (self.level - contracts) / self.level
                    self.close(side, tier, fall * self.held(side, tier))
        self.level = contracts

    def open_prior(self, contracts, spread, reach):
        """Enter around the price, normally distributed; the survivors are scaled to the whole."""
        self.level = contracts
        centre = math.floor(math.log(self.price) / self.width)
        density = {
            k: math.exp(-0.5 * (k * self.width / spread) ** 2) for k in range(-reach, reach + 1)
        }
        total = sum(density.values())
        entries = {centre + k: value / total for k, value in density.items()}
        for side in (0, 1):
            for tier in range(self.n_tiers):
                self.deposit(side, tier, entries, contracts)
        self.sweep(self.price, self.price)
        for side in (0, 1):
            for tier in range(self.n_tiers):
                held = self.held(side, tier)
                for cohort in self.row(side, tier):
                    cohort.quantity *= contracts / held

    def settle_funding(self, rate):
        for side, sign in ((0, 1), (1, -1)):
            for tier in range(self.n_tiers):
                entry_over_level = 1.0 / self.ratio[side, tier]
                step = rate * entry_over_level / (1.0 - sign * self.maintenance_rate[tier])
                self.funding[side, tier] += math.log(1.0 + step) / self.width

    def histogram(self, origin, n_buckets):
        """Return the quantity per row and bucket of a window, shape (2, n_tiers, n_buckets)."""
        out = np.zeros((2, self.n_tiers, n_buckets))
        for cohort in self.cohorts:
            assert 0 <= cohort.bucket - origin < n_buckets
            out[cohort.side, cohort.tier, cohort.bucket - origin] += cohort.quantity
        return out

    def notional_between(self, side, tier, low, high):
        total = 0.0
        for cohort in self.row(side, tier):
            begin = cohort.bucket + self.funding[side, tier]
            bottom = max(begin, math.log(low) / self.width)
            top = min(begin + 1.0, math.log(high) / self.width)
            middle = math.exp((begin + 0.5) * self.width)
            total += cohort.quantity * max(top - bottom, 0.0) * middle
        return total


def path_shares(corners):
    """Return {bucket: share of the path's length} of a path through corners (in buckets)."""
    length = sum(abs(b - a) for a, b in itertools.pairwise(corners))
    if length == 0.0:
        return {math.floor(corners[0]): 1.0}
    shares = {}
    for a, b in itertools.pairwise(corners):
        low, high = min(a, b), max(a, b)
        for bucket in range(math.floor(low), math.floor(high) + 1):
            inside = min(high, bucket + 1) - max(low, bucket)
            if inside > 0:
                shares[bucket] = shares.get(bucket, 0.0) + inside / length
    return shares


def bracket_of(notional, table):
    for bracket in table.brackets:
        if notional < bracket.notional_cap:
            return bracket
    return table.brackets[-1]


def equity(price, entry, leverage, side, quantity, paid=0.0):
    return entry * quantity / leverage - paid + side * quantity * (price - entry)


def maintenance_margin(price, quantity, table):
    bracket = bracket_of(quantity * price, table)
    return bracket.maintenance_margin_rate * quantity * price - bracket.maintenance_amount


def bisected_liquidation_price(entry, leverage, side, quantity, table, paid=0.0):
    """Return where equity meets maintenance margin, by bisection; 0 where a long never does."""

    def excess(price):
        return equity(price, entry, leverage, side, quantity, paid) - maintenance_margin(
            price, quantity, table
        )

    low, high = 0.0, entry
    if side < 0:
        low, high = entry, 4.0 * entry
    if side > 0 and excess(0.0) >= 0.0:
        return 0.0
    while excess(high) * side < 0.0:
        high *= 2.0
    while low > 0.0 and excess(low) * side > 0.0:
        low /= 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if excess(middle) * side < 0.0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def large_trade_rows(trades, mode, threshold):
    """Return the indices of the large trades of [(price, quantity, taker side)]."""
    if mode == "gross_value":
        return [i for i, (price, size, _) in enumerate(trades) if price * size >= threshold]
    chosen = []
    for side in (1, -1):
        own = [i for i, trade in enumerate(trades) if trade[2] == side]
        count = int(threshold) if mode == "top_n" else int(len(own) * threshold)
        own.sort(key=lambda i: (-trades[i][0] * trades[i][1], i))
        chosen.extend(own[:count])
    return sorted(chosen)


def original_liquidation_map(trades, mode, threshold):
    """
    Return {(bin, side, leverage): amount} by the rules of the original algorithm.

    Every large taker buy is a long and every large taker sell a short at 100x, 50x, 25x and 10x,
    each with the full amount; longs below and shorts above the last price are kept.
    """
    last = trades[-1][0]
    prices = [price for price, _, _ in trades]
    span = max(prices) - min(prices)
    width = 10.0 ** (math.ceil(math.log10(span)) - 2) if span > 0 else 1.0
    distances = {100: 0.01, 50: 0.02, 25: 0.04, 10: 0.10}
    out = {}
    for i in large_trade_rows(trades, mode, threshold):
        price, size, side = trades[i]
        for leverage, distance in distances.items():
            level = price * round(1.0 - side * distance, 2)
            if (side > 0 and level < last) or (side < 0 and level > last):
                key = (math.floor(level / width), side, leverage)
                out[key] = out.get(key, 0.0) + price * size
    return out, width


def path_liquidation_map(trades, mode, threshold):
    """As the original, but removed by any later trade beyond it, and each amount counted once."""
    prices = [price for price, _, _ in trades]
    span = max(prices) - min(prices)
    width = 10.0 ** (math.ceil(math.log10(span)) - 2) if span > 0 else 1.0
    out = {}
    for i in large_trade_rows(trades, mode, threshold):
        price, size, side = trades[i]
        for leverage, distance in {100: 0.01, 50: 0.02, 25: 0.04, 10: 0.10}.items():
            level = price * round(1.0 - side * distance, 2)
            later = prices[i:]
            crossed = any(p <= level if side > 0 else p >= level for p in later)
            if not crossed:
                key = (math.floor(level / width), side, leverage)
                out[key] = out.get(key, 0.0) + price * size / 4
    return out, width


def slow_bucket_levels(price, notional, side, leverage, size, by_leverage):
    """Return {(bucket, side, leverage or None): (notional, mean price, mean leverage)}."""
    out = {}
    for p, n, s, lev in zip(price, notional, side, leverage, strict=True):
        if n > 0:
            key = (math.floor(p / size), int(s), float(lev) if by_leverage else None)
            total, weighted, levered = out.get(key, (0.0, 0.0, 0.0))
            out[key] = (total + n, weighted + n * p, levered + n * lev)
    return {key: (t, w / t, lv / t) for key, (t, w, lv) in out.items()}
