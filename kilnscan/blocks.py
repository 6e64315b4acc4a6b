"""Blocks of many rasters, fetched ahead of need, decoded once and kept while there is room."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from kilnscan.cog import Cog
from kilnscan.errors import DamageError
from kilnscan.ranges import Ranges
from kilnscan.web import CONNECTIONS

REPEATS = 3
Result = TypeVar("Result")
Key = tuple[str, int, int]
"""A raster's link, block row and block column."""


def _again(work: Callable[[], Result]) -> Result:
    """`work`, repeated when the bytes it got were damaged on the way."""
    for _ in range(REPEATS):
        try:
            return work()
        except DamageError as error:
            logging.getLogger("kilnscan").info("%s: asking again", error)
    return work()


def paste(target: np.ndarray, piece: np.ndarray, row: int, column: int) -> None:
    """Copy `piece` (.., row, column) into `target` with its corner at (row, column), as far as it lies inside."""
    rows, columns = piece.shape[-2:]
    into = target[..., max(row, 0) : max(row + rows, 0), max(column, 0) : max(column + columns, 0)]
    rest = piece[..., max(-row, 0) :, max(-column, 0) :]
    into[...] = rest[..., : into.shape[-2], : into.shape[-1]]


class Blocks:
    """A bounded store of decoded blocks, shared by threads.

    Reading waits in `CONNECTIONS` threads; decoding never uses more than `threads` processors, and who computes with
    the blocks takes a turn through `processor`.
    """

    def __init__(self, ranges: Ranges, threads: int, megabytes: int = 256) -> None:
        self.ranges = ranges
        self.processor = threading.Semaphore(threads)
        self._room = megabytes << 20
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="blocks")
        self._lock = threading.Lock()
        self._cogs: dict[str, Future[Cog]] = {}
        self._kept: OrderedDict[Key, Future[np.ndarray]] = OrderedDict()
        self._used = 0

    def cog(self, href: str) -> Cog:
        """The header of a raster, read once. Raises SourceError."""
        return self._cog(href).result()

    def want_headers(self, hrefs: Iterable[str]) -> None:
        """Begin to read headers."""
        for href in hrefs:
            self._cog(href)

    def want(self, href: str, row: int, column: int, rows: int, columns: int) -> None:
        """Begin to fetch and decode the blocks that a window meets. Its header must be at hand (`cog`)."""
        cog = self.cog(href)
        for block in cog.blocks(row, column, rows, columns):
            self._block(cog, block)

    def window(self, href: str, row: int, column: int, rows: int, columns: int) -> np.ndarray:
        """Pixels of a window of a raster, 0 beyond its edges; a view where one block holds it all."""
        cog = self.cog(href)
        down, across = cog.block
        met = cog.blocks(row, column, rows, columns)
        pieces = [(i * down - row, j * across - column, self._block(cog, (i, j))) for i, j in met]
        for block, (y, x, _) in zip(met, pieces, strict=True):
            if y >= 0 and x >= 0 and y + down <= rows and x + across <= columns:
                self._forget((href, *block))  # taken whole: nobody comes back for it
        if len(pieces) == 1:
            y, x, future = pieces[0]
            block = future.result()
            if y <= 0 and x <= 0 and y + block.shape[0] >= rows and x + block.shape[1] >= columns:
                return block[-y : rows - y, -x : columns - x]
        result = np.zeros((rows, columns), cog.dtype)
        for y, x, future in pieces:
            paste(result, future.result(), y, x)
        return result

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _cog(self, href: str) -> Future[Cog]:
        with self._lock:
            if href not in self._cogs:
                self._cogs[href] = self._pool.submit(_again, lambda: Cog.open(href, self.ranges))
            return self._cogs[href]

    def _block(self, cog: Cog, block: tuple[int, int]) -> Future[np.ndarray]:
        key = (cog.href, *block)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            else:
                self._kept[key] = self._pool.submit(self._load, cog, block)
            return self._kept[key]

    def _forget(self, key: Key) -> None:
        with self._lock:
            future = self._kept.pop(key, None)
        if future is not None:  # outside the lock: a future that is done calls back at once
            future.add_done_callback(self._make_room)

    def _make_room(self, future: Future[np.ndarray]) -> None:
        with self._lock:
            self._used -= _size(future)

    def _load(self, cog: Cog, block: tuple[int, int]) -> np.ndarray:
        def fetch_and_decode() -> np.ndarray:
            data = cog.fetch(block)
            with self.processor:
                return cog.decode(block, data)

        pixels = _again(fetch_and_decode)
        with self._lock:
            self._used += pixels.nbytes
            for oldest, future in list(self._kept.items()) if self._used > self._room else ():
                if future.done():  # one that is under way holds nothing yet
                    del self._kept[oldest]
                    self._used -= _size(future)
                if self._used <= self._room:
                    break
        return pixels


def _size(future: Future[np.ndarray]) -> int:
    """Bytes that a block takes whose loading has ended, well or badly."""
    return 0 if future.cancelled() or future.exception() is not None else future.result().nbytes
