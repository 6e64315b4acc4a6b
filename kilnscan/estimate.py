"""How many kilns there are, how many of the atlas' are kilns, and how sure that is, from samples that people checked.

Units are looked at or not: kilns of the atlas (is it one?), and chips of land (how many kilns are here that the atlas
lacks?), on acquired and on rejected land. Units that are alike make a stratum, of which a simple random sample is
looked at. The kilns are the sum over strata of the size times the mean of the sample (Olofsson et al. 2014, Remote
Sensing of Environment 148: 42-57; Cochran 1977, chapter 5), of all land or of any part of it. Intervals are those of
kilnscan.intervals, which hold also where nothing was found.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from kilnscan import intervals

KILNS, ACQUIRED, REJECTED = "kilns", "acquired", "rejected"
"""Kinds of strata: kilns of the atlas, chips that were acquired, chips that the screen rejected."""
REVIEWED = "answered in a review"
"""Stratum of the kilns that reviews speak of, which did not draw them by lot: all of it is known."""
SUMS = ("size", "looked", "total", "squares")
SAMPLE, PARTLY, MODEL, NONE = "sample", "partly model", "model", "none"
"""What an estimate rests on: its own sample; in part or wholly on the rates of the whole region; nothing."""
FEW, ENOUGH, ALL = "few", "enough", "all"
"""How many kilns of a group were checked; of all there is no doubt left, however few they are."""


@dataclass(frozen=True)
class Part:
    """A stratum, or the share of one that lies in some area."""

    kind: str
    stratum: str
    size: int
    """Units."""
    looked: int
    """Units that were looked at."""
    total: int
    """Kilns found in them."""
    squares: int
    """Sum of the squares of the kilns found in single units."""
    borrowed: bool = False
    """Whether the sample is that of the whole region, not of these units."""

    @property
    def fresh(self) -> float:
        """Share of the units that stay unknown."""
        return 1.0 if self.borrowed else 1 - self.looked / self.size

    @property
    def value(self) -> float:
        """Kilns in all units, as the sample has it."""
        return self.size * self.total / self.looked


@dataclass(frozen=True)
class Count:
    """A number of kilns with its 95 % interval and what it rests on; `value` is None where nothing can be said."""

    value: float | None
    low: float
    high: float
    basis: str

    def told(self, digits: int = 1) -> dict[str, Any]:
        """As JSON."""
        ends = [round(end, digits) if np.isfinite(end) else None for end in (self.low, self.high)]
        value = None if self.value is None else round(self.value, digits)
        return {"value": value, "ci95": ends if self.value is not None else None, "basis": self.basis}


NOTHING = Count(0.0, 0.0, 0.0, SAMPLE)
UNKNOWN = Count(None, 0.0, np.inf, NONE)


def tally(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """A row for the units that are alike in every column of `by`, sorted: `by`, and the `SUMS` of a `Part`.

    `frame` has a row per unit with `found`, the kilns in it, NaN where nobody looked; or it is a tally itself. Of tens
    of millions of units in a country there are some thousand sorts.
    """
    if "found" in frame:
        found = frame["found"]
        sums = {"size": 1, "looked": found.notna().astype("int64"), "total": found.fillna(0).astype("int64")}
        frame = frame[by].assign(**sums, squares=sums["total"] ** 2)
    return frame.groupby(by, observed=True, sort=True, as_index=False)[list(SUMS)].sum()


def parts_of(frame: pd.DataFrame, by: str | None = None) -> dict[Any, list[Part]]:
    """Parts of each value of the column `by` (or of everything, under ""), in a fixed order.

    `frame` has the columns kind and stratum, and a row per unit, or is a `tally`.
    """
    keys = [by, "kind", "stratum"] if by else ["kind", "stratum"]
    parts: dict[Any, list[Part]] = {}
    for row in tally(frame, keys).itertuples(index=False):
        part = Part(row.kind, str(row.stratum), int(row.size), int(row.looked), int(row.total), int(row.squares))
        parts.setdefault(getattr(row, by) if by else "", []).append(part)
    return parts


def borrow(parts: Iterable[Part], whole: Iterable[Part], least: int) -> list[Part]:
    """Parts of an area, with the whole region's sample where fewer than `least` units were looked at, and not all.

    That is an assumption: that units of a stratum hold as many kilns here as elsewhere (a synthetic estimate).
    """
    region = {(part.kind, part.stratum): part for part in whole}
    lent = []
    for part in parts:
        all_ = region[part.kind, part.stratum]
        enough = part.looked >= min(least, part.size) or not all_.looked or part.size == all_.size
        own = part if enough else replace(all_, size=part.size, borrowed=True)
        lent.append(own)
    return lent


def total(parts: Iterable[Part], together: float = 1.0) -> Count:
    """Kilns in all parts. `together`: kilns in the chip of an average kiln (`intervals.company`)."""
    parts = [part for part in parts if part.size]
    if not parts:
        return NOTHING
    if any(not part.looked for part in parts):
        return UNKNOWN
    basis = _basis(parts)
    atlas, land = ([p for p in parts if (p.kind == KILNS) is mine] for mine in (True, False))
    ends = [_share(part) for part in atlas] + ([_land(land, together)] if land else [])
    values, low, high = np.array(ends).T
    least = sum(part.total for part in parts if not part.borrowed)
    below, above = intervals.added(values, low, high)
    return Count(float(values.sum()), max(float(below), least), float(above), basis)


def _basis(parts: list[Part]) -> str:
    borrowed = [part.borrowed for part in parts]
    return MODEL if all(borrowed) else PARTLY if any(borrowed) else SAMPLE


def _share(part: Part) -> tuple[float, float, float]:
    """Kilns of the atlas that are kilns: value and limits."""
    low, high = intervals.share(np.array(part.total), np.array(part.looked), np.array(part.fresh))
    return part.value, float(low) * part.size, float(high) * part.size


def _land(parts: list[Part], together: float) -> tuple[float, float, float]:
    """Kilns on land where the atlas has none: value and limits."""
    size, looked, found, squares, fresh = (
        np.array([getattr(part, name) for part in parts], float)
        for name in ("size", "looked", "total", "squares", "fresh")
    )
    own = intervals.company(found.sum(), squares.sum())
    low, high = intervals.gamma(size, looked, found, squares, fresh, max(float(own), together))
    return float((size / looked * found).sum()), float(low), float(high)


def estimate(parts: list[Part], together: float = 1.0) -> dict[str, Any]:
    """Kilns in all, how many of the atlas' are kilns, how many it lacks, precision and recall, each with its interval.

    Recall's interval takes the worst ends of both its numbers, and so errs on the wide side.
    """
    of = {kind: [part for part in parts if part.kind == kind] for kind in (KILNS, ACQUIRED, REJECTED)}
    listed = sum(part.size for part in of[KILNS])
    true, lacking = total(of[KILNS]), total(of[ACQUIRED] + of[REJECTED], together)
    return {
        "atlas": listed,
        "kilns": total(parts, together).told(),
        "confirmed": true.told(),
        "missed_on_acquired_land": total(of[ACQUIRED], together).told(),
        "missed_on_rejected_land": total(of[REJECTED], together).told(),
        "precision": _precision(true, listed),
        "recall": _recall(true, lacking),
        "kilns_checked": sum(part.looked for part in of[KILNS] if not part.borrowed),
        "chips_looked_at": sum(part.looked for part in of[ACQUIRED] + of[REJECTED] if not part.borrowed),
    }


def _precision(true: Count, listed: int) -> dict[str, Any]:
    if true.value is None or not listed:
        return UNKNOWN.told()
    return Count(true.value / listed, true.low / listed, min(true.high / listed, 1.0), true.basis).told(4)


def _recall(true: Count, lacking: Count) -> dict[str, Any]:
    if true.value is None or lacking.value is None or not true.value + lacking.value:
        return UNKNOWN.told()
    low = true.low / (true.low + lacking.high) if true.low else 0.0
    high = true.high / (true.high + lacking.low)
    basis = true.basis if true.basis == lacking.basis else PARTLY
    return Count(true.value / (true.value + lacking.value), low, high, basis).told(4)


def checked(looked: int, size: int, few: int) -> str:
    """How many of `size` kilns the `looked` are: none, fewer than `few`, enough, or all of them."""
    if not looked:
        return NONE
    return ALL if looked == size else FEW if looked < few else ENOUGH


def groups(frame: pd.DataFrame, by: str, least: int, few: int, together: float) -> list[dict[str, Any]]:
    """Estimates of each value of the column `by`, in order, and whether enough kilns were `checked`.

    Precision is that of the group's own kilns: if one of its strata has none that was checked, its strata are taken as
    one. Land borrows (`borrow`).
    """
    whole = parts_of(frame)[""] if len(frame) else []
    told = []
    for value, parts in sorted(parts_of(frame, by).items(), key=lambda item: str(item[0])):
        atlas = _pooled([part for part in parts if part.kind == KILNS])
        land = borrow([part for part in parts if part.kind != KILNS], whole, least)
        row = estimate([*atlas, *land], together)
        told.append({by: value, **row, "checked": checked(row["kilns_checked"], row["atlas"], few)})
    return told


def _pooled(parts: list[Part]) -> list[Part]:
    """Strata of one kind, or one stratum of all that were sampled if one of these has no unit that was looked at."""
    if all(part.looked for part in parts):
        return parts
    known, drawn = ([part for part in parts if (part.stratum == REVIEWED) is reviewed] for reviewed in (True, False))
    sums = [sum(getattr(part, name) for part in drawn) for name in SUMS]
    return [*known, Part(parts[0].kind, "all", *sums)]
