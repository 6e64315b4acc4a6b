"""The report as plain values: what JSON holds and what the table and the page show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .facts import Facts
from .jobs import Job
from .model import Assumptions, Footprint, footprints, network, storage
from .ranges import Range
from .sizes import hints
from .totals import by_fate, by_rule, per_unit, total, what_if

UNKNOWNS = {
    "kwh": "energy",
    "operational_g": "emissions of electricity",
    "embodied_g": "emissions of making the machine",
    "money": "the price of the machine",
}


@dataclass(frozen=True)
class More:
    """What a workflow may know besides its jobs."""

    title: str = "What it cost"
    currency: str = "USD"
    """Of machines."""
    products: str = "the products"
    """What the jobs that are not `beside` make, as the report calls it."""
    units: Mapping[str, float] = field(default_factory=dict)
    """Units of work that products hold: name to number."""
    regions: tuple[str, ...] = ("us-west-2", "us-east-1", "eu-north-1", "ap-south-1")
    """For the what-if table."""
    priced: tuple[str, ...] = ("us-west-2", "us-east-1")
    """Regions for which facts/instances.csv tells prices."""
    size: str = "2xlarge"
    stored_gb: float | None = None
    stored_days: float | None = None
    other: Mapping[str, Any] = field(default_factory=dict)
    """Sections of the workflow's own: `imagery`, `naive` (rows) and `notes`."""


def make_report(jobs: Iterable[Job], facts: Facts, assumed: Assumptions, more: More) -> dict[str, Any]:
    """Everything about some jobs. Raises FootprintError if an assumption names what no table knows."""
    assumed.check(facts)
    jobs = list(jobs)
    parts = footprints(jobs, facts, assumed)
    own = [part for part in parts if not part.job.beside]
    side = [part for part in parts if part.job.beside]
    spent = total(part for part in own if part.job.fate != "superseded")
    done = [part.job for part in own if part.job.fate == "done"]
    report = {
        "title": more.title,
        "currency": more.currency,
        "assumed": _assumed(assumed),
        "named": more.products,
        "total": total(parts).told(),
        "products": total(own).told(),
        "besides": total(side).told(),
        "fates": {fate: sums.told() for fate, sums in by_fate(own).items()},
        "rules": {rule: sums.told() for rule, sums in by_rule(own).items()},
        "rules_besides": {rule: sums.told() for rule, sums in by_rule(side).items()},
        "machines": _machines(parts),
        "units": per_unit(spent, more.units),
        "traffic": _traffic(jobs, facts, assumed),
        "storage": _storage(facts, assumed, more),
        "what_if": what_if(done, facts, more.regions, facts.families, more.priced, more.size) if done else [],
        "hints": hints(jobs),
        "constants": facts.rows(),
    }
    other = {name: value for name, value in more.other.items() if name != "notes"}
    return report | other | {"notes": [*_notes(parts, facts, assumed), *more.other.get("notes", [])]}


def _assumed(assumed: Assumptions) -> dict[str, Any]:
    ranges = {name: value and value.pair() for name, value in (("g_per_kwh", assumed.intensity), ("pue", assumed.pue))}
    named = {"instance": assumed.instance, "spot": assumed.spot, "grid": assumed.grid, "price_per_hour": assumed.price}
    return named | ranges


def _machines(parts: list[Footprint]) -> dict[str, dict[str, Any]]:
    """Totals by kind of machine, as it ran or was assumed."""
    names = dict.fromkeys(_machine_name(part) for part in parts)
    return {name: total(part for part in parts if _machine_name(part) == name).told() for name in sorted(names)}


def _machine_name(part: Footprint) -> str:
    if part.machine and part.machine.name:
        return part.machine.name + ("" if part.job.instance else " (assumed)")
    return part.job.instance or ("a machine of unknown kind" if part.machine else "unknown")


def _grid_of(facts: Facts, assumed: Assumptions, jobs: Iterable[Job] = ()) -> Range | None:
    """Electricity where things are kept: what is assumed, or that of the only region that jobs ran in."""
    regions = {job.region for job in jobs if job.region}
    if assumed.intensity or assumed.grid:
        return assumed.intensity or facts.grid.get(assumed.grid)
    return facts.grid.get(regions.pop()) if len(regions) == 1 else None


def _traffic(jobs: list[Job], facts: Facts, assumed: Assumptions) -> dict[str, Any]:
    known = [job.network_gb for job in jobs if job.network_gb is not None]
    moved = network(sum(known), _grid_of(facts, assumed, jobs), facts)
    return {"gb": round(sum(known), 6), "jobs_unknown": len(jobs) - len(known)} | _pairs(moved)


def _storage(facts: Facts, assumed: Assumptions, more: More) -> dict[str, Any] | None:
    if more.stored_gb is None or not more.stored_days:
        return None
    kept = storage(more.stored_gb, more.stored_days, _grid_of(facts, assumed), facts)
    return {"gb": round(more.stored_gb, 6), "days": more.stored_days} | _pairs(kept)


def _pairs(values: Mapping[str, Range | None]) -> dict[str, list[float] | None]:
    return {name: value and value.pair() for name, value in values.items()}


def _notes(parts: list[Footprint], facts: Facts, assumed: Assumptions) -> list[str]:
    """What a reader must know of these numbers."""
    notes = []
    bare = sum(not part.job.instance for part in parts)
    if bare and assumed.instance:
        notes.append(
            f"{bare} jobs did not run on a known EC2 machine: they are counted as if on {assumed.instance}, at the run "
            "time and CPU time measured here."
        )
    elif generic := sum(bool(part.machine and not part.machine.name) for part in parts):
        notes.append(
            f"{generic} jobs ran on machines of no known kind: watts are those of servers in general, and what making "
            "the machine emitted is not known. Name a comparable EC2 type to have it (`instance`)."
        )
    low, high = (sum(getattr(part.machine_h, end) for part in parts) for end in ("low", "high"))
    if high > low * 1.005:
        notes.append(
            f"Jobs asked for {low / high:.0%} of their machines while any of them ran there: low ends count that, high "
            "ends the whole machine."
        )
    proxies = sorted({f"{p.machine.name.partition('.')[0]} ({p.machine.proxy})" for p in parts
                      if p.machine and p.machine.name and p.machine.proxy})  # fmt: skip
    if proxies:
        notes.append(f"Watts are a stand-in's, not measured on the processor itself: {', '.join(proxies)}.")
    for name, words in UNKNOWNS.items():
        missing = sum(getattr(part, name) is None for part in parts)
        if missing:
            notes.append(f"Unknown for {missing} of {len(parts)} jobs, and in no sum: {words}.")
    uncounted = sum(part.cpu_h is None for part in parts)
    if uncounted:
        notes.append(f"{uncounted} jobs have no CPU time: their energy goes from idle to all cores busy.")
    places = {part.job.region or assumed.grid for part in parts} - {""}
    single = sorted(p for p in places if p in facts.grid and facts.grid[p].low == facts.grid[p].high)
    if single and not assumed.intensity:
        notes.append(f"One source only for the electricity of {', '.join(single)}: its range is too narrow.")
    return notes
