"""What jobs asked for and what they used: who asks for too much."""

from collections.abc import Iterable
from typing import Any

from .jobs import Job

SPARE, SNAKEMAKE_MB, ROUND_MB = 1.25, 300, 256
"""Memory that is enough: the largest peak and a quarter more, Snakemake's own in a cluster's job, rounded up."""
LONG_S = 10.0
"""Shorter jobs say nothing about how many cores a rule keeps busy."""


def right_size(done: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """What the finished jobs of one rule asked for and used, and an advice; None if nothing is known.

    Jobs have `asked_mb`, `peak_mb`, `wall_s`, `cpu_s` and `threads`. `enough_mb` is what would do for the largest
    peak; `busy` the most cores that a job kept busy over 10 s or longer.
    """
    measured = [job for job in done if job.get("asked_mb") and job.get("peak_mb")]
    if not measured:
        return None
    asked = max(job["asked_mb"] for job in measured)
    peak = max(job["peak_mb"] for job in measured)
    enough = -(-int(peak * SPARE + SNAKEMAKE_MB) // ROUND_MB) * ROUND_MB
    long = [job for job in measured if job["wall_s"] >= LONG_S]
    busy = max((job["cpu_s"] / job["wall_s"] for job in long), default=None)
    threads = max(job["threads"] for job in measured)
    advice = []
    if peak > asked:
        advice.append("asks for too little memory")
    elif enough < asked / 2:
        advice.append("asks for too much memory")
    if busy is not None and threads > 1 and busy < threads / 2:
        advice.append("asks for too many threads")
    shown = "" if busy is None else f"{busy:.1f}"
    return {"asked_mb": asked, "peak_mb": peak, "enough_mb": enough, "threads": threads, "busy": shown,
            "advice": ", ".join(advice)}  # fmt: skip


def hints(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """`right_size` of each rule whose advice is not empty."""
    plain: dict[str, list[dict[str, Any]]] = {}
    for job in jobs:
        if job.fate == "done":
            plain.setdefault(job.rule, []).append(_plain(job))
    sized = {rule: right_size(done) for rule, done in plain.items()}
    return [{"rule": rule} | size for rule, size in sized.items() if size and size["advice"]]


def _plain(job: Job) -> dict[str, Any]:
    asked, peak = (None if gib is None else round(gib * 1024) for gib in (job.mem_gib, job.peak_gib))
    return {"asked_mb": asked, "peak_mb": peak, "wall_s": job.wall_s, "cpu_s": job.cpu_s or 0, "threads": job.threads}
