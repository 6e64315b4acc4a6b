"""What a run has done so far, from its jobs' records: progress by rule, failures, pace, cost, and who asks too much."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from kilnscan.footprint.sizes import right_size
from kilnscan.instances import cost_usd
from kilnscan.records import seconds_known

Job = dict[str, Any]
READERS = 16
MOST_BYTES = 1 << 20
MOST_SHOWN = 20
STATES = ("running", "failed", "stopped", "lost")
RECENT = timedelta(hours=1)
"""The pace is that of the last hour: what came before a pause says nothing about the end."""
IDLE = timedelta(minutes=5)
"""Where no job runs for so long, the run itself is taken not to go on. Either way there is no end to expect."""
SILENT_S, S3_SILENT_S = 120, 900
"""A job that says `running` and has not renewed its record for so long is taken for lost (see records.PULSE_S)."""


def read_records(place: str) -> list[Job]:
    """All records under a folder or an S3 prefix (`s3://bucket/prefix`); what is no record is passed over."""
    texts = _from_s3(place) if place.startswith("s3://") else _from_folder(Path(place))
    silent_s = S3_SILENT_S if place.startswith("s3://") else SILENT_S
    return [job for text, age_s in texts if (job := _record(text, age_s, silent_s)) is not None]


def _record(text: bytes, age_s: float, silent_s: float) -> Job | None:
    try:
        job = json.loads(text)
    except ValueError:
        return None
    if not isinstance(job, dict) or not {"rule", "state", "started"} <= job.keys():
        return None
    if job["state"] == "running":
        seen = datetime.now(UTC) - timedelta(seconds=age_s)
        job["seen"] = seen.isoformat()
    if job["state"] == "running" and age_s > silent_s:
        job["state"], job["wall_s"] = "lost", seconds_known(job, seen.timestamp())
        job["reason"] = f"Silent for {age_s / 60:.0f} minutes: killed, out of memory, or its machine went away."
    return job


def _from_folder(folder: Path) -> Iterator[tuple[bytes, float]]:
    now = datetime.now(UTC).timestamp()
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))  # where records are being written
        for path in (Path(place) / name for name in sorted(names) if name.endswith(".json")):
            with suppress(FileNotFoundError):
                if path.stat().st_size <= MOST_BYTES:
                    yield path.read_bytes(), now - path.stat().st_mtime


def _from_s3(place: str) -> Iterator[tuple[bytes, float]]:
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    client = boto3.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix.rstrip("/") + "/")
    found = [item for page in pages for item in page.get("Contents", []) if item["Key"].endswith(".json")]
    now = datetime.now(UTC)

    def get(item: dict[str, Any]) -> tuple[bytes, float]:
        body = client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        return body, (now - item["LastModified"]).total_seconds()

    with ThreadPoolExecutor(READERS) as pool:
        yield from pool.map(get, (item for item in found if item["Size"] <= MOST_BYTES))


def tell(
    jobs: list[Job],
    expected: Mapping[str, int],
    tiles: Collection[str] | None = None,
    paid: str = "",
    now: datetime | None = None,
) -> str:
    """The state of a run in words.

    `expected`: how many jobs each rule has in all, in the order of the workflow; `tiles`: those of the region, others
    being left from another grid; `paid`: a line about imagery.
    """
    now = now or datetime.now(UTC)
    if tiles is not None:
        jobs = [job for job in jobs if job.get("wildcards", {}).get("tile") in {None, *tiles}]
    parts = [_progress(jobs, expected), _pace(jobs, expected, now), _spent(jobs, paid), _failures(jobs), _sizes(jobs)]
    return "\n\n".join(part for part in parts if part)


def attempts(jobs: Iterable[Job]) -> Iterator[Job]:
    """Every attempt at every job, earlier ones too, each with its rule."""
    for job in jobs:
        yield from ({**earlier, "rule": job["rule"]} for earlier in job.get("earlier", []))
        yield job


def _progress(jobs: list[Job], expected: Mapping[str, int]) -> str:
    rows = [("rule", "done", "of", "running", "failed", "stopped", "lost", "again", "median s", "peak MB")]
    for rule, total in expected.items():
        mine = [job for job in jobs if job["rule"] == rule]
        counts = {state: sum(job["state"] == state for job in mine) for state in ("done", *STATES)}
        done = [job for job in mine if job["state"] == "done"]
        rows.append((
            rule, str(counts["done"]), str(total),
            *(str(counts[state] or "") for state in STATES),
            str(sum(one["state"] != "done" for job in mine for one in job.get("earlier", [])) or ""),
            f"{median(job['wall_s'] for job in done):.1f}" if done else "",
            str(max(job["peak_mb"] for job in done)) if done else "",
        ))  # fmt: skip
    return _table(rows)


def _pace(jobs: list[Job], expected: Mapping[str, int], now: datetime) -> str:
    """When it may end: what is left, at each rule's median, and as many jobs at a time as in the last hour."""
    if not jobs:
        return "Nothing has begun yet."
    done = [job for job in jobs if job["state"] == "done"]
    left = {rule: total - sum(job["rule"] == rule for job in done) for rule, total in expected.items()}
    left = {rule: count for rule, count in left.items() if count > 0}
    if not left:
        last = max(job["ended"] for job in done)
        return (
            f"Every job has been done, the last one on {last}; whether anything is out of date, `snakemake -n` tells."
        )
    begun = min(datetime.fromisoformat(job["started"]) for job in jobs)
    said = f"{sum(left.values())} jobs are left; the first began {_span(now - begun)} ago."
    if not any(job["state"] == "running" for job in jobs):
        return f"{said} {_silence(jobs, now)}"
    since = max(now - RECENT, begun)
    recent = [job for job in done if datetime.fromisoformat(job["ended"]) >= since]
    width = sum(job["wall_s"] for job in recent) / max((now - since).total_seconds(), 1)
    if width <= 0:
        return f"{said} None has ended in the last hour."
    usual = {
        rule: median(job["wall_s"] for job in done if job["rule"] == rule) for rule in {job["rule"] for job in done}
    }
    rest = timedelta(seconds=sum(usual.get(rule, 0) * count for rule, count in left.items()) / width)
    km2 = sum(job.get("km2", 0) for job in recent if job["rule"] == "screen")
    if km2:
        said += f" Screened in the last hour: {km2:,.0f} km2."
    said += f" At this pace it ends about {(now + rest).strftime('%Y-%m-%d %H:%M')} UTC, in {_span(rest)}"
    unknown = [rule for rule in left if rule not in usual]
    return said + (f"; not counted, because none has run yet: {', '.join(unknown)}." if unknown else ".")


