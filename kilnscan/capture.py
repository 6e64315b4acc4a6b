"""How many kilns no list has, from how the lists overlap: capture and recapture.

All of it supposes that a list's having a kiln says nothing about another's having it, save what a model allows for.
Lists that were made from the same imagery, or from each other, break that: what one misses the others miss, and the
estimates are too low. So each comes with what speaks against it.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import gammaln
from scipy.stats import chi2, poisson

from kilnscan.intervals import share

Z95 = 1.959964
SMALL = 7  # places common to two lists below which Chapman's estimate is biased (Seber 1982, 3.1)
COPIED = 10  # kilns that two lists have at the same metre: more are no chance
MOST_LISTS = 6
MOST_APART = 10.0
STEPS = 200


@dataclass(frozen=True)
class Total:
    """All kilns, also those that no list has, with a 95 % interval."""

    value: float
    low: float
    high: float

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"value": round(float(self.value), 1), "ci95": [round(float(self.low), 1), round(float(self.high), 1)]}


def _with_interval(seen: int, unseen: float, variance: float) -> Total:
    """The interval that never falls below what was seen: log-normal in the unseen (Chao 1987, Biometrics 43: 783).

    Its ends are whole kilns, rounded outwards: the lower end would else lie a hair above what was seen, and miss the
    truth whenever nothing is missing. `unseen` is above 0.
    """
    factor = np.exp(Z95 * np.sqrt(np.log1p(variance / unseen**2)))
    return Total(seen + unseen, float(np.floor(seen + unseen / factor)), float(np.ceil(seen + unseen * factor)))


def chapman(first: int, second: int, both: int) -> Total | None:
    """Chapman (1951), with the variance of Seber (1970; 1982, 3.1); None if no kiln is in both lists.

    Where one list holds all of the other that variance is 0; then the upper limit follows from how surely it does
    (Clopper and Pearson).
    """
    if not both:
        return None
    value = (first + 1) * (second + 1) / (both + 1) - 1
    variance = (first + 1) * (second + 1) * (first - both) * (second - both) / ((both + 1) ** 2 * (both + 2))
    seen = first + second - both
    if both < min(first, second):
        return _with_interval(seen, value - seen, variance)
    low, _ = share(np.array(both), np.array(both), np.array(1.0))  # one list holds all of the other
    return Total(float(seen), float(seen), float(np.ceil(seen / float(low))))


def chao(lists: np.ndarray, number: int) -> Total | None:
    """Chao's lower bound (1987, 1989) from how many lists (n,) have each place; three lists or more, else None.

    Holds where kilns differ in how easily they are seen. Bias-corrected, with the variance of Chiu et al. (2014,
    Biometrics 70: 671), so that no place need be seen twice; None if every place is seen once, from which nothing
    follows. Where at most one place is seen once the bound is what was seen and that variance 0. It may be chance that
    no more were: so the upper limit has the 97.5 % limit of that Poisson count (Garwood 1936, Biometrika 28: 437) in
    Chao's formula, and of a Poisson number of unseen kilns with that mean the 97.5 % quantile.
    """
    once, twice, share = int((lists == 1).sum()), int((lists == 2).sum()), (number - 1) / number
    if number < 3 or once == len(lists):
        return None
    if once < 2:
        most = share * chi2.ppf(0.975, 2 * (once + 1)) ** 2 / 4 / (2 * (twice + 1))
        return Total(float(len(lists)), float(len(lists)), len(lists) + float(poisson.ppf(0.975, most)))
    unseen = share * once * (once - 1) / (2 * (twice + 1))
    variance = (
        unseen
        + share**2 * once * (2 * once - 1) ** 2 / (4 * (twice + 1) ** 2)
        + share**2 * once**2 * twice * (once - 1) ** 2 / (4 * (twice + 1) ** 4)
    )
    return _with_interval(len(lists), unseen, variance)


def loglinear(had: np.ndarray) -> dict[str, Any] | None:
    """Log-linear models (Fienberg 1972) of places by lists, `had` (n, lists); the one of least BIC, and the range.

    Models are independence, and dependence of one pair or of each set of two pairs of lists. Three to six lists, else
    None. `value` and `ci95` are the chosen model's; `between` are the least and the most of the models that fit about
    as well (BIC within 10): where they lie far apart, believe none. None, too, where the most is MOST_APART times the
    places seen: there are too few for these models.
    """
    lists = had.shape[1]
    if not 3 <= lists <= MOST_LISTS or not len(had):
        return None
    codes = had @ (1 << np.arange(lists))
    counts = np.bincount(codes, minlength=1 << lists)[1:].astype(float)
    pattern = (np.arange(1, 1 << lists)[:, None] >> np.arange(lists)) & 1
    pairs = list(combinations(range(lists), 2))
    chosen = [(), *((pair,) for pair in pairs), *(combinations(pairs, 2))]
    fits = []
    for terms in chosen:
        design = np.column_stack([np.ones(len(pattern)), pattern, *(pattern[:, a] * pattern[:, b] for a, b in terms)])
        if design.shape[1] >= len(counts):
            continue
        fit = _poisson(design, counts)
        if fit is not None:
            fits.append((round(fit[2] + design.shape[1] * np.log(len(had)), 6), len(terms), terms, fit[0], fit[1]))
    if not fits:
        return None
    best = min(fits, key=lambda fit: fit[:3])
    unseen = np.exp(best[3])
    near = [len(had) + float(np.exp(fit[3])) for fit in fits if fit[0] <= best[0] + 10]
    if max(near) > MOST_APART * len(had):
        return None
    total = _with_interval(len(had), unseen, unseen + unseen**2 * best[4])
    return {**total.told(), "dependent": [list(pair) for pair in best[2]], "models": len(near),
            "between": [round(min(near), 1), round(max(near), 1)]}  # fmt: skip


def _poisson(design: np.ndarray, counts: np.ndarray) -> tuple[float, float, float] | None:
    """Intercept, its variance, and twice the negative log-likelihood of a Poisson regression; None if it fails.

    Newton's method with step halving; half a kiln in each cell keeps empty cells finite at the start only.
    """
    beta = np.linalg.lstsq(design, np.log(counts + 0.5), rcond=None)[0]

    def loss(b: np.ndarray) -> float:
        eta = np.clip(design @ b, -700, 700)
        return float(2 * (np.exp(eta) - counts * eta + gammaln(counts + 1)).sum())

    before = loss(beta)
    for _ in range(STEPS):
        mean = np.exp(np.clip(design @ beta, -700, 700))
        information = design.T @ (design * mean[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (counts - mean))
        except np.linalg.LinAlgError:
            return None
        size = 1.0
        while loss(beta + size * step) > before + 1e-12 and size > 1e-6:
            size /= 2
        beta = beta + size * step
        after = loss(beta)
        if abs(before - after) < 1e-9:
            break
        before = after
    if not np.isfinite(beta).all() or np.linalg.cond(information) > 1e12 or beta[0] > 30:
        return None  # empty cells: some effect runs to infinity
    return float(beta[0]), float(np.linalg.inv(information)[0, 0]), after


def odds_ratio(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Odds ratio of two lists' having a place, among places that a third has, and the standard error of its logarithm.

    Half a place is added to each cell (Haldane 1956). Above 1: they have the same kilns oftener than by chance.
    """
    cells = np.array([(a & b).sum() for a in (one, ~one) for b in (other, ~other)]) + 0.5
    return float(cells[0] * cells[3] / (cells[1] * cells[2])), float(np.sqrt((1 / cells).sum()))


