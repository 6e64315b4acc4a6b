"""A bad network: an HTTP proxy before a server that breaks answers on a schedule that a seed fixes."""

import hashlib
import http.client
import re
import select
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import close
from typing import Any
from urllib.parse import urlsplit

KINDS = (
    "429",  # asks to come back at once (`Retry-After: 0`); any other status works as a kind too
    "500",
    "503",
    "stall",  # takes the request and says nothing
    "stall-mid",  # says nothing more after half of the body
    "reset",  # resets the connection instead of answering
    "reset-mid",  # resets it after half of the body
    "truncated",  # promises the whole body, closes after half of it
    "short-range",  # 206 that promises and sends half of the body, under the Content-Range of all of it
    "no-range",  # 200 with the whole file for a request of a range
    "garbage",  # a body of the right length and wrong bytes
)
"""Every kind of fault. One that cannot befall a request (half of no body, a range of none asked for) spares it."""
_NEED_BODY = {"stall-mid", "reset-mid", "truncated", "short-range", "garbage"}
_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "accept-encoding", "content-length", "expect"}


@dataclass(frozen=True)
class Entry:
    """One request: what was asked, the fault it met (or None), the status, how many body bytes went out, and whether
    the request was signed."""

    method: str
    path: str
    range: str | None
    attempt: int
    fault: str | None
    status: int | None
    sent: int
    signed: bool


class FaultProxy:
    """A reverse proxy to `upstream` at `url`, as a context manager.

    `rate` is the chance that a request meets a fault, shared by `kinds`, or the chance of each kind by name. What a
    request meets depends on the seed, on what it asks (method, path, range, body) and on how often that was asked,
    never on timing; no more than `max_in_row` faults come in a row, so that patience succeeds. `broken` maps patterns
    of the path to the fault that always befalls them. JSON answers get their links to the upstream turned to here.
    `log`, `faults`, `requests` and `sent` tell what happened; `clear` forgets it, the schedule's memory included.
    """

    def __init__(
        self, upstream: str, *, seed: int = 1, rate: float | Mapping[str, float] = 0.0, kinds: Iterable[str] = KINDS,
        max_in_row: int = 2, broken: Mapping[str, str] | None = None, stall_s: float = 30.0,
    ) -> None:  # fmt: skip
        parts = urlsplit(upstream)
        self.upstream = f"http://{parts.netloc}"
        kinds = tuple(kinds)
        self.rates = dict(rate) if isinstance(rate, Mapping) else {kind: rate / len(kinds) for kind in kinds}
        self.seed, self.max_in_row, self.stall_s = seed, max_in_row, stall_s
        self.broken = {re.compile(pattern): kind for pattern, kind in (broken or {}).items()}
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self.clear()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.host = f"http://127.0.0.1:{self._server.server_port}"
        self.url = self.host + parts.path

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    @property
    def requests(self) -> int:
        """How many requests came."""
        return len(self.log)

    @property
    def faults(self) -> Counter[str]:
        """How many faults of each kind were made."""
        return Counter(entry.fault for entry in self.log if entry.fault)

    @property
    def sent(self) -> int:
        """How many bytes of bodies went out."""
        return sum(entry.sent for entry in self.log)

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self.log: list[Entry] = []
            self._attempts: Counter[tuple] = Counter()
            self._in_row: Counter[tuple] = Counter()

    def record(self, entry: Entry) -> None:
        """Add to the log."""
        with self._lock:
            self.log.append(entry)

    def next_fault(self, key: tuple[str, str, str | None, bytes], has_body: bool) -> tuple[int, str | None]:
        """Which attempt at `key` (method, path, range, body) this is and the fault it meets."""
        always = next((kind for pattern, kind in self.broken.items() if pattern.search(key[1])), None)
        with self._lock:
            self._attempts[key] += 1
            attempt = self._attempts[key]
            digest = hashlib.sha256(repr((self.seed, key, attempt)).encode()).digest()
            kind = always or self._draw(int.from_bytes(digest[:8]) / 2**64)
            if (kind in _NEED_BODY and not has_body) or (kind in {"short-range", "no-range"} and not key[2]):
                kind = None
            if self._in_row[key] >= self.max_in_row and not always:
                kind = None
            self._in_row[key] = self._in_row[key] + 1 if kind else 0
            return attempt, kind

    def _draw(self, chance: float) -> str | None:
        for kind, rate in self.rates.items():
            if chance < rate:
                return kind
            chance -= rate
        return None


