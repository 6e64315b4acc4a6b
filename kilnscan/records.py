"""A job's record: what it took, where it ran and how it ended, a small file beside its products.

Written when a job begins and again when it ends, so that a job which was killed leaves one too: it says `running`, and
the next attempt moves it to `earlier` as `lost`. A job that shares no file system with others writes its beginning to
S3 itself, where Snakemake only puts the end. Times of day are in here and in nothing else that the workflow makes.
"""

import json
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from kilnscan import machine, traffic
from kilnscan.errors import KilnscanError
from kilnscan.files import write_json
from kilnscan.store import Store, open_store

MOST_EARLIER = 20
KEPT = ("state", "attempt", "started", "wall_s", "cpu_s", "peak_mb", "asked_mb", "threads", "reason", "executor",
        "machine")  # fmt: skip
"""What is kept of earlier attempts: what costs and failures need."""
PULSE_S, S3_PULSE_S = 30.0, 300.0
STORAGE = ".snakemake/storage/s3/"
LOST = "It ended without a word: killed, out of memory, or its machine went away."


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


class Record:
    """The record of a running job. `path` is None for a job that leaves none."""

    def __init__(self, task: Task) -> None:
        self.path: Path | None = _path(task)
        self._store, self._name = _place(self.path)
        self._begun, self._cpu, self._files = time.monotonic(), machine.cpu_s(), traffic.file_bytes()
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
            "asked_mb": asked.get("mem_mb"),
            "asked_min": asked.get("runtime"),
            "executor": machine.executor(),
            "machine": machine.hardware(),
            "log": str(task.log[0]),
            "earlier": self._earlier(),
        }
        self._write()
        self._put()
        self._ended = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def did(self, **amounts: float) -> None:
        """Note how much work was done: `pixels`, `km2`, `chips` and the like."""
        if self.path is not None:
            self._told |= {name: round(value, 6) for name, value in amounts.items()}

    def end(self, state: str, reason: str = "") -> None:
        """Write how the job ended (`done`, `failed` or `stopped`), in one sentence why, and what it took."""
        if self.path is None:
            return
        self._ended.set()
        files = traffic.file_bytes()
        self._told.pop("alive", None)
        self._told |= {
            "state": state,
            "ended": _now(),
            "wall_s": round(time.monotonic() - self._begun, 3),
            "cpu_s": round(machine.cpu_s() - self._cpu, 3),
            "start_cpu_s": round(self._cpu, 3),
            "peak_mb": machine.peak_mb(),
            "read_bytes": {
                "network": traffic.network_bytes(),
                "files": None if files is None or self._files is None else files - self._files,
            },
        } | ({"reason": reason} if reason else {})
        self._write()

    def _beat(self) -> None:
        """Renew the file's time while the job runs: of one that is killed, it tells how long it ran."""
        while not self._ended.wait(S3_PULSE_S if self._store else PULSE_S):
            with suppress(OSError):
                self._put() if self._store else os.utime(self.path)  # type: ignore[arg-type]  # a thread has a path

    def _put(self) -> None:
        """Put the record of a running job where others see it."""
        if self._store:
            self._told["alive"] = _now()
            with suppress(KilnscanError):
                self._store.put(self._name, json.dumps(self._told).encode())

    def _earlier(self) -> list[dict[str, Any]]:
        """What came before, oldest first."""
        try:
            last = self._last()
            if last.get("state") == "running":
                last = {**last, "state": "lost", "reason": LOST, "wall_s": _until(last, self.path)}
            kept = {name: last[name] for name in KEPT if name in last}
            return [*last.get("earlier", []), *([kept] if kept else [])][-MOST_EARLIER:]
        except (KilnscanError, ValueError, TypeError, AttributeError, OSError):
            return []

    def _last(self) -> dict[str, Any]:
        """The record that the job before this one left, if there is one."""
        if self._store:
            content = self._store.read([self._name]).get(self._name)
        else:
            content = self.path.read_bytes() if self.path and self.path.exists() else None
        return json.loads(content) if content else {}

    def _write(self) -> None:
        with suppress(OSError, KilnscanError):  # a full disk is told by what the job writes itself
            write_json(self.path, self._told)  # type: ignore[arg-type]  # _write is not called without a path


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


def _until(record: Mapping[str, Any], path: Path | None) -> float:
    """Seconds for which a lost job is known to have run: until its last pulse."""
    with suppress(KeyError, ValueError, OSError, AttributeError):
        alive = datetime.fromisoformat(record["alive"]).timestamp() if "alive" in record else path.stat().st_mtime
        return round(max(0.0, alive - datetime.fromisoformat(record["started"]).timestamp()), 3)
    return 0.0
