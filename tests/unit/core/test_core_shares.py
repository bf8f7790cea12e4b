import numpy as np
import pytest

from liq_nautilus.core.science.leverage_shares import fit_lumps
from liq_nautilus.core.science.leverage_shares import fit_shares

MIX = np.array([0.4, 0.3, 0.2, 0.1])
LUMP = 50_000.0


def swept(n=600, seed=1, reach=(1.0, 1.0, 1.0, 1.0)):
    """Return what tiers held in swept ranges; a reach of 0 is a tier no path comes to."""
    random = np.random.default_rng(seed)
    return random.gamma(0.3, 2e8, size=(n, 2, 4)) * np.array(reach)


def liquidated(held, shares, seed=2):
    """Return lumps of one size that fall in proportion to what was held."""
    expected = (held * shares).sum(axis=2)
    return np.random.default_rng(seed).poisson(expected / LUMP) * LUMP


def test_the_shares_that_made_the_data_are_found():
    shares = np.array([[0.004, 0.010, 0.002, 0.006], [0.008, 0.020, 0.004, 0.012]])
    held = swept()
    fit = fit_shares(held, liquidated(held, shares), MIX)

    assert fit.shares == pytest.approx(shares, rel=0.1)
    assert fit.lump == pytest.approx(LUMP, rel=0.3)
    assert fit.dispersion < 0.2
    assert np.abs(np.log(fit.shares / shares) / fit.errors).max() < 4.0


def test_errors_are_the_scatter_of_the_fit():
    shares = np.tile([0.004, 0.010, 0.002, 0.006], (2, 1))
    held = swept(n=200)
    fits = [fit_shares(held, liquidated(held, shares, seed), MIX) for seed in range(12)]
    scatter = np.std([np.log(fit.shares) for fit in fits], axis=0)

    assert fits[0].errors == pytest.approx(scatter, rel=0.7)


def test_what_no_path_reached_keeps_the_reported_mix_and_says_that_it_is_unknown():
    shares = np.tile([0.004, 0.010, 0.002, 0.006], (2, 1))
    held = swept(reach=(0.0, 1.0, 1.0, 0.0))
    fit = fit_shares(held, liquidated(held, shares), MIX)

    assert fit.shares[:, 0] / fit.shares[:, 3] == pytest.approx(MIX[0] / MIX[3], rel=1e-3)
    assert (fit.errors[:, [0, 3]] > 0.9).all()
    assert (fit.errors[:, [1, 2]] < 0.1).all()


def test_nothing_swept_or_nothing_liquidated_is_no_failure():
    nothing = np.zeros((10, 2, 4))
    fit = fit_shares(nothing, np.zeros((10, 2)), MIX)
    assert fit.shares[0] / fit.shares[0].sum() == pytest.approx(MIX)
    assert fit_shares(swept(10), np.zeros((10, 2)), MIX).shares.sum() < 1e-3


def test_shares_need_intervals():
    with pytest.raises(ValueError, match="at least one interval"):
        fit_shares(np.zeros((0, 2, 4)), np.zeros((0, 2)), MIX)


@pytest.mark.parametrize(("lump", "dispersion"), [(1e5, 0.05), (3e4, 0.5)])
def test_lumps_and_dispersion_are_told_apart(lump, dispersion):
    random = np.random.default_rng(5)
    mean = random.lognormal(np.log(2e6), 1.5, size=20_000)
    variance = lump * mean + (dispersion * mean) ** 2
    realised = random.gamma(mean**2 / variance, variance / mean)
    found = fit_lumps(mean, realised)

    assert found[0] == pytest.approx(lump, rel=0.25)
    assert found[1] == pytest.approx(dispersion, rel=0.25, abs=0.06)
