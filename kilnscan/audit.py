"""What the screen loses, estimated from a stratified random sample of the land it rejects.

The unit is a chip: land is acquired and rejected chip by chip. Its score is the highest threshold that acquires it, so
"rejected" means a score below the threshold. Strata are bands of score, and where there is no candidate at all, whether
the screen saw anything there. Sampled chips go through the second stage or to a person; what those find, weighed by the
share of the stratum that was sampled, is what the screen loses. It is recall as far as they can see.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from kilnscan.candidates import LOWEST
from kilnscan.lattice import CHIP_M, Vertex

BANDS = 3  # strata between the lowest score of a candidate and the threshold
EXPECTED = (1, 6, 40, 80, 160)
"""How often kilns are expected in each stratum, relative to the first: only the sample's efficiency hangs on it."""
LEAST = 20  # chips sampled of a stratum that has so many
TARGETS = (0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Stratum:
    """Rejected chips that are alike: how many there are, how many were looked at, and the kilns found in those."""

    name: str
    low: float
    """Least score; the next stratum's is the limit."""
    chips: int
    sampled: int
    kilns: int


def strata_edges(threshold: float) -> list[float]:
    """Least scores of the strata of candidates below a threshold, and the threshold."""
    if threshold <= LOWEST:
        return [threshold]
    return [round(float(edge), 6) for edge in np.linspace(LOWEST, threshold, BANDS + 1)]


def stratum_of(units: pd.DataFrame, threshold: float) -> np.ndarray:
    """Number of each chip's stratum, -1 where it is acquired. `units` has the columns score and hint."""
    edges = strata_edges(threshold)
    score = units["score"].to_numpy()
    number = 1 + np.searchsorted(edges, score, side="right")
    number[score == 0] = np.where(units["hint"].to_numpy()[score == 0] > 0, 1, 0)
    return np.where(score >= threshold, -1, number)


def strata_names(threshold: float) -> list[str]:
    """What to call the strata, in their order."""
    edges = strata_edges(threshold)
    names = ["nothing seen", "something seen, no candidate"]
    return names + [f"candidate scored {a:.2f} to {b:.2f}" for a, b in pairwise(edges)]


def strata_of(units: pd.DataFrame, threshold: float) -> list[dict[str, Any]]:
    """Name, least score and number of chips of each stratum of `units` (score, hint)."""
    number, lows = stratum_of(units, threshold), [0.0, 0.0, *strata_edges(threshold)[:-1]]
    return [
        {"name": name, "low": low, "chips": int((number == stratum).sum())}
        for stratum, (name, low) in enumerate(zip(strata_names(threshold), lows, strict=True))
    ]


def looked_at(strata: list[dict[str, Any]], sample: pd.DataFrame) -> list[Stratum]:
    """The strata of `strata_of` with what was found in the chips of `sample`: stratum and kilns, None if not seen."""
    groups = sample[sample["kilns"].notna()].groupby("stratum")["kilns"]
    looked, seen = groups.size(), groups.sum()
    return [
        Stratum(**stratum, sampled=int(looked.get(number, 0)), kilns=int(seen.get(number, 0)))
        for number, stratum in enumerate(strata)
    ]


def draw(units: pd.DataFrame, threshold: float, size: int, seed: int) -> pd.DataFrame:
    """Sample rejected chips: rows of `units` (epsg, i, j, score, hint) with their `stratum`, sorted by place.

    Of each stratum a simple random sample: shares follow Neyman's allocation for the rates expected, at least LEAST
    chips of each. A chip's luck is a hash of the seed and its place: neither the tiling nor the order matters.
    """
    number = stratum_of(units, threshold)
    counts = np.bincount(number[number >= 0], minlength=len(strata_names(threshold)))
    weight = counts * np.sqrt(np.array(EXPECTED)[: len(counts)])
    share = np.floor(size * weight / max(weight.sum(), 1)).astype(int)
    wanted = np.minimum(counts, np.maximum(share, LEAST))
    lots = luck(units["epsg"].to_numpy(), units["i"].to_numpy(), units["j"].to_numpy(), seed)
    chosen = []
    for stratum, many in enumerate(wanted):
        members = np.flatnonzero(number == stratum)
        chosen.append(members[np.argsort(lots[members], kind="stable")[:many]])
    rows = np.concatenate(chosen) if chosen else np.empty(0, int)
    sample = units.iloc[rows].assign(stratum=number[rows])
    return sample.sort_values(["epsg", "j", "i"], ascending=[True, False, True]).reset_index(drop=True)


def luck(epsg: np.ndarray, i: np.ndarray, j: np.ndarray, seed: int) -> np.ndarray:
    """A random 64-bit number for each chip, the same wherever it is drawn (splitmix64's mixing; Steele et al. 2014)."""
    value = np.full(len(i), seed, np.uint64)
    for part in (epsg, i, j):
        value = value + np.asarray(part, np.int64).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        value = value ^ (value >> np.uint64(31))
    return value


def windows_around_chips(chips: list[Vertex]) -> list[Vertex]:
    """Windows that see all kilns centred in `chips`: those around each chip's four corners, sorted, each once.

    A place in a chip is at most half a chip, in x and in y, from its nearest corner, so that corner's window shows it
    at least half a chip from any edge.
    """
    return sorted({(i + a, j + b) for i, j in chips for a in (0, 1) for b in (0, 1)})


def missed(strata: list[Stratum]) -> tuple[float, float, float]:
    """Kilns in the rejected chips of `strata`: estimate and 95 % interval.

    A weighted sum of Poisson counts, its interval by Fay and Feuer (1997, Statistics in Medicine 16: 791-801): never
    empty, and with an upper limit above zero where nothing was found. Where chips of a stratum were never looked at
    there is no upper limit: infinity.
    """
    weights = np.array([stratum.chips / stratum.sampled for stratum in strata if stratum.sampled])
    counts = np.array([stratum.kilns for stratum in strata if stratum.sampled])
    unseen = any(stratum.chips and not stratum.sampled for stratum in strata)
    if not len(weights):
        return 0.0, 0.0, np.inf if unseen else 0.0
    total, variance, most = float(weights @ counts), float(weights**2 @ counts), float(weights.max())
    low = variance / (2 * total) * chi2.ppf(0.025, 2 * total**2 / variance) if total else 0.0
    more = variance + most**2
    high = more / (2 * (total + most)) * chi2.ppf(0.975, 2 * (total + most) ** 2 / more)
    return total, float(low), np.inf if unseen else float(high)


def estimate(units: pd.DataFrame, found: np.ndarray, strata: list[Stratum], threshold: float) -> dict[str, Any]:
    """Recall of the screen, with its interval, and the curve of recall against the area acquired.

    `found` holds the scores of the chips in which the atlas has its kilns. Every row of the curve has a threshold, the
    km2 and the share of the land acquired at it, and the recall with its 95 % interval. Below the threshold the curve
    goes on at the borders of the strata. Recall is None while nothing at all was found, or nothing looked at.
    """
    looked = [stratum for stratum in strata if stratum.sampled]
    blind = not looked and any(stratum.chips for stratum in strata)  # nobody looked: nothing can be said
    shares = _unknown if blind else _recall
    total, low, high = missed(strata)
    kilns, score = len(found), np.sort(units["score"].to_numpy())
    grid = [round(threshold + 0.01 * step, 2) for step in range(1, int((0.95 - threshold) / 0.01) + 1)]
    curve = []
    for point in [*sorted({stratum.low for stratum in strata if stratum.low > 0}), threshold, *grid]:
        kept = int((found >= point).sum())
        gained = [stratum for stratum in looked if stratum.low >= point and point < threshold]
        more = sum(stratum.chips * stratum.kilns / stratum.sampled for stratum in gained)
        rest, rest_low, rest_high = missed([stratum for stratum in strata if stratum not in gained])
        acquired = int(len(score) - np.searchsorted(score, point))
        curve.append(
            {
                "threshold": point,
                "acquired_km2": round(acquired * CHIP_M**2 / 1e6, 3),
                "acquired_share": round(acquired / max(len(score), 1), 4),
                **shares(kept + more, kilns - kept, rest, rest_low, rest_high),
            }
        )
    return {
        "threshold": threshold,
        "kilns_found": kilns,
        "kilns_missed": {"value": round(total, 1), "ci95": [round(low, 1), None if high == np.inf else round(high, 1)]},
        **shares(kilns, 0, total, low, high),
        "land_km2": round(len(score) * CHIP_M**2 / 1e6, 3),
        "not_looked_at": sum(stratum.chips for stratum in strata if not stratum.sampled),
        "strata": [vars(stratum) for stratum in strata],
        "curve": curve,
    }


def _recall(kept: float, dropped: float, rest: float, low: float, high: float) -> dict[str, Any]:
    """Recall where `kept` are found, `dropped` known to be lost and the rest estimated; None if there are no kilns."""
    if not kept + dropped + rest:
        return _unknown()
    shares = [kept / (kept + dropped + more) if kept else 0.0 for more in (rest, high, low)]
    return dict(zip(("recall", "recall_low", "recall_high"), (round(share, 4) for share in shares), strict=True))


def _unknown(*_: float) -> dict[str, Any]:
    return dict.fromkeys(("recall", "recall_low", "recall_high"))


def in_words(result: dict[str, Any]) -> str:
    """The estimate as a few lines to read."""
    if result["recall"] is None and result["kilns_found"]:
        return "audit: none of the rejected land was looked at: nothing can be said of the screen's recall"
    if result["recall"] is None:
        return "audit: no kiln was found, on acquired land or off it: nothing can be said of the screen's recall"
    value, (low, high) = result["kilns_missed"]["value"], result["kilns_missed"]["ci95"]
    most = "any number" if high is None else f"{high:.0f}"
    lines = [
        f"audit: the screen keeps {result['recall']:.1%} of the kilns that the second look can see "
        f"(95 % interval {result['recall_low']:.1%} to {result['recall_high']:.1%})",
        f"  {result['kilns_found']} found on acquired land, about {value:.0f} lost elsewhere ({low:.0f} to {most})",
        "  recall    threshold   land acquired",
    ]
    for target in TARGETS:
        rows = [row for row in result["curve"] if (row["recall"] or 0) >= target]
        best = max(rows, key=lambda row: row["threshold"], default=None)
        words = f"{best['threshold']:>9.2f}   {best['acquired_share']:.1%}" if best else "   none of those on the curve"
        lines.append(f"  {target:.2f}   {words}")
    if result["not_looked_at"]:
        lines.append(f"  left out: {result['not_looked_at']} rejected chips of strata of which no chip was looked at")
    return "\n".join(lines)
