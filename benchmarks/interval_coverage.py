"""Do 95 % intervals hold 95 %? Coverage and width of each in simulated regions whose kilns are all known.

    .venv/bin/python benchmarks/interval_coverage.py        # make interval-coverage

Each setting is a fixed region: strata of chips with a number of kilns in each. Samples are drawn from it without
replacement, thousands of times; an interval holds if the true total lies in it. Prints the tables of docs/accuracy.md.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np

from kilnscan import intervals
from kilnscan.capture import chapman, loglinear

DRAWS, AGAIN, ANY = 4000, 300, 300
AUDIT = (100_000, 30_000, 3_000, 1_000, 500)
"""Chips in strata such as those of the audit: nothing seen, something seen, three bands of candidates."""


@dataclass(frozen=True)
class Setting:
    """A region and a sample of it."""

    name: str
    kinds: tuple[tuple[int, ...], ...]
    """By stratum: how many chips hold 0, 1, 2... kilns."""
    sample: tuple[int, ...]

    @property
    def size(self) -> np.ndarray:
        """Chips by stratum."""
        return np.array([sum(kinds) for kinds in self.kinds], float)

    @property
    def together(self) -> float:
        """Kilns in the chip of an average kiln, as the atlas of the region would tell it."""
        squares = sum(number**2 * chips for kinds in self.kinds for number, chips in enumerate(kinds))
        return float(intervals.company(np.array(self.truth), np.array(squares)))

    @property
    def truth(self) -> int:
        """Kilns in all."""
        return sum(number * chips for kinds in self.kinds for number, chips in enumerate(kinds))


def region(sizes: tuple[int, ...], *holding: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Strata of `sizes` chips, of which as many as told hold 1, 2... kilns."""
    return tuple((size - sum(some), *some) for size, some in zip(sizes, holding, strict=True))


RARE = region(AUDIT, (3, 0, 0), (3, 0, 0), (9, 1, 0), (14, 2, 0), (20, 3, 0))
DENSE = region(AUDIT, (20, 2, 0), (30, 3, 1), (90, 12, 3), (120, 25, 5), (120, 30, 8))
BLIND = region(AUDIT, (300, 0, 0), (20, 0, 0), (10, 1, 0), (14, 2, 0), (20, 3, 0))
LANDS = [
    Setting("one stratum, 10 kilns on 100,000 chips, 400 looked at", region((100_000,), (10,)), (400,)),
    Setting("one stratum, 1 kiln per 100 chips, 20", region((10_000,), (100,)), (20,)),
    Setting("one stratum, 1 kiln per 100 chips, 100", region((10_000,), (100,)), (100,)),
    Setting("one stratum, 1 kiln per 100 chips, 2,000", region((10_000,), (100,)), (2000,)),
    Setting("the same, in clusters of 4, 100", region((10_000,), (0, 0, 0, 25)), (100,)),
    Setting("the same, in clusters of 4, 400", region((10_000,), (0, 0, 0, 25)), (400,)),
    Setting("the same, in clusters of 4, 2,000", region((10_000,), (0, 0, 0, 25)), (2000,)),
    Setting("five strata as in the audit, rare, 100", RARE, (20, 20, 20, 20, 20)),
    Setting("five strata as in the audit, rare, 400", RARE, (180, 130, 40, 25, 25)),
    Setting("five strata as in the audit, rare, 2,000", RARE, (900, 650, 200, 130, 120)),
    Setting("five strata, many and some clusters, 100", DENSE, (20, 20, 20, 20, 20)),
    Setting("five strata, many and some clusters, 400", DENSE, (180, 130, 40, 25, 25)),
    Setting("five strata, many and some clusters, 2,000", DENSE, (900, 650, 200, 130, 120)),
    Setting("five strata, three quarters of the kilns where nothing was seen, 400", BLIND, (180, 130, 40, 25, 25)),
    Setting("five strata, three quarters of the kilns where nothing was seen, 2,000", BLIND, (900, 650, 200, 130, 120)),
    Setting("small area, half of it looked at, 100", region((200,), (6, 1)), (100,)),
    Setting("small area, nine tenths looked at, 180", region((200,), (6, 1)), (180,)),
    Setting("no kiln at all, 400", region(AUDIT, *[(0,)] * 5), (180, 130, 40, 25, 25)),
    Setting("tiny area, 5 kilns, 3 of them in one chip, 91 of 100", region((100,), (2, 0, 1)), (91,)),
]
METHODS = ("normal", "log-normal", "Fay-Feuer", "bootstrap", "kilnscan", "kilnscan, clusters unknown")


