"""Energy, emissions and money of jobs, each as a range. Formulas and their sources: docs/footprint.md."""

from collections.abc import Iterable
from dataclasses import dataclass

from .facts import Facts, FootprintError, Machine
from .jobs import Job
from .ranges import Range, exactly


@dataclass(frozen=True)
class Assumptions:
    """What is supposed where a job's record says nothing. Raises FootprintError for machines and places unheard of."""

    instance: str = ""
    spot: bool | None = None
    grid: str = ""
    """A region of AWS or a zone, by facts/grid_intensity.csv."""
    intensity: Range | None = None
    """g CO2e per kWh, if you know better."""
    pue: Range | None = None
    price: float | None = None
    """Per hour, of a machine that is no EC2 one."""
    idle: bool = True
    """Whether the high end of each range pays for the idle share of machines too."""

    def check(self, facts: Facts) -> None:
        """Raise FootprintError if the facts do not know the machine or the place."""
        if self.instance and facts.machine(self.instance) is None:
            raise FootprintError(f"The machine {self.instance} is not in facts/instances.csv or facts/embodied.csv.")
        if self.grid and self.grid not in facts.grid:
            known = ", ".join(sorted(facts.grid))
            raise FootprintError(
                f"The electricity of {self.grid} is not in facts/grid_intensity.csv, which has {known}."
            )


@dataclass(frozen=True)
class Footprint:
    """What one attempt took. None: not known."""

    job: Job
    machine: Machine | None
    machine_h: Range
    """Hours of the whole machine: from the share asked for, to what it ran idle beside."""
    cpu_h: float | None
    gpu_h: float
    kwh: Range | None
    operational_g: Range | None
    embodied_g: Range | None
    money: Range | None

    @property
    def co2e_g(self) -> Range | None:
        """Operational and embodied, if both are known."""
        known = self.operational_g is not None and self.embodied_g is not None
        return self.operational_g + self.embodied_g if known else None


def footprints(jobs: Iterable[Job], facts: Facts, assumed: Assumptions) -> list[Footprint]:
    """The footprint of each job, in their order."""
    jobs = list(jobs)
    machines = [machine_of(job, facts, assumed) for job in jobs]
    shares = [_share(job, machine) for job, machine in zip(jobs, machines, strict=True)]
    crowding = _crowding(jobs, shares) if assumed.idle else {}
    return [
        _footprint(job, machine, share, crowding.get((job.beside, job.node), 1.0), facts, assumed)
        for job, machine, share in zip(jobs, machines, shares, strict=True)
    ]


def machine_of(job: Job, facts: Facts, assumed: Assumptions) -> Machine | None:
    """The machine of a job: the one it ran on, else the one assumed, else what its cores and memory tell."""
    if job.instance:
        return facts.machine(job.instance)
    if assumed.instance:
        return facts.machine(assumed.instance)
    if job.cores:
        return facts.unknown_machine(job.cores, job.memory_gib or 0.0, assumed.price)
    return None


def _share(job: Job, machine: Machine | None) -> float:
    """Part of the machine that a job asks for: the larger of cores' and memory's; whole if it has a GPU.

    More than one machine only where the machine is assumed: then a larger size of its family is meant.
    """
    if machine is None or machine.gpu:
        return 1.0
    memory = (job.mem_gib or 0.0) / machine.mem_gib if machine.mem_gib else 0.0
    share = max(job.threads / machine.vcpu, memory)
    return share if machine.name and not job.instance else min(1.0, share)


def _crowding(jobs: list[Job], shares: list[float]) -> dict[tuple[bool, str], float]:
    """Idle factors by (beside, node): side work, whenever it ran, changes nothing of what the products took."""
    factors = {}
    for beside in (False, True):
        mine = [(job, share) for job, share in zip(jobs, shares, strict=True) if job.beside == beside]
        nodes = idle_factors([job for job, _ in mine], [share for _, share in mine])
        factors |= {(beside, node): factor for node, factor in nodes.items()}
    return factors


