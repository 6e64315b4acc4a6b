"""95 % intervals of totals and shares from stratified samples, for counts that are rare and often zero.

Every function works on strata along the last axis and on any number of samples before it, so that a simulation may ask
for thousands at once. A stratum has `size` units, of which `looked` (> 0) were looked at; in these `total` was counted,
`squares` is the sum of the squared counts of single units, and `fresh` the share of the stratum that stays unknown:
1 - looked / size (the finite-population correction), or 1 where the sample was drawn elsewhere.
"""

import numpy as np
from scipy.stats import beta, chi2, norm

LEVEL = 0.95
_TAIL = (1 - LEVEL) / 2
Limits = tuple[np.ndarray, np.ndarray]


def normal(size: np.ndarray, looked: np.ndarray, total: np.ndarray, squares: np.ndarray, fresh: np.ndarray) -> Limits:
    """Estimate plus and minus 1.96 standard errors, as in Olofsson et al. (2014, Remote Sensing of Environment 148).

    Empty where nothing was found: it must not be used for rare kilns, and is here to be compared with.
    """
    spread = (squares - total**2 / looked) / np.maximum(looked - 1, 1)
    value = (size / looked * total).sum(-1)
    half = norm.ppf(1 - _TAIL) * np.sqrt((size**2 * fresh * spread / looked).sum(-1))
    return np.maximum(value - half, 0), value + half


def lognormal(
    size: np.ndarray, looked: np.ndarray, total: np.ndarray, squares: np.ndarray, fresh: np.ndarray
) -> Limits:
    """The normal interval of the logarithm; where nothing was found, from 0 to what three kilns would weigh."""
    weight = size / looked
    value, variance = (weight * total).sum(-1), (weight**2 * fresh * squares).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.exp(norm.ppf(1 - _TAIL) * np.sqrt(variance) / value)
        low, high = value / factor, value * factor
    return np.where(value > 0, low, 0), np.where(value > 0, high, 3 * np.max(weight, axis=-1))


def poisson_gamma(size: np.ndarray, looked: np.ndarray, total: np.ndarray) -> Limits:
    """Fay and Feuer (1997, Statistics in Medicine 16: 791-801) of kilns as a weighted sum of Poisson counts.

    What `snakemake audit` uses. It takes every kiln for an event of its own, and the land for endless.
    """
    return gamma(size, looked, total, total, np.ones(1))


def gamma(
    size: np.ndarray,
    looked: np.ndarray,
    total: np.ndarray,
    squares: np.ndarray,
    fresh: np.ndarray,
    together: float | np.ndarray = 1.0,
) -> Limits:
    """Fay and Feuer's interval of a weighted sum of Poisson events, where an event is a unit with all that is in it.

    A unit with k kilns is one event of k times the weight, so the variance is that of the squared counts: kilns that
    stand together make the interval wider. `together` says how many kilns a unit with kilns holds, as kilns see it
    (`company`): what one unit more, not seen by chance, would bring. Variance and that unit shrink with the share
    `fresh`, so a census has an interval without width. No limit is below what was counted.
    """
    weight = size / looked
    value, variance = (weight * total).sum(-1), (weight**2 * fresh * squares).sum(-1)
    most = np.max(weight * np.sqrt(fresh), axis=-1) * together
    low, _ = _gamma_limits(value, variance)
    _, high = _gamma_limits(value + most, variance + most**2)
    counted = np.where(fresh < 1, total, 0).sum(-1)
    return np.maximum(low, counted), np.maximum(high, value)


def company(total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Kilns in the unit of an average kiln (sum of squares by sum), at least 1; from totals over all strata."""
    return np.maximum(squares / np.maximum(total, 1), 1.0)


def _gamma_limits(mean: np.ndarray, variance: np.ndarray) -> Limits:
    """Quantiles of the gamma distribution of this mean and variance; the mean itself where that has no spread."""
    sure = (variance <= 0) | (mean <= 0)
    mean_, variance_ = np.where(sure, 1.0, mean), np.where(sure, 1.0, variance)
    scale, freedom = variance_ / (2 * mean_), 2 * mean_**2 / variance_
    low, high = (scale * chi2.ppf(tail, freedom) for tail in (_TAIL, 1 - _TAIL))
    return np.where(sure, mean, low), np.where(sure, mean, high)


def bootstrap(size: np.ndarray, looked: np.ndarray, kinds: np.ndarray, draws: int, rng: np.random.Generator) -> Limits:
    """Percentiles of totals of samples drawn again, stratum by stratum, with replacement.

    `kinds` (..., strata, most + 1) counts the units with 0, 1, 2... kilns. Empty where nothing was found.
    """
    totals = np.zeros((draws, *kinds.shape[:-2]))
    for stratum, (many, units) in enumerate(zip(looked, size, strict=True)):
        again = rng.multinomial(int(many), kinds[..., stratum, :] / many, (draws, *kinds.shape[:-2]))
        totals += units / many * (again * np.arange(kinds.shape[-1])).sum(-1)
    low, high = np.quantile(totals, (_TAIL, 1 - _TAIL), axis=0)
    return low, high


def share(found: np.ndarray, looked: np.ndarray, fresh: np.ndarray) -> Limits:
    """Clopper and Pearson (1934): limits of a share, drawn together where few stay unknown (`fresh`)."""
    found, looked = np.asarray(found, float), np.asarray(looked, float)
    with np.errstate(invalid="ignore"):
        low = np.where(found > 0, beta.ppf(_TAIL, found, looked - found + 1), 0)
        high = np.where(found < looked, beta.ppf(1 - _TAIL, found + 1, looked - found), 1)
    value, root = found / looked, np.sqrt(fresh)
    return value - (value - low) * root, value + (high - value) * root


def added(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> Limits:
    """Limits of a sum of independent estimates (last axis) from the limits of each.

    The distances from the estimates are added in squares (Zou and Donner 2008, Statistics in Medicine 27: 1693-1702),
    so that a skewed interval stays skewed.
    """
    whole = values.sum(-1)
    return whole - np.sqrt(((values - low) ** 2).sum(-1)), whole + np.sqrt(((high - values) ** 2).sum(-1))