def land(setting: Setting, draws: int, rng: np.random.Generator, again: int = AGAIN) -> dict[str, tuple[float, float]]:
    """Coverage and mean width of each interval."""
    looked = np.array(setting.sample, float)
    strata = [
        rng.multivariate_hypergeometric(kinds, many, draws)
        for kinds, many in zip(setting.kinds, setting.sample, strict=True)
    ]
    kinds = np.stack(strata, 1)  # (draw, stratum, kilns in a chip)
    number = np.arange(kinds.shape[-1])
    total, squares = (kinds * number).sum(-1), (kinds * number**2).sum(-1)
    size = setting.size
    fresh = 1 - looked / size
    limits = {
        "normal": intervals.normal(size, looked, total, squares, fresh),
        "log-normal": intervals.lognormal(size, looked, total, squares, fresh),
        "Fay-Feuer": intervals.poisson_gamma(size, looked, total),
        "bootstrap": intervals.bootstrap(size, looked, kinds, again, rng),
        "kilnscan": intervals.gamma(size, looked, total, squares, fresh, setting.together),
        "kilnscan, clusters unknown": intervals.gamma(size, looked, total, squares, fresh),
    }
    return {name: scored(*pair, setting.truth) for name, pair in limits.items()}


def scored(low: np.ndarray, high: np.ndarray, truth: float) -> tuple[float, float]:
    held = (low <= truth + 1e-9) & (truth <= high + 1e-9)
    return float(held.mean()), float((high - low).mean())


def whole(bands: list[tuple[int, int, int]], setting: Setting, draws: int, rng: np.random.Generator) -> dict:
    """Kilns of the atlas checked (size, true, checked of each band of scores) and kilns missed, together."""
    size, true, checked = np.array(bands, float).T
    found = rng.hypergeometric(true.astype(int), (size - true).astype(int), checked.astype(int), (draws, len(bands)))
    low, high = intervals.share(found, checked, 1 - checked / size)
    looked = np.array(setting.sample, float)
    kinds = np.stack(
        [rng.multivariate_hypergeometric(k, n, draws) for k, n in zip(setting.kinds, setting.sample, strict=True)], 1
    )
    number = np.arange(kinds.shape[-1])
    total, squares = (kinds * number).sum(-1), (kinds * number**2).sum(-1)
    fresh = 1 - looked / setting.size
    missed = (setting.size / looked * total).sum(-1)
    ends = intervals.gamma(setting.size, looked, total, squares, fresh, setting.together)
    parts = [
        np.column_stack([size * part, more])
        for part, more in zip((found / checked, low, high), (missed, *ends), strict=True)
    ]
    variance = (size**2 * (1 - checked / size) * (p := found / checked) * (1 - p) / np.maximum(checked - 1, 1)).sum(-1)
    plain_low, plain_high = intervals.normal(setting.size, looked, total, squares, fresh)
    plain = (size * p).sum(-1) + missed
    half = 1.959964 * np.sqrt(variance + ((plain_high - np.maximum(plain_low, 0)) / 2 / 1.959964) ** 2)
    truth = true.sum() + setting.truth
    return {
        "normal": scored(plain - half, plain + half, truth),
        "kilnscan": scored(*intervals.added(*parts), truth),
    }


