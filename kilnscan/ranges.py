"""Ranges of bytes of files on disk, on the web and in S3, with patience for bad networks.

Public reads are unsigned here and nowhere else, so that writing to one's own bucket keeps its credentials.
"""

import os
import random
import re
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from kilnscan.azure import signed
from kilnscan.errors import SourceError

CONNECTIONS = 32
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
LONGEST_WAIT_S = 30.0
PUBLIC_REGION = "us-west-2"  # where Earth Search's buckets are


@dataclass(frozen=True)
class Patience:
    """How long to go on asking: waits double from `first_wait_s`, each drawn anew between half and all of it."""

    attempts: int = 6
    timeout_s: float = 30.0
    first_wait_s: float = 0.5

    @classmethod
    def from_environment(cls) -> "Patience":
        """As KILNSCAN_HTTP_ATTEMPTS, KILNSCAN_HTTP_TIMEOUT and KILNSCAN_HTTP_WAIT (seconds) say."""
        env = os.environ
        return cls(
            int(env.get("KILNSCAN_HTTP_ATTEMPTS", cls.attempts)),
            float(env.get("KILNSCAN_HTTP_TIMEOUT", cls.timeout_s)),
            float(env.get("KILNSCAN_HTTP_WAIT", cls.first_wait_s)),
        )

    def wait(self, attempt: int, asked_s: float | None = None) -> None:
        """Sleep before another attempt: as long as the server asked for, else ever longer and never in step."""
        longest = min(self.first_wait_s * 2**attempt, LONGEST_WAIT_S)
        time.sleep(min(asked_s, LONGEST_WAIT_S) if asked_s is not None else random.uniform(longest / 2, longest))  # noqa: S311 (jitter)


class _TransientError(Exception):
    """Something that may pass; carries the seconds the server asked to wait, if it did."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass
class Ranges:
    """A pool of connections that reads ranges of files; safe to share between threads."""

    signed: bool = False
    """Read S3 with the user's credentials instead of anonymously."""
    patience: Patience = field(default_factory=Patience.from_environment)
    requests: int = 0
    """Requests sent, repeated ones included."""
    bytes: int = 0
    """Bytes received and used."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def read(self, href: str, start: int, length: int) -> bytes:
        """`length` bytes of a file from `start`; fewer only where the file ends.

        `href` is a path, an https or http URL, or s3://bucket/key. Raises SourceError if it cannot be had.
        """
        reason = ""
        for attempt in range(self.patience.attempts):
            try:
                body = self._read_once(href, start, length)
            except _TransientError as error:
                reason = str(error)
                if attempt + 1 < self.patience.attempts:
                    self.patience.wait(attempt, error.wait_s)
                continue
            with self._lock:
                self.bytes += len(body)
            return body
        raise SourceError(f"{_plain(href)} stays unreadable after {self.patience.attempts} attempts: {reason}")

    def _read_once(self, href: str, start: int, length: int) -> bytes:
        with self._lock:
            self.requests += 1
        if href.startswith("s3://"):
            return self._read_s3(href, start, length)
        if "://" in href:
            return self._read_http(href, start, length)
        try:
            with Path(href).open("rb") as handle:
                handle.seek(start)
                return handle.read(length)
        except OSError as error:
            raise SourceError(f"{href} cannot be read: {error.strerror}") from error

    def _read_http(self, href: str, start: int, length: int) -> bytes:
        headers = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"}
        try:
            response = self._web.request("GET", signed(href), headers=headers, preload_content=False)
            with response:
                if response.status == 206:
                    return _checked(response.read(), response.headers.get("Content-Range"), start, length)
                if response.status == 200:  # a server or proxy that overlooked the range: never read a whole scene
                    raise _TransientError("the server sent the whole file instead of a range")
        except urllib3.exceptions.HTTPError as error:
            raise _TransientError(_reason(error)) from error
        if response.status in TRANSIENT:
            raise _TransientError(f"HTTP {response.status}", _seconds(response.headers.get("Retry-After")))
        raise SourceError(f"{_plain(href)} cannot be read: HTTP {response.status}")

    def _read_s3(self, href: str, start: int, length: int) -> bytes:
        bucket, _, key = href[5:].partition("/")
        try:
            response = self._s3.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}")
            return _checked(response["Body"].read(), response.get("ContentRange"), start, length)
        except NoCredentialsError as error:
            raise SourceError(f"{href} cannot be read: no AWS credentials were found") from error
        except ClientError as error:
            answer: dict[str, Any] = error.response
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status in TRANSIENT:
                raise _TransientError(f"S3 answers {status}") from error
            raise SourceError(f"{href} cannot be read: {answer.get('Error', {}).get('Code', status)}") from error
        except (BotoCoreError, urllib3.exceptions.HTTPError, OSError) as error:
            raise _TransientError(_reason(error)) from error

    @cached_property
    def _web(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(maxsize=CONNECTIONS, retries=False, timeout=self.patience.timeout_s)

    @cached_property
    def _s3(self) -> Any:
        config = Config(
            signature_version=None if self.signed else UNSIGNED,
            max_pool_connections=CONNECTIONS,
            connect_timeout=self.patience.timeout_s,
            read_timeout=self.patience.timeout_s,
            retries={"total_max_attempts": 1},  # the waiting is done above, alike for all
        )
        with self._lock:
            return boto3.Session().client(
                "s3", config=config, region_name=os.environ.get("AWS_REGION") or PUBLIC_REGION
            )


def _checked(body: bytes, said: str | None, start: int, length: int) -> bytes:
    """A body that is what was asked for. `said` is its Content-Range header."""
    match = re.fullmatch(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)", said or "")
    if not match or int(match[1]) != start:
        raise _TransientError(f"the server sent another range ({said})")
    total = start + length if match[3] == "*" else int(match[3])
    if len(body) != min(length, total - start):
        raise _TransientError(f"the answer was cut short ({len(body)} of {length} bytes)")
    return body


def _seconds(header: str | None) -> float | None:
    return float(header) if header and re.fullmatch(r"\d{1,6}", header.strip()) else None


def _reason(error: Exception) -> str:
    """A network error in a few words, without the URL and what may be secret in it."""
    cause = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__} ({type(cause).__name__})"


def _plain(href: str) -> str:
    """A link without its query, which may hold a key."""
    return href if "://" not in href else urlsplit(href)._replace(query="", fragment="").geturl()