class _Server(ThreadingHTTPServer):
    """Threads that end with the proxy, also those that wait on an idle client."""

    request_queue_size = 128
    daemon_threads = True
    proxy: FaultProxy

    def __init__(self, *arguments: Any) -> None:
        self.open: dict[socket.socket, threading.Thread] = {}
        super().__init__(*arguments)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self.open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self.open[request]

    def hang_up(self) -> None:
        for client, thread in list(self.open.items()):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what this proxy is for."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = self.headers.get("Range")
        key = (self.command, self.path, asked, body)
        attempt, fault = proxy.next_fault(key, self.command != "HEAD")
        status, headers, content, promise = None, [], b"", None
        if fault and fault.isdigit():
            status, headers = int(fault), [("Retry-After", "0")]
        elif fault not in {"reset", "stall"}:
            status, headers, content = self._ask(body, with_range=fault != "no-range")
            content, promise = _spoil(content, fault)
        signed = "Authorization" in self.headers
        proxy.record(Entry(self.command, self.path, asked, attempt, fault, status, len(content), signed))
        if status:
            self._send(status, headers, content, promise)
        if fault in _ENDS:
            self.close_connection = True
            _ENDS[fault](self)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 (names that http.server looks for)

    def _ask(self, body: bytes, with_range: bool) -> tuple[int, list[tuple[str, str]], bytes]:
        """The upstream's own answer."""
        proxy = self.server.proxy
        drop = _HOP if with_range else _HOP | {"range", "if-range"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in drop}
        upstream = http.client.HTTPConnection(urlsplit(proxy.upstream).netloc, timeout=60)
        try:
            upstream.request(self.command, self.path, body or None, headers)
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
        if self.command == "HEAD" and answer.getheader("Content-Length"):
            kept.append(("Content-Length", answer.getheader("Content-Length")))
        if "json" in answer.getheader("Content-Type", ""):
            content = content.replace(proxy.upstream.encode(), proxy.host.encode())
        return answer.status, kept, content

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes, promise: int | None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers) and status != 204:
            self.send_header("Content-Length", str(len(content) if promise is None else promise))
        self.end_headers()
        self.wfile.write(content)

    def _stall(self) -> None:
        """Wait until the client gives up, the proxy ends or `stall_s` have passed."""
        end = time.monotonic() + self.server.proxy.stall_s
        while time.monotonic() < end and not self.server.proxy.stopping.is_set():
            if select.select([self.connection], [], [], 0.05)[0]:
                return

    def _reset(self) -> None:
        """Close so that the client gets a reset (RST), not an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        """`FaultProxy.log` has it."""


_ENDS = {
    "stall": _Handler._stall, "stall-mid": _Handler._stall, "reset": _Handler._reset, "reset-mid": _Handler._reset,
    "truncated": lambda _: None,
}  # fmt: skip
"""What follows the answer where that is not the next request."""


def _spoil(content: bytes, fault: str | None) -> tuple[bytes, int | None]:
    """The body that a fault sends and the length that it promises, where that is another."""
    half = content[: len(content) // 2]
    if fault in {"truncated", "stall-mid", "reset-mid"}:
        return half, len(content)
    if fault == "garbage":
        return hashlib.shake_256(content).digest(len(content)), None
    return (half if fault == "short-range" else content), None