def at_random(rng: np.random.Generator) -> Setting:
    """A region of one to five strata of any size, rate and crowding, and a sample of 20 to 1,000 chips of each."""
    size = [int(10 ** rng.uniform(1.5, 5)) for _ in range(rng.integers(1, 6))]
    holding = []
    for chips in size:
        some = int(min(0.3 * chips, rng.poisson(10 ** rng.uniform(-0.5, 2.2))))
        more = some - int(some * (1 - rng.choice([0, 0.1, 0.3])))
        holding.append((some - more, more // 2, more - more // 2))
    looked = tuple(int(min(chips, max(20, 10 ** rng.uniform(1.3, 3)))) for chips in size)
    return Setting("any", region(tuple(size), *holding), looked)


WHOLES = [
    ("1,000 kilns, .90 true, 100 checked", [(300, 230, 40), (400, 370, 30), (300, 298, 30)], LANDS[8]),
    ("1,000 kilns, .90 true, 300 checked", [(300, 230, 100), (400, 370, 100), (300, 298, 100)], LANDS[9]),
    ("60 kilns, all true, 20 checked", [(60, 60, 20)], LANDS[8]),
    ("60 kilns, all true, all checked", [(60, 60, 60)], LANDS[15]),
    ("5,000 kilns, .75 true, 200 checked", [(2000, 1000, 80), (2000, 1780, 60), (1000, 970, 60)], LANDS[11]),
]


LISTS = (
    ("three that know nothing of each other, having .6, .5 and .4 of the kilns", (0.6, 0.5, 0.4), 0.0),
    ("having .5, .5, .3; the third copies four fifths of the first", (0.5, 0.5, 0.3), 0.8),
)


def captured(rates: tuple[float, ...], copied: float, rng: np.random.Generator) -> tuple[float, float]:
    """How often intervals of all kilns hold the truth, from lists that have shares `rates` of them."""
    held = np.zeros(2)
    for _ in range(300):
        had = rng.random((2000, 3)) < rates
        had[:, 2] |= had[:, 0] & (rng.random(2000) < copied)
        two = chapman(int(had[:, 0].sum()), int(had[:, 1].sum()), int((had[:, 0] & had[:, 1]).sum())).told()
        three = loglinear(had[had.any(axis=1)])
        held += [told["ci95"][0] <= 2000 <= told["ci95"][1] for told in (two, three)]
    return tuple(held / 300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draws, rng, began = arguments.draws, np.random.default_rng(arguments.seed), time.process_time()
    print(f"| land looked at | kilns | {' | '.join(METHODS)} |\n|---|---|{'---|' * len(METHODS)}")
    for setting in LANDS:
        row = land(setting, draws, rng)
        cells = " | ".join(f"{row[name][0]:.3f} ({row[name][1]:,.0f})" for name in METHODS)
        print(f"| {setting.name} | {setting.truth} | {cells} |")
    print("\n| atlas and land together | kilns | normal | kilnscan |\n|---|---|---|---|")
    for name, bands, setting in WHOLES:
        row = whole(bands, setting, draws, rng)
        truth = sum(true for _, true, _ in bands) + setting.truth
        cells = " | ".join(f"{row[name][0]:.3f} ({row[name][1]:,.0f})" for name in ("normal", "kilnscan"))
        print(f"| {name}; {setting.name} | {truth} | {cells} |")
    held = {name: [] for name in METHODS}
    for _ in range(ANY):
        for name, (share, _width) in land(at_random(rng), 2000, rng, again=100).items():
            held[name].append(share)
    print(f"\n| coverage in {ANY} settings at random | {' | '.join(METHODS)} |\n|---|{'---|' * len(METHODS)}")
    for words, of in (("least", np.min), ("median", np.median), ("settings below .95", lambda h: (h < 0.95).sum())):
        print(f"| {words} | {' | '.join(f'{of(np.array(held[name])):.3g}' for name in METHODS)} |")
    print("\n| lists of 2,000 kilns, 300 times | Chapman, first two | log-linear |\n|---|---|---|")
    for words, rates, copied in LISTS:
        print(f"| {words} | {' | '.join(f'{share:.3f}' for share in captured(rates, copied, rng))} |")
    print(f"\n{draws} draws each, {time.process_time() - began:.0f} s of CPU")


if __name__ == "__main__":
    main()
