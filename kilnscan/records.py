"""A job's record: what it took, where it ran and how it ended, a small file beside its products.

Written when a job begins and again when it ends, so that a job which was killed leaves one too: it says `running`, and
the next attempt moves it to `earlier` as `lost`. Snakemake removes the record before a job, as it does with logs: a
copy beside it is what the next attempt remembers. A job that shares no file system with others writes its beginning to
S3 itself, where Snakemake only puts the end. Times of day are in here and in nothing else that the workflow makes.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from kilnscan import machine, traffic
from kilnscan.errors import KilnscanError
from kilnscan.files import write_json
from kilnscan.store import Store, open_store

MOST_EARLIER = 20
KEPT = ("state", "attempt", "started", "wall_s", "cpu_s", "peak_mb", "read_bytes", "asked_mb", "threads", "reason",
        "executor", "machine")  # fmt: skip
"""What is kept of earlier attempts: what costs and failures need."""
PULSE_S, S3_PULSE_S = 30.0, 300.0
Result = TypeVar("Result")

STORAGE = ".snakemake/storage/s3/"
LOST = "It ended without a word: killed, out of memory, or its machine was reclaimed."
REPEATED = "It ended without a word and came again as it was: its machine went away, or Snakemake was killed."


class Named(Protocol):
    """A list with names."""

    def items(self) -> Any:
        """Pairs of name and value."""


class Task(Protocol):
    """What is known of a job when it starts; what Snakemake hands to scripts is one."""

    rule: str
    threads: int
    wildcards: Named
    resources: Named
    log: Any
    output: Any


class Record:
    """The record of a running job. `path` is None for a job that leaves none."""

    def __init__(self, task: Task) -> None:
        self.path: Path | None = _path(task)
        self._store, self._name = _safely(lambda: _place(self.path)) or (None, "")
        self._begun, self._cpu, self._files = time.monotonic(), machine.cpu_s(), _safely(traffic.file_bytes)
        if self.path is None:
            return
        traffic.count_gdal()
        asked = dict(task.resources.items())
        self._told: dict[str, Any] = {
            "rule": task.rule,
            "wildcards": {name: str(value) for name, value in task.wildcards.items()},
            "state": "running",
            "attempt": int(asked.get("attempt", 1)),
            "started": _now(),
            "threads": task.threads,
            "asked_mb": asked.get("aws_batch_mem_mb") or asked.get("mem_mb"),
            "asked_min": asked.get("runtime"),
            "executor": _safely(machine.executor) or {},
            "machine": _safely(machine.hardware) or {},
            "log": str(task.log[0]),
            "makes": _known_as(next(iter(task.output), "")),
            "earlier": [],
        }
        self._told["earlier"] = self._earlier()
        self._ended, self._writing = threading.Event(), threading.Lock()
        self._write()
        self._put()
        threading.Thread(target=self._beat, daemon=True).start()

    def did(self, **amounts: float) -> None:
        """Note how much work was done: `pixels`, `km2`, `chips` and the like."""
        if self.path is not None:
            self._told |= {name: round(value, 6) for name, value in amounts.items()}

    def end(self, state: str, reason: str = "") -> None:
        """Write how the job ended (`done`, `failed` or `stopped`), in one sentence why, and what it took."""
        if self.path is None:
            return
        with self._writing:  # a pulse under way ends first, and none comes after
            self._ended.set()
        files = _safely(traffic.file_bytes)
        self._told.pop("alive", None)
        self._told |= {
            "state": state,
            "ended": _now(),
            "wall_s": round(time.monotonic() - self._begun, 3),
            "cpu_s": round(machine.cpu_s() - self._cpu, 3),
            "start_cpu_s": round(self._cpu, 3),
            "peak_mb": machine.peak_mb(),
            "read_bytes": {
                "network": _safely(traffic.network_bytes),
                "files": None if files is None or self._files is None else files - self._files,
            },
        } | ({"reason": reason} if reason else {})
        self._write()
        if self._store:
            with suppress(KilnscanError):
                self._store.put(_last_of(self._name), json.dumps(self._told).encode())

    def _beat(self) -> None:
        """Renew the file's time while the job runs: of one that is killed, it tells how long it ran."""
        while not self._ended.wait(S3_PULSE_S if self._store else PULSE_S):
            with suppress(OSError), self._writing:
                if self._ended.is_set():
                    return
                if self._store:
                    self._put()
                else:
                    for path in (str(self.path), _last_of(str(self.path))):
                        os.utime(path)

    def _put(self) -> None:
        """Put the record of a running job where others see it."""
        if self._store:
            self._told["alive"] = _now()
            with suppress(KilnscanError):
                for name in (self._name, _last_of(self._name)):
                    self._store.put(name, json.dumps(self._told).encode())

    def _earlier(self) -> list[dict[str, Any]]:
        """What came before, oldest first."""
        try:
            last = self._last()
            if last.get("state") == "running":
                same = last.get("attempt") == self._told["attempt"]
                reason = REPEATED if same else LOST
                last = {**last, "state": "lost", "reason": reason, "wall_s": seconds_known(last, _time_of(self.path))}
            kept = {name: last[name] for name in KEPT if name in last}
            return [*last.get("earlier", []), *([kept] if kept else [])][-MOST_EARLIER:]
        except (KilnscanError, ValueError, TypeError, AttributeError, OSError):
            return []

    def _last(self) -> dict[str, Any]:
        """The record that the job before this one left, if there is one."""
        if self._store:
            content = self._store.read([_last_of(self._name)]).get(_last_of(self._name))
        else:
            copy = self.path and Path(_last_of(str(self.path)))
            content = copy.read_bytes() if copy and copy.exists() else None
        return json.loads(content) if content else {}

    def _write(self) -> None:
        with suppress(OSError, KilnscanError):  # a full disk is told by what the job writes itself
            write_json(str(self.path), self._told)
            if not self._store:
                write_json(_last_of(str(self.path)), self._told)


def _path(task: Task) -> Path | None:
    names = dict(task.log.items()) if hasattr(task.log, "items") else {}
    return Path(names["record"]) if "record" in names else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _place(path: Path | None) -> tuple[Store | None, str]:
    """Store and name of a record that Snakemake keeps in S3: its copy here lies in a folder called as the bucket."""
    _, found, rest = str(path).partition(STORAGE)
    bucket, _, name = rest.partition("/")
    return (open_store(f"s3://{bucket}"), name) if found else (None, "")


def _known_as(path: str) -> str:
    """An output as Snakemake knows it: a path, or its address in S3."""
    _, found, rest = str(path).partition(STORAGE)
    return f"s3://{rest}" if found else str(path)


def _last_of(name: str) -> str:
    """Name of the copy that lies beside a record."""
    return f"{name}.last"


def _time_of(path: Path | None) -> float | None:
    copy = path and Path(_last_of(str(path)))
    return copy.stat().st_mtime if copy and copy.exists() else None


def seconds_known(record: Mapping[str, Any], changed: float | None) -> float:
    """Seconds for which a lost job is known to have run: until its last pulse, or until its file `changed` (a time)."""
    with suppress(KeyError, ValueError, TypeError):
        alive = datetime.fromisoformat(record["alive"]).timestamp() if "alive" in record else changed
        if alive is not None:
            return round(max(0.0, alive - datetime.fromisoformat(record["started"]).timestamp()), 3)
    return 0.0


def _safely(measure: Callable[[], Result]) -> Result | None:
    """What is measured, or None: a record may be poorer, but no job fails for it."""
    try:
        return measure()
    except Exception:
        logging.getLogger("kilnscan").warning("the record of this job lacks something", exc_info=True)
        return None
