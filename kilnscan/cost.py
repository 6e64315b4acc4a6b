"""What a region's run cost, from its records: kilnscan's own part of the report that `kilnscan.footprint` makes."""

import io
import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet

from kilnscan.config import Config
from kilnscan.errors import ConfigError
from kilnscan.footprint import Assumptions, Facts, FootprintError, Job
from kilnscan.footprint.ranges import spanning
from kilnscan.footprint.report import More, make_report
from kilnscan.naive import Run, against_naive
from kilnscan.prices import CHIP_KM2
from kilnscan.status import read_records
from kilnscan.store import open_store

FATES = {"failed": "lost", "stopped": "lost", "lost": "lost", "done": "done"}
SITES = {"slurm": "cluster", "aws-batch": "cloud"}
BESIDE = {"change"}
"""Rules that lead to an atlas' files and yet are side work: what became of other years' kilns maps none."""
Record = dict[str, Any]


def cost_report(
    folder: str, settings: Config, area_km2: float, paid: float, needed: Collection[str], prefix: str = ""
) -> dict[str, Any]:
    """The report on the region whose results are in `folder` (a path, or a place in S3); `paid` for imagery so far.

    `needed` are the rules that lead to the atlas: all others, and BESIDE, are told apart from it. `prefix` is what a
    workflow that has kilnscan as a module calls the rules by. Raises ConfigError if `footprint` names a machine or a
    place that no table knows.
    """
    records = [one | {"rule": str(one["rule"]).removeprefix(prefix)} for one in read_records(f"{folder}/jobs")]
    own = set(needed) - BESIDE
    jobs = sorted(jobs_of(records, own), key=lambda job: (job.start or 0.0, job.rule))
    config, screened, acquired = settings.footprint, _sum(records, "screen", "km2"), acquired_km2(folder, records)
    candidates, kilns = (_rows(folder, name) for name in ("candidates.parquet", "kilns.parquet"))
    assumed = Assumptions(
        instance=config.instance,
        spot=config.spot,
        grid=config.grid,
        intensity=config.g_per_kwh and spanning(config.g_per_kwh),
        pue=config.pue and spanning(config.pue),
        price=config.price_per_hour,
    )
    try:
        facts = Facts()
        run = Run(records, jobs, area_km2, acquired, _plan(folder), settings.plan.prices, settings.plan.products)
        more = More(
            title=f"What it cost: {settings.region.title or settings.region.name}",
            products="the atlas",
            units={"1,000 km2 screened": screened / 1000, "candidate": candidates, "confirmed kiln": kilns},
            regions=tuple(config.regions),
            stored_gb=_gigabytes(folder) if config.retention_days else None,
            stored_days=config.retention_days,
            other={
                "imagery": _imagery(settings, paid, acquired, kilns),
                "naive": against_naive(run, facts),
                "notes": _notes(records, settings, sorted({job.rule for job in jobs if job.beside})),
            },
        )
        return make_report(jobs, facts, assumed, more)
    except FootprintError as error:
        raise ConfigError(f"`footprint` cannot be used: {error}") from error


def jobs_of(records: Iterable[Record], own: Collection[str]) -> Iterator[Job]:
    """Every attempt on record, earlier ones too, that is known to have taken time; what runs still is left out.

    Those of rules that are not among `own` are beside the atlas.
    """
    for record in records:
        shared = {"rule": record["rule"], "wildcards": record.get("wildcards", {})}
        for earlier in record.get("earlier", []):
            if (job := _job(earlier | shared, "superseded", own)) is not None:
                yield job
        if (job := _job(record, "done", own)) is not None:
            yield job


