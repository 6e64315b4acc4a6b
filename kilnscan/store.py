"""Where chips are kept for all jobs and regions: a folder, or a place in S3 where jobs share no file system.

A store holds whole files by name. Names follow from content (see `kilnscan.imagery`), so a file is never changed; the
one exception, the ledger of what was paid, is changed by one job at a time.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kilnscan import traffic
from kilnscan.errors import ConfigError, StoreError
from kilnscan.files import replacing

THREADS = 16
"""Requests that one job has under way at a time."""
ATTEMPTS = 10
"""How often a request is sent before S3 counts as broken; the waits between grow to 20 s."""
PATIENCE_S = 600.0
"""How long a job tries to change a file that others keep changing."""
ABSENT = {"404", "NoSuchKey", "NotFound"}
OVERTAKEN = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}

Result = TypeVar("Result")


class Store(Protocol):
    """Files by name, for all jobs."""

    def present(self, names: Iterable[str]) -> set[str]:
        """Those of `names` that are here."""

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The content of those of `names` that are here."""

    def put(self, name: str, content: bytes) -> None:
        """Keep a file, whole or not at all."""

    def change(self, name: str, work: Callable[[Path], Result]) -> Result:
        """Let `work` change the file `name`, which may not exist yet, alone among all jobs; what `work` returns.

        If `work` raises, nothing is changed. It is called anew if another job was faster.
        """

    def place_of(self, name: str) -> str:
        """Where a file lies, for messages."""


def open_store(place: str | Path) -> Store:
    """The store in a folder or at s3://bucket/prefix. Raises ConfigError if `place` is neither."""
    if "://" not in str(place):
        return Folder(Path(place))
    if not str(place).startswith("s3://"):
        raise ConfigError(
            f"Chips cannot be kept at {place}: run with --default-storage-provider s3 and a prefix s3://bucket/..., or "
            "on a shared file system."
        )
    return Bucket(str(place))


class Folder:
    """A store in a folder of a file system that all jobs share."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def present(self, names: Iterable[str]) -> set[str]:
        """Those of `names` that are here."""
        return {name for name in names if (self.path / name).exists()}

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The content of those of `names` that are here."""
        return {name: (self.path / name).read_bytes() for name in self.present(names)}

    def put(self, name: str, content: bytes) -> None:
        """Keep a file. Raises KilnscanError if the disk is full."""
        with replacing(self.path / name) as temporary:
            temporary.write_bytes(content)

    def change(self, name: str, work: Callable[[Path], Result]) -> Result:
        """Let `work` change the file in its place: it is SQLite's, whose locks keep others away."""
        self.path.mkdir(parents=True, exist_ok=True)
        return work(self.path / name)

    def place_of(self, name: str) -> str:
        """Path of a file."""
        return str(self.path / name)


class Bucket:
    """A store at s3://bucket/prefix, read and written with the credentials that the job has.

    Every method raises StoreError if S3 refuses or stays broken.
    """

    def __init__(self, place: str) -> None:
        self.place = place.rstrip("/")
        self.bucket, _, self.prefix = self.place.removeprefix("s3://").partition("/")
        session = boto3.Session()
        retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
        self._s3: Any = session.client(
            "s3",
            region_name=session.region_name or "us-east-1",
            config=Config(retries=retries, max_pool_connections=THREADS),
        )

    def present(self, names: Iterable[str]) -> set[str]:
        """Those of `names` that are here: a HEAD for each, several at a time."""
        return {name for name, found in self._each(self._has, names) if found}

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The content of those of `names` that are here, several at a time."""
        return {name: answer[0] for name, answer in self._each(self._get, names) if answer}

    def put(self, name: str, content: bytes) -> None:
        """Keep a file: S3 shows it when all of it is there."""
        with self._in_words("written"):
            self._s3.put_object(**self._at(name), Body=content)

    def change(self, name: str, work: Callable[[Path], Result]) -> Result:
        """Let `work` change a copy, and put it back if nobody changed the file meanwhile: else once more."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            before, tag = self._get(name) or (None, None)
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / Path(name).name
                if before is not None:
                    copy.write_bytes(before)
                result = work(copy)
                after = copy.read_bytes() if copy.exists() else None
            if after == before or after is None or self._replace(name, after, tag):
                return result
            time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 (no secret)
        raise StoreError(f"{self.place_of(name)} is changed by others without end: run fewer jobs at a time.")

    def place_of(self, name: str) -> str:
        """Address of a file."""
        return f"{self.place}/{name}"

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": f"{self.prefix}/{name}".lstrip("/")}

    def _each(self, ask: Callable[[str], Result], names: Iterable[str]) -> list[tuple[str, Result]]:
        names = list(dict.fromkeys(names))
        with ThreadPoolExecutor(THREADS) as threads:
            return list(zip(names, threads.map(ask, names), strict=True))

    def _has(self, name: str) -> bool:
        with self._in_words("read", ABSENT) as found:
            self._s3.head_object(**self._at(name))
            found.append(True)
        return bool(found)

    def _get(self, name: str) -> tuple[bytes, str] | None:
        """Content and entity tag of a file, if it is there."""
        with self._in_words("read", ABSENT) as found:
            answer = self._s3.get_object(**self._at(name))
            found.append((answer["Body"].read(), answer["ETag"]))
            traffic.count(len(found[0][0]))
        return found[0] if found else None

    def _replace(self, name: str, content: bytes, tag: str | None) -> bool:
        """Put a file if it still has the tag, or is still absent; whether it was put."""
        condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        with self._in_words("written", OVERTAKEN) as done:
            self._s3.put_object(**self._at(name), Body=content, **condition)
            done.append(True)
        return bool(done)

    @contextmanager
    def _in_words(self, what: str, expected: Iterable[str] = ()) -> Any:
        """Turn an error of S3 into a sentence, and swallow the expected ones; yields a list for the block's result."""
        try:
            yield []
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code not in expected:
                raise StoreError(
                    f"The store {self.place} cannot be {what}: {code}. Check the bucket, and that the jobs' role may "
                    "s3:ListBucket, s3:GetObject and s3:PutObject there."
                ) from error
        except BotoCoreError as error:
            raise StoreError(
                f"The store {self.place} cannot be {what}: {error}. Check the network and the credentials."
            ) from error