def idle_factors(jobs: list[Job], shares: list[float]) -> dict[str, float]:
    """For each node by name, the time that any job ran on it over the time that jobs asked for; at least 1.

    Jobs whose node or start is not known are taken for perfectly packed.
    """
    spans: dict[str, list[tuple[float, float]]] = {}
    asked: dict[str, float] = {}
    for job, share in zip(jobs, shares, strict=True):
        if job.node and job.start is not None and job.wall_s > 0:
            spans.setdefault(job.node, []).append((job.start, job.start + job.wall_s))
            asked[job.node] = asked.get(job.node, 0.0) + share * job.wall_s
    return {node: max(1.0, _union(spans[node]) / asked[node]) for node in spans if asked[node] > 0}


def _union(spans: list[tuple[float, float]]) -> float:
    length, end = 0.0, float("-inf")
    for begin, stop in sorted(spans):
        length += max(0.0, stop - max(begin, end))
        end = max(end, stop)
    return length


def _footprint(
    job: Job, machine: Machine | None, share: float, crowding: float, facts: Facts, assumed: Assumptions
) -> Footprint:
    hours = job.wall_s / 3600
    machine_h = Range(hours * share, hours * share * crowding)
    cpu_h = None if job.cpu_s is None else job.cpu_s / 3600
    kwh = operational = embodied = money = None
    if machine is not None:
        kwh = _kwh(job, machine, machine_h, facts, assumed)
        grid = _grid(job, facts, assumed)
        operational = kwh * grid if kwh and grid else None
        if machine.server_kg and machine.server_vcpu:
            part = machine.vcpu / machine.server_vcpu * 1000
            embodied = machine.server_kg * machine_h * part / facts.constants["lifetime"]
        price = machine.price(job.spot if job.instance else assumed.spot)
        money = price * machine_h if price else None
    return Footprint(
        job, machine, machine_h, cpu_h, hours if machine and machine.gpu else 0.0, kwh, operational, embodied, money
    )


def _kwh(job: Job, machine: Machine, machine_h: Range, facts: Facts, assumed: Assumptions) -> Range | None:
    """Watts of cores, memory and GPU times hours times the overhead of the data centre."""
    if machine.idle_w is None or machine.busy_w is None or (machine.gpu and machine.gpu_w is None):
        return None
    most = machine_h.low * machine.vcpu  # core hours asked for
    busy = Range(0.0, most) if job.cpu_s is None else exactly(min(job.cpu_s / 3600, most))
    watt_hours = machine_h * (machine.vcpu * machine.idle_w) + busy * (machine.busy_w - machine.idle_w)
    watt_hours += machine_h * machine.mem_gib * facts.constants["memory"]
    if machine.gpu_w:
        load = Range(0.0, 1.0) if job.gpu_busy is None else exactly(job.gpu_busy)
        idle, full = machine.gpu_w.low, machine.gpu_w.high
        watt_hours += machine_h * idle + load * (full - idle) * (job.wall_s / 3600)
    return watt_hours * (assumed.pue or _pue(job, machine, facts)) * (1 / 1000)


def _pue(job: Job, machine: Machine, facts: Facts) -> Range:
    return facts.constants["pue_cloud" if machine.name else f"pue_{job.site}"]


def _grid(job: Job, facts: Facts, assumed: Assumptions) -> Range | None:
    if job.region:
        return facts.grid.get(job.region)
    return assumed.intensity or facts.grid.get(assumed.grid)


def storage(
    gigabytes: float, days: float, grid: Range | None, facts: Facts, pue: Range | None = None
) -> dict[str, Range | None]:
    """`kwh` and `operational_g` of keeping so many gigabytes in S3 for so many days."""
    watt_hours = facts.constants["storage"] * facts.constants["copies"] * (gigabytes / 1000 * days * 24)
    kwh = watt_hours * (pue or facts.constants["pue_cloud"]) * (1 / 1000)
    return {"kwh": kwh, "operational_g": kwh * grid if grid else None}


def network(gigabytes: float, grid: Range | None, facts: Facts) -> dict[str, Range | None]:
    """`kwh` and `operational_g` of moving so many gigabytes."""
    kwh = facts.constants["network"] * gigabytes
    return {"kwh": kwh, "operational_g": kwh * grid if grid else None}