def _job(record: Record, done: str, own: Collection[str]) -> Job | None:
    state, wall_s = record.get("state"), _amount(record.get("wall_s"))
    if state not in FATES or wall_s is None:
        return None
    machine, executor, read = (record.get(part) or {} for part in ("machine", "executor", "read_bytes"))
    start = None
    with suppress(KeyError, ValueError, TypeError):
        start = datetime.fromisoformat(record["started"]).timestamp()
    return Job(
        rule=str(record["rule"]),
        wall_s=wall_s,
        threads=_amount(record.get("threads")) or 1,
        cpu_s=_amount(record.get("cpu_s")),
        mem_gib=_amount(record.get("asked_mb"), 1024),
        peak_gib=_amount(record.get("peak_mb"), 1024),
        fate=done if state == "done" else "lost",  # type: ignore[arg-type]
        instance=str(machine.get("instance", "")),
        spot=machine.get("spot"),
        region=str(machine.get("region", "")),
        cores=_amount(machine.get("cpus")),
        memory_gib=_amount(machine.get("memory_mb"), 1024),
        site=SITES.get(executor.get("name", ""), "local"),  # type: ignore[arg-type]
        node=str(executor.get("node", "")),
        start=start,
        network_gb=_amount(read.get("network"), 1e9),
        tile=str(record.get("wildcards", {}).get("tile", "")),
        beside=record["rule"] not in own,
    )


def _amount(value: Any, unit: float = 1) -> float | None:
    """A number that a record tells, in so many; None if it tells none."""
    return value / unit if isinstance(value, int | float) and 0 <= value < float("inf") else None


def _sum(records: Iterable[Record], rule: str, amount: str) -> float:
    return sum(record.get(amount, 0) for record in records if record["rule"] == rule and record["state"] == "done")


def acquired_km2(folder: str, records: Iterable[Record]) -> float:
    """Land in km2 of the chips in use, each once, also where two tiles have it.

    A tile whose imagery.json is not there counts by its record.
    """
    done = [record for record in records if record["rule"] == "imagery" and record["state"] == "done"]
    names = {f"tiles/{record.get('wildcards', {}).get('tile', '')}/imagery.json": record for record in done}
    chips, rest = set(), 0.0
    found = open_store(folder).read(names)
    for name, record in names.items():
        try:
            chips |= {key for _, _, key in json.loads(found[name])["chips"]}
        except (KeyError, ValueError, TypeError):
            rest += record.get("km2", 0)
    return len(chips) * CHIP_KM2 + rest


def _rows(folder: str, name: str) -> int:
    """Rows of a table of the atlas; 0 while there is none."""
    content = open_store(f"{folder}/atlas").read([name]).get(name)
    return pyarrow.parquet.ParquetFile(io.BytesIO(content)).metadata.num_rows if content else 0


def _plan(folder: str) -> dict[str, Any]:
    """The plan of orders, if `snakemake plan` has run."""
    content = open_store(f"{folder}/plan").read(["plan.json"]).get("plan.json")
    with suppress(ValueError):
        return json.loads(content) if content else {}
    return {}


def _gigabytes(folder: str) -> float:
    """Size of everything in `folder`, in 1e9 bytes."""
    if not folder.startswith("s3://"):
        return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e9
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix.rstrip("/") + "/")
    return sum(item["Size"] for page in pages for item in page.get("Contents", [])) / 1e9


def _imagery(settings: Config, paid: float, km2: float, kilns: int) -> dict[str, Any]:
    currency = settings.imagery.currency
    words = (
        f"{paid:,.2f} {currency} really paid so far, by the ledger; {km2:,.2f} km2 in use, from the provider "
        f"{settings.imagery.provider}"
    )
    if paid and kilns:
        words += f"; {paid / kilns:,.2f} {currency} per kiln"
    return {"paid": round(paid, 2), "currency": currency, "km2": round(km2, 4), "words": f"{words}."}


def _notes(records: list[Record], settings: Config, beside: list[str]) -> list[str]:
    notes = [
        "Not counted: the start of Snakemake and Python in each job, machines while they start and stop, the machine "
        "that Snakemake itself runs on, fees for requests and storage, the disks of machines, people's own computers.",
    ]
    if beside:
        notes.append(
            f"Besides the atlas, and in no figure per unit, comparison or job elsewhere: {', '.join(beside)}. The "
            "atlas can be made without them."
        )
    running = sum(record["state"] == "running" for record in records)
    if running:
        notes.append(f"{running} jobs are running and not counted.")
    if settings.landscape:
        notes.append("Making the synthetic landscape is not counted: it is no part of a run on real imagery.")
    return notes
