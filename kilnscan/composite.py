"""The cloud-free picture of a season, from scenes or from a file: opened, read in strips, and never stored."""

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from kilnscan.errors import ImageryError, SceneError
from kilnscan.grid import PIXEL_M, Bounds, Tile
from kilnscan.reader import MosaicReader, Reader
from kilnscan.scene_reader import SceneReader

Result = TypeVar("Result")


def open_scenes(scenes: dict[str, Any], threads: int = 1) -> Reader:
    """Reader of what a scene list (scenes.json) describes."""
    if scenes["source"] == "stac":
        return SceneReader(scenes, threads)
    tile = Tile.from_spec(scenes["tile"])
    return MosaicReader(tuple(m["path"] for m in scenes["mosaics"]), tile.epsg, scenes["bands"], tile.own.bounds)


def read_patiently(
    scenes: dict[str, Any], work: Callable[[Reader, dict[str, Any]], Result], threads: int = 1
) -> tuple[Result, list[dict[str, str]]]:
    """Do `work` with a reader of `scenes` and what it reads; return the result and the scenes left out, with reasons.

    When a scene stays unreadable, all begins again without it: every pixel of a tile comes from the same scenes.
    Raises ImageryError when more than half of the scenes are unreadable: then it is the network, not a scene.
    """
    lost: list[dict[str, str]] = []
    count = sum(len(day["items"]) for day in scenes["dates"])
    while True:
        listed = without(scenes, lost)
        reader = open_scenes(listed, threads)
        try:
            return work(reader, listed), lost
        except SceneError as error:
            logging.getLogger("kilnscan").warning("Left out: %s", error)
            lost.append({"scene": error.scene, "reason": error.reason})
            if len(lost) * 2 > count:
                raise ImageryError(
                    f"{len(lost)} of the {count} scenes of tile {scenes['tile']['id']} cannot be read, at last "
                    f"{error.reason}. Check the network and run again; finished tiles are kept."
                ) from error
        finally:
            if isinstance(reader, SceneReader):
                reader.close()


def read_looks(reader: Reader, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (band, row, column) and how often each was seen clearly (row, column; uint8); once in a composite."""
    if isinstance(reader, SceneReader):
        return reader.read_looks(bounds)
    pixels, valid = reader.read(bounds)
    return pixels, valid.astype(np.uint8)


def traffic(reader: Reader) -> str:
    """What reading has cost so far, in words; nothing for files that GDAL reads."""
    if not isinstance(reader, SceneReader):
        return ""
    return f"{reader.ranges.bytes / 1e6:.0f} MB in {reader.ranges.requests} requests"


def without(scenes: dict[str, Any], lost: list[dict[str, str]]) -> dict[str, Any]:
    """A scene list without the scenes that were lost."""
    names = {entry["scene"] for entry in lost}
    days = [day | {"items": [item for item in day["items"] if item["id"] not in names]} for day in scenes["dates"]]
    return scenes | {"dates": [day for day in days if day["items"] or not names]}


def average(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Mean of squares of `factor` by `factor` pixels of an array (band, row, column), rounded, in its own type."""
    bands, rows, columns = pixels.shape
    blocks = pixels.reshape(bands, rows // factor, factor, columns // factor, factor)
    return np.rint(blocks.mean(axis=(2, 4), dtype=np.float64)).astype(pixels.dtype)


def strips(bounds: Bounds, rows: int) -> Iterator[Bounds]:
    """`bounds` cut into strips of at most `rows` pixels, from the top down."""
    left, bottom, right, top = bounds
    while top > bottom:
        yield left, max(top - rows * PIXEL_M, bottom), right, top
        top -= rows * PIXEL_M