def _silence(jobs: list[Job], now: datetime) -> str:
    """Since when no job runs."""
    last = max(datetime.fromisoformat(job.get("ended") or job.get("seen") or job["started"]) for job in jobs)
    if now - last <= IDLE:
        return f"No job is running just now; one was {_span(now - last)} ago."
    return (
        f"Not running since {last.strftime('%Y-%m-%d %H:%M')} UTC, {_span(now - last)} ago: the run has ended, was "
        "stopped or killed, or its next jobs wait for machines."
    )


def _spent(jobs: list[Job], paid: str) -> str:
    tries = [attempt for attempt in attempts(jobs) if "wall_s" in attempt]
    if not tries:
        return paid
    wall, cpu = sum(one["wall_s"] for one in tries), sum(one.get("cpu_s", 0) for one in tries)
    read = sum((one.get("read_bytes") or {}).get("network") or 0 for one in tries)
    wasted = sum(one["wall_s"] for one in tries if one["state"] != "done")
    lines = [f"Jobs worked {wall / 3600:.2f} h ({cpu / 3600:.2f} CPU h), {wasted / 3600:.2f} h of it in vain, "
             f"and read {read / 1e9:.2f} GB over the network."]  # fmt: skip
    costs = [cost_usd(one) for one in tries]
    known = [cost for cost in costs if cost is not None]
    named = {one.get("machine", {}).get("instance", "") for one, cost in zip(tries, costs, strict=True) if cost is None}
    unpriced = sum(one["wall_s"] for one, cost in zip(tries, costs, strict=True) if cost is None) / 3600
    if known:
        low, high = (sum(cost[side] for cost in known) for side in (0, 1))
        amount = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
        more = f", and {unpriced:.2f} h on machines whose price is not known" if unpriced >= 0.005 else ""
        lines.append(f"Machines: {amount} USD by facts/instances.csv, without their starting and idling{more}.")
    if named - {""}:
        lines.append(f"No price is known of {', '.join(sorted(named - {''}))}: add it to facts/instances.csv.")
    return "\n".join([*lines, *([paid] if paid else [])])


def _failures(jobs: list[Job]) -> str:
    bad = [job for job in jobs if job["state"] in ("failed", "lost", "stopped")]
    shown = [f"{job['state']}: {_name(job)}, attempt {job.get('attempt', 1)}, log {job.get('log')}\n"
             f"    {job.get('reason', '')}" for job in bad[:MOST_SHOWN]]  # fmt: skip
    if len(bad) > MOST_SHOWN:
        shown.append(f"... and {len(bad) - MOST_SHOWN} more")
    lost = [one for job in jobs for one in job.get("earlier", []) if one["state"] == "lost"]
    for reason in dict.fromkeys(one.get("reason", "") for one in lost):
        shown.append(f"{sum(one.get('reason', '') == reason for one in lost)} earlier attempts were lost: {reason}")
    return "\n".join(shown)


def _sizes(jobs: list[Job]) -> str:
    """Which rules ask for too much: memory against the largest peak, cores against the busiest job."""
    rows = [("rule", "asked MB", "used MB", "enough", "threads", "busy", "")]
    for rule in dict.fromkeys(job["rule"] for job in jobs):
        size = right_size([job for job in jobs if job["rule"] == rule and job["state"] == "done"])
        if size:
            rows.append((rule, *(str(size[name]) for name in ("asked_mb", "peak_mb", "enough_mb", "threads", "busy")),
                         size["advice"]))  # fmt: skip
    return f"What jobs asked for and used:\n{_table(rows)}" if len(rows) > 1 else ""


def _name(job: Job) -> str:
    values = ", ".join(str(value) for value in job.get("wildcards", {}).values())
    return f"{job['rule']} {values}".strip()


def _span(time: timedelta) -> str:
    seconds = max(0, round(time.total_seconds()))
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if seconds >= 90 else f"{seconds} s"


def _table(rows: list[tuple[str, ...]]) -> str:
    """Rows as text; the first column to the left, the last as it comes, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
