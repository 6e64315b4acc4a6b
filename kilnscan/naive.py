"""What a naive design would have cost, from what this run measured; every row says what it supposes."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from kilnscan.footprint import Assumptions, Facts, Job, Machine, footprints, total
from kilnscan.footprint.words import lasting
from kilnscan.lattice import CHIP_M
from kilnscan.prices import CHIP_KM2, read_prices

FUNNEL = ("screen", "candidates", "imagery", "detect")
SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge")


@dataclass(frozen=True)
class Run:
    """What is known of a run."""

    records: list[dict[str, Any]]
    jobs: list[Job]
    area_km2: float
    acquired_km2: float
    """Land of the chips in use, each once."""
    plan: dict[str, Any]
    """plan.json, if there is one."""
    prices: str | None
    """Price table of imagery, and `products` of it (all if empty)."""
    products: list[str]

    @property
    def final(self) -> list[Job]:
        """The jobs that the atlas follows from."""
        return [job for job in self.jobs if job.fate == "done" and not job.beside]

    def did(self, rule: str, amount: str) -> float:
        """How much of something all finished jobs of a rule did."""
        done = (record for record in self.records if record["rule"] == rule and record["state"] == "done")
        return sum(record.get(amount, 0) for record in done)

    def cpu_s(self, *rules: str) -> float:
        """CPU seconds of finished jobs of some rules."""
        return sum(job.cpu_s or 0 for job in self.final if job.rule in rules)


def against_naive(run: Run, facts: Facts) -> list[dict[str, Any]]:
    """Rows that records allow: words (see `_row`), `values` of both in `unit`, `basis` in a few words, `assumption`."""
    rows = [*imagery_everywhere(run), detection_everywhere(run), *one_machine(run, facts), *all_again(run)]
    return [row for row in rows if row]


def imagery_everywhere(run: Run) -> list[dict[str, Any]]:
    """List price of high-resolution imagery of the whole area, against that of what was acquired, for each product."""
    km2 = run.acquired_km2
    planned = {entry["product"]: entry["price"] for entry in run.plan.get("products", [])}
    rows = []
    for product in read_prices(run.prices, run.products) if km2 else []:
        wall = product.price_per_km2 * max(run.area_km2, product.min_km2)
        least = product.price_per_km2 * km2
        spent = planned.get(product.product, max(least, product.price_per_km2 * product.min_km2))
        how = "the orders of the plan" if product.product in planned else "one order of the chips, a lower bound"
        rows.append(
            _row(
                f"imagery, list price: {product.product}", f"{wall:,.0f} {product.currency}",
                f"{spent:,.0f} {product.currency} if ordered", product.currency, wall, spent,
                f"list prices, not money paid; the whole area, against {how}",
                f"{run.area_km2:,.1f} km2 at {product.price_per_km2:g} {product.currency} (read {product.read_on}); "
                f"this run: {how}",
            )
        )  # fmt: skip
    return rows


def detection_everywhere(run: Run) -> dict[str, Any]:
    """CPU time of fetching every chip and looking at every window, by the run's own time for one of each."""
    chips, windows = run.acquired_km2 / CHIP_KM2, run.did("detect", "windows")
    if not chips or not windows:
        return {}
    everywhere = run.area_km2 / CHIP_KM2
    each = run.cpu_s("imagery") / chips, run.cpu_s("detect") / windows
    naive, funnel = everywhere * sum(each), run.cpu_s(*FUNNEL)
    return _row(
        "detection everywhere", lasting(naive / 3600, "CPU"), lasting(funnel / 3600, "CPU"), "CPU s", naive, funnel,
        "no screen, every window as slow as those around candidates: likely more than it would take",
        f"{everywhere:,.0f} chips of {CHIP_M:g} m at {each[0]:.4f} and as many windows at {each[1]:.4f} CPU s, as "
        f"measured around candidates, where windows take longest; without a screen. This run: {', '.join(FUNNEL)}",
    )  # fmt: skip


def one_machine(run: Run, facts: Facts) -> list[dict[str, Any]]:
    """One kind of machine for all, wide enough for the widest job, one job at a time on each."""
    if not run.final:
        return []
    machine = smallest(facts, max(j.threads for j in run.final), max(j.mem_gib or 0 for j in run.final))
    if machine is None or machine.on_demand is None:
        return []
    hours = sum(job.wall_s for job in run.final) / 3600
    bare = [Job(job.rule, job.wall_s, job.threads, job.cpu_s, job.mem_gib) for job in run.final]
    packed = total(footprints(bare, facts, Assumptions(machine.name, False, idle=False))).machine_h.low
    naive, spent = hours * machine.on_demand, packed * machine.on_demand
    return [
        _row(
            f"one kind of machine ({machine.name})", f"{naive:,.4f} USD", f"{spent:,.4f} USD", "USD", naive, spent,
            "each job alone on a machine that fits the widest, on demand",
            f"every job alone on the machine that the widest needs, on demand: {1 - packed / hours:.0%} of it idle; "
            "this run: each pays for the part of the same machine that it asks for",
        )
    ]  # fmt: skip


def smallest(facts: Facts, threads: float, mem_gib: float) -> Machine | None:
    """The cheapest machine of known price that a job fits on."""
    machines = (facts.machine(f"{family}.{size}") for family in facts.families for size in SIZES)
    fitting = [m for m in machines if m and m.on_demand and m.vcpu >= threads and m.mem_gib >= mem_gib]
    return min(fitting, key=lambda machine: (machine.on_demand, machine.name), default=None)


def all_again(run: Run) -> list[dict[str, Any]]:
    """Everything rerun, against the jobs that follow where one tile's scenes have changed."""
    tiles: dict[str, float] = defaultdict(float)
    rest = rest_jobs = 0.0
    counts: dict[str, int] = defaultdict(int)
    for job in run.final:
        if job.tile:
            tiles[job.tile] += job.cpu_s or 0
            counts[job.tile] += 1
        else:
            rest += job.cpu_s or 0
            rest_jobs += 1
    if len(tiles) < 2:
        return []
    everything, one = sum(tiles.values()) + rest, sum(tiles.values()) / len(tiles) + rest
    jobs = sum(counts.values()) / len(tiles) + rest_jobs
    return [
        _row(
            "everything again", f"{lasting(everything / 3600, 'CPU')} in {len(run.final)} jobs",
            f"{lasting(one / 3600, 'CPU')} in {jobs:.0f} jobs", "CPU s", everything, one,
            f"one of {len(tiles)} tiles has changed",
            f"where one of {len(tiles)} tiles has changed: its jobs (an average tile's) and those for the whole region",
        )
    ]  # fmt: skip


def _row(
    against: str, naive: str, run: str, unit: str, much: float, little: float, basis: str, assumption: str
) -> dict[str, Any]:
    saving = f"{much / little:,.1f} times" if little > 0 else "all of it"
    return {
        "against": against,
        "naive": naive,
        "run": run,
        "saving": saving,
        "basis": basis,
        "assumption": assumption,
        "unit": unit,
        "values": [float(f"{much:.6g}"), float(f"{little:.6g}")],
    }
