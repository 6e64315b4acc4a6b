"""Sums of footprints: by rule, by fate, per unit of work, and on other machines in other places."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .facts import Facts
from .jobs import Job
from .model import Assumptions, Footprint, footprints
from .ranges import Range, summed

MEASURES = ("kwh", "operational_g", "embodied_g", "co2e_g", "money")
FATES = ("done", "lost", "superseded")


@dataclass(frozen=True)
class Total:
    """A sum over jobs; of what `unknown` counts jobs, the sum holds nothing of them."""

    jobs: int
    wall_h: float
    cpu_h: float
    gpu_h: float
    machine_h: Range
    kwh: Range | None
    operational_g: Range | None
    embodied_g: Range | None
    co2e_g: Range | None
    money: Range | None
    unknown: dict[str, int]

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        plain = {"jobs": self.jobs} | {name: round(getattr(self, name), 9) for name in ("wall_h", "cpu_h", "gpu_h")}
        ranges = {name: getattr(self, name) for name in ("machine_h", *MEASURES)}
        return plain | {name: value and value.pair() for name, value in ranges.items()} | {"unknown": self.unknown}


def total(parts: Iterable[Footprint]) -> Total:
    """The sum of footprints."""
    parts = list(parts)
    sums = {name: summed(getattr(part, name) for part in parts) for name in MEASURES}
    missing = {name: sum(getattr(part, name) is None for part in parts) for name in ("cpu_h", *MEASURES)}
    return Total(
        len(parts),
        sum(part.job.wall_s for part in parts) / 3600,
        sum(part.cpu_h or 0.0 for part in parts),
        sum(part.gpu_h for part in parts),
        sum((part.machine_h for part in parts), Range(0.0, 0.0)),
        *(sums[name] for name in MEASURES),
        {name: count for name, count in missing.items() if count},
    )


def by_rule(parts: list[Footprint]) -> dict[str, Total]:
    """A total for each rule, in the order in which they first ran."""
    return {rule: total(p for p in parts if p.job.rule == rule) for rule in dict.fromkeys(p.job.rule for p in parts)}


def by_fate(parts: list[Footprint]) -> dict[str, Total]:
    """What products follow from, what was lost to failures, what was done again later."""
    return {fate: total(part for part in parts if part.job.fate == fate) for fate in FATES}


def per_unit(whole: Total, units: Mapping[str, float]) -> list[dict[str, Any]]:
    """kWh, CO2e and money for each unit of work (name: how many there were)."""
    rows = []
    for name, count in units.items():
        if count > 0:
            values = {measure: getattr(whole, measure) for measure in MEASURES}
            rows.append({"unit": name, "count": count, "cpu_h": whole.cpu_h / count}
                        | {measure: value and (value / count).pair() for measure, value in values.items()})  # fmt: skip
    return rows


def what_if(
    jobs: Iterable[Job], facts: Facts, regions: Iterable[str], families: Iterable[str], priced: Iterable[str], size: str
) -> list[dict[str, Any]]:
    """The same jobs on other machines and elsewhere, on demand and on Spot; each row a total.

    Equal run times on every processor are assumed, and perfectly packed machines. Jobs that ran on a GPU are left out.
    Prices are known in the regions `priced` only.
    """
    plain = [job for job in jobs if not (job.instance and (machine := facts.machine(job.instance)) and machine.gpu)]
    bare = [replace(job, instance="", region="", node="") for job in plain]
    taken = {family: total(footprints(bare, facts, Assumptions(f"{family}.{size}", idle=False))) for family in families}
    rows = []
    for region in regions:
        for family, sums in taken.items():
            machine, grid, known = facts.machine(f"{family}.{size}"), facts.grid.get(region), region in set(priced)
            prices = [machine.price(spot) if machine and known else None for spot in (False, True)]
            operational = sums.kwh * grid if sums.kwh and grid else None
            both = operational + sums.embodied_g if operational and sums.embodied_g else None
            ranges = {
                "on_demand": prices[0] and prices[0] * sums.machine_h,
                "spot": prices[1] and prices[1] * sums.machine_h,
                "kwh": sums.kwh,
                "operational_g": operational,
                "embodied_g": sums.embodied_g,
                "co2e_g": both,
            }
            told = {name: value and value.pair() for name, value in ranges.items()}
            rows.append({"region": region, "family": family} | told)
    return rows