def doubts(
    had: np.ndarray, names: list[str], agreement: list[dict[str, Any]], model: dict[str, Any] | None = None
) -> list[str]:
    """What speaks against the estimates: sentences. `had` (n, lists) are places by lists, `model` is `loglinear`."""
    said = [
        "Kilns that are hard to see are missing from every list made from imagery: so far each estimate is too low.",
        "What a list has that is no kiln counts as one that the others missed: so far each estimate is too high.",
    ]
    for entry in agreement:
        (one, other), both = entry["lists"], entry["both"]
        if entry["within_1_m"] > max(COPIED, both / 10):
            said.append(
                f"{one} and {other} have {entry['within_1_m']} of {both} common kilns within 1 m, as only copied "
                "positions are: one was made from the other, and the two say less than two lists."
            )
        if both < SMALL:
            said.append(f"{one} and {other} have only {both} kilns in common: nothing follows from them.")
    for third, (a, b) in ((t, p) for t in range(len(names)) for p in combinations(range(len(names)), 2) if t not in p):
        rows = had[had[:, third]]
        ratio, error = odds_ratio(rows[:, a], rows[:, b])
        if abs(np.log(ratio)) > Z95 * error:
            way = "oftener" if ratio > 1 else "more seldom"
            low = "too low" if ratio > 1 else "too high"
            said.append(
                f"Of the kilns of {names[third]}, {names[a]} and {names[b]} have the same {way} than by chance (odds "
                f"ratio {ratio:.1f}): Chapman's estimate from these two is {low}."
                + (_allowing(f"{names[a]}+{names[b]}" in model["dependent"]) if model else "")
            )
    return said


def _allowing(allows: bool) -> str:
    if allows:
        return " The log-linear model allows for that."
    return " The log-linear model takes the two for independent and does not allow for it: its number errs as well."


def estimate_missing(had: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Every estimate of all kilns from places by lists, `had` (n, lists): two lists at a time, and all together.

    Of the log-linear model `dependent` names the pairs of lists, as "a+b", that it allows to have the same kilns
    oftener or more seldom than by chance; it takes all others for independent of each other.
    """
    pairs = {}
    for a, b in combinations(range(len(names)), 2):
        total = chapman(int(had[:, a].sum()), int(had[:, b].sum()), int((had[:, a] & had[:, b]).sum()))
        pairs[f"{names[a]}+{names[b]}"] = total and total.told()
    bound = chao(had.sum(axis=1), len(names)) if len(had) else None
    model = loglinear(had)
    if model:
        model["dependent"] = [f"{names[a]}+{names[b]}" for a, b in model["dependent"]]
    return {"seen": len(had), "chapman": pairs, "chao_lower_bound": bound and bound.told(), "loglinear": model}
