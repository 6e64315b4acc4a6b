"""What a job costs on a machine that is rented by the hour (facts/instances.csv)."""

from functools import cache
from typing import Any

from kilnscan.footprint.facts import Facts, Machine


@cache
def instance_of(name: str) -> Machine | None:
    """A kind of machine by its name, in proportion where only another size of its family is known; None: unknown."""
    return _facts().machine(name)


def cost_usd(record: dict[str, Any]) -> tuple[float, float] | None:
    """Low and high cost of one attempt (a job's record): wall time x share of the machine x price; None: unknown.

    The share is the larger of those of cores and memory that the job asked for; a machine with a GPU counts whole.
    """
    machine = record.get("machine", {})
    kind = instance_of(machine.get("instance", ""))
    price = kind and kind.price(machine.get("spot"))
    if kind is None or price is None or "wall_s" not in record:
        return None
    asked_gib = (record.get("asked_mb") or 0) / 1024
    share = 1.0 if kind.gpu else min(1.0, max(record.get("threads", 1) / kind.vcpu, asked_gib / kind.mem_gib))
    hours = record["wall_s"] / 3600 * share
    return hours * price.low, hours * price.high


@cache
def _facts() -> Facts:
    return Facts()
