"""One band in a tiled TIFF far away: its header read once, then block by block.

The header is tifffile's to parse and the blocks are imagecodecs' to decode (libdeflate; the interpreter's lock is
released, so threads help). Files come from strangers: sizes are bounded before anything is allocated.
"""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile

from kilnscan.errors import DamageError, SourceError
from kilnscan.ranges import Ranges
from kilnscan.web import plain

PAGE = 1 << 15  # bytes read at a time while a header is parsed; most headers fit into one
MOST_PAGES = 512
MOST_PIXELS = 1 << 16  # edge of the largest raster read
MOST_BLOCK_BYTES = 1 << 26
CODECS = {1, 5, 8, 32946, 50000}
"""TIFF compressions read: none, LZW, deflate (two numbers), zstd. Others may claim any size of picture."""


@dataclass(frozen=True)
class Cog:
    """A single-band raster of square pixels, north up."""

    href: str
    epsg: int | None
    """EPSG code of its grid, if the file says."""
    pixel_m: float
    left: float
    top: float
    height: int
    width: int
    block: tuple[int, int]
    """Rows and columns of a block."""
    dtype: np.dtype
    _page: Any
    _ranges: Ranges

    @classmethod
    def open(cls, href: str, ranges: Ranges, coarsest_m: float | None = None) -> "Cog":
        """Read the header; with `coarsest_m` that of the coarsest overview still finer than so many metres.

        Raises SourceError if the file cannot be had or is no such raster.
        """
        try:
            with tifffile.TiffFile(_Header(href, ranges), name=plain(href), offset=0, size=1 << 40) as tiff:
                page = tiff.pages[0]
                pixel, left, top, epsg = _place(page)
                full = page.imagewidth
                if coarsest_m is not None:
                    for smaller in list(tiff.pages)[1:]:
                        same = smaller.dtype == page.dtype and smaller.is_reduced
                        if same and pixel * full / smaller.imagewidth <= coarsest_m:
                            page = smaller
                _check(page)
        except SourceError:
            raise
        except Exception as error:  # a hostile file may break tifffile in any way
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise DamageError(f"{plain(href)} is no raster that kilnscan reads: {reason}") from error
        return cls(
            href, epsg, pixel * full / page.imagewidth, left, top, page.imagelength, page.imagewidth,
            tuple(page.chunks[:2]), np.dtype(page.dtype), page, ranges,
        )  # fmt: skip

    def blocks(self, row: int, column: int, rows: int, columns: int) -> list[tuple[int, int]]:
        """Blocks that a window of pixels meets, in reading order."""
        down, across = self.block
        first_row, last_row = max(row, 0), min(row + rows, self.height)
        first_column, last_column = max(column, 0), min(column + columns, self.width)
        if first_row >= last_row or first_column >= last_column:
            return []
        return [
            (i, j)
            for i in range(first_row // down, (last_row - 1) // down + 1)
            for j in range(first_column // across, (last_column - 1) // across + 1)
        ]

    def fetch(self, block: tuple[int, int]) -> bytes:
        """Bytes of a block; none where the file stores nothing (all nodata)."""
        index = self._index(block)
        offset, count = self._page.dataoffsets[index], self._page.databytecounts[index]
        if count > MOST_BLOCK_BYTES or offset < 0:
            raise SourceError(f"{plain(self.href)} is no raster that kilnscan reads: a block of {count} bytes")
        return self._ranges.read(self.href, offset, count) if count else b""

    def decode(self, block: tuple[int, int], data: bytes) -> np.ndarray:
        """Pixels (row, column) of a block, cut where the raster ends. Raises SourceError if the bytes are damaged."""
        down, across = self.block
        rows, columns = min(down, self.height - block[0] * down), min(across, self.width - block[1] * across)
        if not data:
            return np.zeros((rows, columns), self.dtype)
        try:
            pixels, _, _ = self._page.decode(data, self._index(block))
            return pixels.reshape(pixels.shape[-3:-1])[:rows, :columns]
        except Exception as error:  # a damaged block may break the codec in any way
            raise DamageError(f"{plain(self.href)} is damaged at block {block}: {type(error).__name__}") from error

    def _index(self, block: tuple[int, int]) -> int:
        return block[0] * -(-self.width // self.block[1]) + block[1]


def _place(page: Any) -> tuple[float, float, float, int | None]:
    """Pixel size, left and top edge in metres, and EPSG code of a page's GeoTIFF tags."""
    tags = page.geotiff_tags or {}
    scale, point = tags.get("ModelPixelScale"), tags.get("ModelTiepoint")
    if not scale or not point or len(point) < 6:
        raise ValueError("it has no place on a map")
    if scale[0] != scale[1] or not 0 < scale[0] < 10_000:
        raise ValueError(f"its pixels are {scale[0]} by {scale[1]} m")
    left, top = point[3] - point[0] * scale[0], point[4] + point[1] * scale[0]
    code = tags.get("ProjectedCSTypeGeoKey")
    return float(scale[0]), float(left), float(top), int(code) if code else None


def _check(page: Any) -> None:
    if page.samplesperpixel != 1 or page.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"it has {page.samplesperpixel} band(s) of {page.dtype}; one of uint8 or uint16 is read")
    if page.compression not in CODECS:
        raise ValueError(f"its compression is {page.compression.name}; deflate, LZW and zstd are read")
    if max(page.imagelength, page.imagewidth) > MOST_PIXELS:
        raise ValueError(f"it has {page.imagelength} by {page.imagewidth} pixels")
    rows, columns = page.chunks[:2]
    if rows * columns * np.dtype(page.dtype).itemsize > MOST_BLOCK_BYTES:
        raise ValueError(f"its blocks are {rows} by {columns} pixels; make it a COG")
    blocks = -(-page.imagelength // rows) * -(-page.imagewidth // columns)
    if not len(page.dataoffsets) == len(page.databytecounts) == blocks:
        raise ValueError("its table of blocks is incomplete")


class _Header(io.RawIOBase):
    """The beginning of a file as tifffile wants it: seekable, read page by page and kept."""

    def __init__(self, href: str, ranges: Ranges) -> None:
        self._href, self._ranges, self._at = href, ranges, 0
        self._pages: dict[int, bytes] = {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            raise OSError("the end of a file far away is not known")
        self._at = offset + (self._at if whence == io.SEEK_CUR else 0)
        return self._at

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_BLOCK_BYTES:
            raise OSError("a header is read piece by piece")
        parts, wanted = [], size
        while wanted > 0:
            page, skip = divmod(self._at, PAGE)
            part = self._page(page)[skip : skip + wanted]
            if not part:
                break
            parts.append(part)
            self._at += len(part)
            wanted -= len(part)
        return b"".join(parts)

    def _page(self, page: int) -> bytes:
        if page not in self._pages:
            if len(self._pages) >= MOST_PAGES:
                raise OSError("its header is longer than any header")
            self._pages[page] = self._ranges.read(self._href, page * PAGE, PAGE)
        return self._pages[page]
