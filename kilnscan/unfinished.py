"""Jobs that ended well while nobody waited for them: Snakemake, which was stopped before, will run them again."""

import os
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MARKS = Path(".snakemake/incomplete")
GRACE = {"local": timedelta(seconds=15)}
MOST_GRACE = timedelta(minutes=5)
"""How long Snakemake may take to notice that a job has ended: longest where it asks a scheduler."""
REASON = "It ended when Snakemake had been stopped already, and so will run again."


def unfinished(marks: Path = MARKS) -> set[str]:
    """Outputs whose jobs Snakemake began and has not seen end, from the marks that it keeps: a path or `s3://...` each.

    A mark is an empty file whose name is the output's in base64, cut into folders that begin with @ if it is long.
    """
    found = set()
    for folder, _, names in os.walk(marks):
        begun = "".join(part.removeprefix("@") for part in Path(folder).relative_to(marks).parts)
        for name in names:
            with suppress(ValueError):  # another backend's file
                found.add(urlsafe_b64decode(begun + name).decode())
    return found


def judged(job: Mapping[str, Any], marked: Collection[str], now: datetime | None = None) -> dict[str, Any]:
    """A job's record, `stopped` where it says `done` but Snakemake has long not noticed."""
    if job["state"] != "done" or job.get("makes") not in marked:
        return dict(job)
    grace = GRACE.get((job.get("executor") or {}).get("name", ""), MOST_GRACE)
    late = (now or datetime.now(UTC)) - datetime.fromisoformat(job["ended"]) > grace
    return {**job, "state": "stopped", "reason": REASON} if late else dict(job)
