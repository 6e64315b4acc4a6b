"""Asking web servers with patience: pools, proxies, time-outs, repeats with jitter, and bounds on what is accepted."""

import os
import random
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import rasterio
import urllib3

from kilnscan import traffic
from kilnscan.errors import ConfigError, SourceError

CONNECTIONS = 32
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
LONGEST_WAIT_S = 30.0
SLOWEST = 10_000
"""Bytes per second below which a connection counts as stalled."""
PIECE = 1 << 18
MOST_DOCUMENT_BYTES = 1 << 26
Headers = dict[str, str]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How long to go on asking: waits double from `first_wait_s`, each drawn anew between half and all of it."""

    attempts: int = 6
    timeout_s: float = 30.0
    first_wait_s: float = 0.5

    @classmethod
    def from_environment(cls) -> "Patience":
        """As KILNSCAN_HTTP_ATTEMPTS, KILNSCAN_HTTP_TIMEOUT and KILNSCAN_HTTP_WAIT (seconds) say.

        Raises ConfigError if they are no positive numbers.
        """
        values = []
        for name, default in (("ATTEMPTS", cls.attempts), ("TIMEOUT", cls.timeout_s), ("WAIT", cls.first_wait_s)):
            text = os.environ.get(f"KILNSCAN_HTTP_{name}", str(default))
            if (
                not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text)
                or float(text) <= 0
                or (name == "ATTEMPTS" and "." in text)
            ):
                raise ConfigError(f"KILNSCAN_HTTP_{name} is {text!r}: give it a positive number or unset it.")
            values.append(float(text))
        return cls(int(values[0]), *values[1:])

    def run(self, what: str, ask: Callable[[], Result]) -> Result:
        """`ask`, again and again while it raises `PassingError`. Raises SourceError, which names `what`, in the end."""
        reason = ""
        for attempt in range(self.attempts):
            try:
                return ask()
            except PassingError as error:
                reason = str(error)
                if attempt + 1 < self.attempts:
                    self._wait(attempt, error.wait_s)
        raise SourceError(f"{what} stays unreadable after {self.attempts} attempts: {reason}")

    def _wait(self, attempt: int, asked_s: float | None) -> None:
        """Sleep before another attempt: as long as the server asked for, else ever longer and never in step."""
        longest = min(self.first_wait_s * 2**attempt, LONGEST_WAIT_S)
        jittered = random.uniform(longest / 2, longest)  # noqa: S311 (no secret)
        time.sleep(jittered if asked_s is None else min(asked_s, LONGEST_WAIT_S))


class PassingError(Exception):
    """Something that may pass; carries the seconds the server asked to wait, if it did."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass
class Web:
    """A pool of connections, through the proxies that the environment names; safe to share between threads."""

    patience: Patience = field(default_factory=Patience.from_environment)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[str, urllib3.PoolManager] = {}

    def ask(
        self, url: str, length: int, method: str = "GET", headers: Headers | None = None, body: bytes | None = None
    ) -> tuple[int, Any, bytes]:
        """One answer: status, headers and at most `length` + 1 bytes. Raises PassingError; follows no redirect."""
        end = time.monotonic() + self.patience.timeout_s + length / SLOWEST
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        try:
            response = self._pool(url).request(
                method, url, body=body, headers=sent, preload_content=False, redirect=False
            )
            with response:
                if response.status in TRANSIENT:
                    raise PassingError(f"HTTP {response.status}", _seconds(response.headers.get("Retry-After")))
                pieces, wanted = [], length + 1
                while wanted > 0 and (piece := response.read1(min(wanted, PIECE), decode_content=True)):
                    pieces.append(piece)
                    wanted -= len(piece)
                    if time.monotonic() > end:
                        raise PassingError("the answer trickles")
                received = b"".join(pieces)
                traffic.count(len(received))
                return response.status, response.headers, received
        except urllib3.exceptions.HTTPError as error:
            raise PassingError(reason_of(error)) from error

    def document(
        self,
        url: str,
        method: str = "GET",
        headers: Headers | None = None,
        body: bytes | None = None,
        check: Callable[[bytes], None] = lambda content: None,
    ) -> bytes:
        """A whole small document. Raises SourceError if it cannot be had or is too large to be one.

        `check` may raise PassingError of a content that is worth asking for again.
        """

        def once() -> bytes:
            packed = {"Accept-Encoding": "gzip", **(headers or {})}  # lists of scenes shrink tenfold
            status, answer, content = self.ask(url, MOST_DOCUMENT_BYTES, method, packed, body)
            if status != 200:
                raise SourceError(f"{plain(url)} cannot be read: HTTP {status}")
            if len(content) > MOST_DOCUMENT_BYTES:
                raise SourceError(f"{plain(url)} is longer than {MOST_DOCUMENT_BYTES} bytes")
            if "Content-Encoding" not in answer and len(content) < promised(answer):
                raise PassingError("the answer was cut short")
            check(content)
            return content

        return self.patience.run(plain(url), once)

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = urllib.request.getproxies().get(parts.scheme)
        direct = not proxy or urllib.request.proxy_bypass(parts.hostname or "")
        key = "" if direct else proxy
        options: dict[str, Any] = {"maxsize": CONNECTIONS, "retries": False, "timeout": self.patience.timeout_s}
        with self._lock:
            if key not in self._pools:
                self._pools[key] = urllib3.ProxyManager(key, **options) if key else urllib3.PoolManager(**options)
            return self._pools[key]


@contextmanager
def gdal_patience() -> Iterator[None]:
    """Let GDAL be as patient with web servers as we are, and list no folders on them."""
    patience = Patience.from_environment()
    with rasterio.Env(
        GDAL_HTTP_MAX_RETRY=patience.attempts - 1,
        GDAL_HTTP_RETRY_DELAY=patience.first_wait_s,
        GDAL_HTTP_RETRY_CODES="ALL",
        GDAL_HTTP_TIMEOUT=patience.timeout_s,
        GDAL_HTTP_CONNECTTIMEOUT=patience.timeout_s,
        GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR",
    ):
        yield


def promised(headers: Any) -> int:
    """How many bytes an answer says that it has; 0 if it says nothing of use."""
    length = str(headers.get("Content-Length") or "")
    return int(length) if re.fullmatch(r"\d{1,18}", length) else 0


def _seconds(header: str | None) -> float | None:
    return float(header) if header and re.fullmatch(r"\d{1,6}", header.strip()) else None


def reason_of(error: Exception) -> str:
    """A network error in a few words, without the URL and what may be secret in it."""
    cause = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__} ({type(cause).__name__})"


def plain(href: str) -> str:
    """A link as it may be shown: without its query, which may hold a key."""
    return href.split("?", 1)[0].split("#", 1)[0] if "://" in href else href
