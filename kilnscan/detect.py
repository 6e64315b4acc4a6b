"""The second stage on a tile: look at the window around each candidate and put boxes back on the map."""

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from PIL import Image

from kilnscan.detector import Detector, to_rgb
from kilnscan.imagery import Pixels, read_chips
from kilnscan.lattice import CHIP_M, chips_of_window, window_bounds
from kilnscan.obb import corners
from kilnscan.pieces import detect_in_pictures
from kilnscan.store import Store

EDGE_M = 40.0
"""Boxes centred closer than this to their window's edge are left out: they are cut, and another window's matter."""
BATCH = 64
BATCH_PX = BATCH * 640**2  # so many pixels of pictures at a time at most
COLUMNS = ("type", "score", "x", "y", "length_m", "width_m", "azimuth_deg", "window_i", "window_j")


def detect_tile(
    imagery: dict[str, Any],
    store: Store,
    detector: Detector,
    confidence: float | None,
    threads: int = 1,
    on_pixels: bool = False,
) -> gpd.GeoDataFrame:
    """Oriented boxes in all windows of a tile (imagery.json), in UTM metres.

    Each window is looked at by itself, from its own four chips only: what is found does not depend on the tiling. The
    detector sees it at its own resolution, in pieces if its windows are smaller than ours. Boxes lie where the labels
    of training would have put them, or `on_pixels`: the two differ where labels and pixels do not lie on each other.
    """
    epsg = imagery["epsg"]
    chips = {(i, j): key for i, j, key in imagery["chips"]}
    windows = [(i, j) for i, j in imagery["windows"] if any(chip in chips for chip in chips_of_window((i, j)))]
    rows: list[dict[str, Any]] = []
    side = round(2 * CHIP_M / detector.resolution_m)
    east, north = (0.0, 0.0) if on_pixels else detector.label_shift_m
    step = max(1, min(BATCH, BATCH_PX // side**2))
    for start in range(0, len(windows), step):
        batch = windows[start : start + step]
        needed = {chip: chips[chip] for window in batch for chip in chips_of_window(window) if chip in chips}
        pixels = read_chips(needed.values(), store)
        parts = {chip: pixels[key] for chip, key in needed.items()}
        pictures = np.stack([_window(window, parts, side) for window in batch])
        for window, boxes in zip(batch, detect_in_pictures(detector, pictures, confidence, threads), strict=True):
            placed = (_on_the_map(box, window, detector.classes, side, (-east, -north)) for box in boxes)
            rows += [row for row in placed if row is not None]
    rows.sort(key=lambda row: (row["window_i"], row["window_j"], -row["score"], row["x"], row["y"]))
    geometry = [row.pop("geometry") for row in rows]
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    table = gpd.GeoDataFrame(columns, geometry=geometry, crs=epsg)
    kinds = {"type": "str", "window_i": "int64", "window_j": "int64"}
    return table.astype({name: kinds.get(name, "float64") for name in COLUMNS})


def _window(window: tuple[int, int], chips: dict[tuple[int, int], Pixels], side: int) -> np.ndarray:
    """RGB uint8 (side, side, 3) of a window put together from its chips; black where one is missing."""
    i, j = window
    quarter = [chips.get(chip) for chip in chips_of_window(window)]
    shape = next(part[1].shape for part in quarter if part is not None)
    whole = np.zeros((2 * shape[0], 2 * shape[1], 3), np.uint8)
    for (ci, cj), part in zip(chips_of_window(window), quarter, strict=True):
        if part is not None:
            row, column = (0 if cj == j else shape[0]), (0 if ci == i - 1 else shape[1])
            whole[row : row + shape[0], column : column + shape[1]] = to_rgb(part[0])
    if whole.shape[0] == side:
        return whole
    how = Image.Resampling.BOX if whole.shape[0] > side else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(whole).resize((side, side), how))


def _on_the_map(
    box: np.void, window: tuple[int, int], classes: tuple[str, ...], side: int, shift_m: tuple[float, float]
) -> dict[str, Any] | None:
    """A box in pixels of a window of `side` pixels as a row in UTM metres, moved by `shift_m` (east, north).

    None if it is centred too near the window's edge.
    """
    left, _, _, top = window_bounds(window)
    scale = 2 * CHIP_M / side
    if not all(EDGE_M <= float(box[axis]) * scale <= 2 * CHIP_M - EDGE_M for axis in ("x", "y")):
        return None
    x, y = left + float(box["x"]) * scale + shift_m[0], top - float(box["y"]) * scale + shift_m[1]
    ring = corners([[0.0, 0.0, box["length"] * scale, box["width"] * scale, box["angle"]]])[0]
    ring = np.round(np.column_stack([x + ring[:, 0], y - ring[:, 1]]), 2)
    return {
        "type": classes[int(box["kind"])],
        "score": round(float(box["score"]), 4),
        "x": round(x, 2),
        "y": round(y, 2),
        "length_m": round(float(box["length"]) * scale, 1),
        "width_m": round(float(box["width"]) * scale, 1),
        # image angle: from east towards south; azimuth: from north towards east, of an axis without direction
        "azimuth_deg": round(float(np.degrees(box["angle"]) + 90) % 180, 1) % 180,
        "window_i": window[0],
        "window_j": window[1],
        "geometry": shapely.Polygon(ring),
    }
