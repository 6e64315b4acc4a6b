"""The chips of a tile as units of the audit: what would acquire each, and what the screen saw in it."""

from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from rasterio.errors import RasterioError

from kilnscan.candidates import HILL, smooth_probability
from kilnscan.errors import TableError
from kilnscan.grid import PIXEL_M, Tile
from kilnscan.lattice import CHIP_M
from kilnscan.recall import chip_scores
from kilnscan.screened import candidates_of_tile, read_screen

CHIP_PX = round(CHIP_M / PIXEL_M)
ROWS = 32  # rows of chips looked at together
LEAST_SEEN = 0.5
"""Share of a chip that must have been seen: what was not is the ledger's matter."""
COLUMNS = {"epsg": "int64", "i": "int64", "j": "int64", "own": "bool", "score": "float64", "hint": "float64"}


def units_of_tile(screen: str | Path, tile: Tile) -> pd.DataFrame:
    """Chips of a tile: epsg, i, j, whether the tile owns it (its centre), its score, and the highest probability there.

    The score is the highest threshold that acquires the chip, by the tile's own candidates; chips that these acquire
    beyond the tile are listed too, for the neighbours (`join_units`). Raises TableError if the raster is damaged.
    """
    scores = chip_scores(candidates_of_tile(screen, tile, 0.0))
    hints = _hints(screen, tile)
    chips = sorted(set(scores) | set(hints))
    rows = [(tile.epsg, i, j, (i, j) in hints, scores.get((i, j), 0.0), hints.get((i, j), 0.0)) for i, j in chips]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def read_units(paths: list[str]) -> pd.DataFrame:
    """The chips of all tiles, from the tiles' tables (`join_units`)."""
    return join_units([pd.read_parquet(path) for path in paths])


def join_units(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Chips of all tiles, each once, with the highest score that any tile's candidates give it; sorted by place.

    Those that no tile owns, which candidates at the edge of the area acquire beyond it, stay: `own` tells.
    """
    table = pd.concat(tables, ignore_index=True)
    return table.groupby(["epsg", "i", "j"], as_index=False).agg({"own": "any", "score": "max", "hint": "max"})


def _hints(screen: str | Path, tile: Tile) -> dict[tuple[int, int], float]:
    """The highest smoothed probability (0 to 1) in each chip that a tile owns and that was mostly seen."""
    left, bottom, right, top = tile.read_bounds(0)
    columns = range(int(left // CHIP_M), int(-(-right // CHIP_M)))
    rows = range(int(bottom // CHIP_M), int(-(-top // CHIP_M)))
    found: dict[tuple[int, int], float] = {}
    reach = len(HILL) // 2
    try:
        with rasterio.open(screen) as source:
            for first in range(rows.start, rows.stop, ROWS):
                some = range(first, min(first + ROWS, rows.stop))
                bounds = (
                    columns.start * CHIP_M, some.start * CHIP_M, columns.stop * CHIP_M, some.stop * CHIP_M,
                )  # fmt: skip
                probability, valid = read_screen(source, bounds, reach)
                smooth, weight = smooth_probability(np.where(valid, probability, 0))
                inner = np.s_[reach : valid.shape[0] - reach, reach : valid.shape[1] - reach]
                shape = (len(some), CHIP_PX, len(columns), CHIP_PX)
                highest = smooth[inner].reshape(shape).max(axis=(1, 3)) / (255 * weight)
                seen = valid[inner].reshape(shape).mean(axis=(1, 3))
                j, i = np.meshgrid(some[::-1], columns, indexing="ij")
                centres = np.array([(i.ravel() + 0.5) * CHIP_M, (j.ravel() + 0.5) * CHIP_M])
                owned = tile.owns(*centres).reshape(i.shape)  # on a border, too, one tile and no other
                kept = owned & (seen >= LEAST_SEEN)
                places = zip(i[kept].tolist(), j[kept].tolist(), strict=True)
                found.update(zip(places, np.round(highest[kept], 6).tolist(), strict=True))
    except RasterioError as error:
        raise TableError(f"The screen raster {screen} is damaged ({error}): delete it and run again.") from error
    return found
