"""Jobs from the files of Snakemake's `benchmark:` (TSV or .jsonl; `--benchmark-extended` tells most).

They sample a job every half second, later every 30 s, and so miss the end of its CPU time; they know neither machine
nor failed attempts. A row is a job: with `repeat`, each repetition.
"""

import ast
import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .facts import FootprintError
from .jobs import Job

LARGEST_FILE = 1 << 26
SUFFIXES = (".tsv", ".txt", ".benchmark", ".jsonl")
NEEDED = {"s", "max_rss"}


def read_benchmarks(paths: Iterable[str | Path]) -> list[Job]:
    """The jobs of files, and of all benchmark files in folders, sorted by name.

    Raises FootprintError for a named file that is none; in folders what is no benchmark is passed over.
    """
    jobs: list[Job] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES and one.is_file())
            jobs += [job for one in inside for job in _jobs(one) or []]
        elif (found := _jobs(path)) is None:
            raise FootprintError(f"{path} is no benchmark file of Snakemake: it needs the columns s and max_rss.")
        else:
            jobs += found
    return jobs


def _jobs(path: Path) -> list[Job] | None:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise FootprintError(f"{path} is larger than any benchmark file.")
        text = path.read_text(encoding="utf-8")
        rows = list(_rows(text, path.suffix == ".jsonl"))
    except OSError as error:
        raise FootprintError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error, ValueError, RecursionError):
        return None
    if not rows or not all(rows[0].keys() >= NEEDED for _ in rows[:1]):
        return None
    return [job for row in rows if (job := _job(row, path.stem)) is not None]


def _rows(text: str, lines_of_json: bool) -> Iterator[dict[str, Any]]:
    if lines_of_json:
        values = (json.loads(line) for line in text.splitlines() if line.strip())
        yield from (value for value in values if isinstance(value, dict))
    else:
        yield from csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)


def _job(row: dict[str, Any], stem: str) -> Job | None:
    """A row as a job; None if it does not even say how long it took."""
    wall = _number(row.get("s"))
    if wall is None:
        return None
    resources = _mapping(row.get("resources"))
    cpu, peak = _number(row.get("cpu_time")), _number(row.get("max_rss"))
    asked = _number(resources.get("mem_mb"))
    cores = _number(row.get("threads")) or max(1.0, math.ceil((_number(row.get("mean_load")) or 0) / 100))
    wildcards = _mapping(row.get("wildcards"))
    return Job(
        rule=str(row.get("rule_name") or stem)[:200],
        wall_s=wall,
        threads=cores,
        cpu_s=cpu or None,  # a job of less than a second is sampled once, at zero
        mem_gib=None if asked is None else asked / 1024,
        peak_gib=peak / 1024 if peak else None,
        tile=", ".join(map(str, wildcards.values()))[:200],
    )


def _mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return {}
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    """A finite number that is not negative; None for `NA`, `-` and what else is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number >= 0 else None
