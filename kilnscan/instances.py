"""What a job costs on a machine that is rented by the hour (facts/instances.csv)."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent.parent / "facts" / "instances.csv"
SIZES = {"medium": 1, "large": 2, "xlarge": 4}  # vCPUs of a family's sizes; Nxlarge has N times an xlarge's


@dataclass(frozen=True)
class Instance:
    """A kind of machine: vCPUs, memory in GiB, US dollars per hour (low, high)."""

    vcpu: float
    mem_gib: float
    gpu: str
    on_demand: float
    spot: tuple[float, float]


@cache
def prices() -> dict[str, Instance]:
    """The table by name of the instance type."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {
        row["instance"]: Instance(
            float(row["vcpu"]), float(row["mem_gib"]), row["gpu"], float(row["on_demand"]),
            (float(row["spot_low"]), float(row["spot_high"])),
        )
        for row in csv.DictReader(lines)
    }  # fmt: skip


def instance_of(name: str) -> Instance | None:
    """A kind of machine by its name, in proportion where only another size of its family is known; None: unknown."""
    if name in prices():
        return prices()[name]
    family, _, size = name.partition(".")
    known = next((kind for other, kind in prices().items() if other.startswith(f"{family}.") and not kind.gpu), None)
    vcpu = _vcpu(size)
    if known is None or vcpu is None:
        return None
    factor = vcpu / known.vcpu
    spot = (known.spot[0] * factor, known.spot[1] * factor)
    return Instance(vcpu, known.mem_gib * factor, "", known.on_demand * factor, spot)


def cost_usd(record: dict[str, Any]) -> tuple[float, float] | None:
    """Low and high cost of one attempt (a job's record): wall time x share of the machine x price; None: unknown.

    The share is the larger of those of cores and memory that the job asked for; a machine with a GPU counts whole.
    """
    machine = record.get("machine", {})
    kind = instance_of(machine.get("instance", ""))
    if kind is None or "wall_s" not in record:
        return None
    asked_gib = (record.get("asked_mb") or 0) / 1024
    share = 1.0 if kind.gpu else min(1.0, max(record.get("threads", 1) / kind.vcpu, asked_gib / kind.mem_gib))
    hours = record["wall_s"] / 3600 * share
    low, high = kind.spot if machine.get("spot") else (kind.on_demand, kind.on_demand)
    if machine.get("spot") is None:  # not known: a container may not ask
        low, high = kind.spot[0], kind.on_demand
    return hours * low, hours * high


def _vcpu(size: str) -> int | None:
    if size in SIZES:
        return SIZES[size]
    number = size.removesuffix("xlarge")
    return int(number) * SIZES["xlarge"] if number.isdigit() and size.endswith("xlarge") else None
