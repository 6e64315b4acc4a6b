"""What must be known of a job: the protocol between a workflow and its footprint."""

from dataclasses import dataclass
from typing import Literal

Fate = Literal["done", "lost", "superseded"]
"""done: a product follows from it; lost: it failed, was stopped or vanished; superseded: done, and later done again."""


@dataclass(frozen=True)
class Job:
    """One attempt at one job. None or "": not known, which is never taken for zero."""

    rule: str
    wall_s: float
    threads: float = 1
    cpu_s: float | None = None
    """CPU seconds used, of all cores."""
    mem_gib: float | None = None
    """Memory asked for."""
    peak_gib: float | None = None
    """Most memory used."""
    fate: Fate = "done"
    instance: str = ""
    """EC2 type of its machine."""
    spot: bool | None = None
    region: str = ""
    cores: float | None = None
    """Cores of a machine that is no EC2 one, which has `memory_gib`."""
    memory_gib: float | None = None
    site: Literal["local", "cluster", "cloud"] = "local"
    """Where such a machine stands: in a room or in a data centre."""
    gpu_busy: float | None = None
    """Share of the time that its GPU was busy, 0 to 1."""
    node: str = ""
    """Name of the machine, and `start` in seconds since 1970: with both, its idle share is known."""
    start: float | None = None
    network_gb: float | None = None
    """Bytes read over networks, in 1e9."""
    tile: str = ""
    """What the job was for, if the workflow has many jobs of a rule that do not depend on each other."""
    beside: bool = False
    """Whether the workflow's products do without it: a check, a paper. Nothing per unit of work counts it."""
