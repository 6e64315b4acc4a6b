"""The sample for a person to check: a list to fill in, and a picture of each kiln or piece of land in it."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from PIL import Image, ImageDraw

from kilnscan.audit_answers import chip_id
from kilnscan.audit_review import CHIP_PX, picture_around
from kilnscan.check_sample import chips_of_places
from kilnscan.files import replacing
from kilnscan.grid import transformer
from kilnscan.lattice import CHIP_M, chip_bounds
from kilnscan.store import Store

ASKED, OTHERS, LAND = (255, 220, 0), (120, 200, 255), (255, 255, 255)
COLUMNS = ("id", "what", "lon", "lat", "stratum", "picture", "kilns")
Chip = tuple[int, int, int]


def write_check(
    sample: dict[str, Any],
    kilns: gpd.GeoDataFrame,
    epsg: dict[str, int],
    imagery: list[dict[str, Any]],
    store: Store,
    path: Path,
) -> None:
    """Write check.csv and pictures/ beside it.

    `sample` is that of check.json; `kilns` are the atlas' (EPSG:4326), `epsg` that of each tile, `imagery` the tiles'
    records of chips in `store`. A kiln that is asked about is drawn in yellow, other kilns of the atlas in blue, a chip
    in white.
    """
    held = {(record["epsg"], i, j): key for record in imagery for i, j, key in record["chips"]}
    lon, lat = kilns["lon"].to_numpy(), kilns["lat"].to_numpy()
    chips = chips_of_places(lon, lat, kilns["tile"].map(epsg).to_numpy())
    boxes: dict[Chip, list[tuple[str, shapely.Polygon]]] = defaultdict(list)
    for name, chip, shape in zip(kilns["id"], chips, kilns.geometry, strict=True):
        boxes[chip].append((name, shape))
    at = dict(zip(kilns["id"], zip(chips, lon, lat, strict=True), strict=True))
    asked = [(name, "kiln", *at[name], stratum) for name, stratum in sample["kilns"].items()]
    for row in sample["land"]:
        chip = row["epsg"], row["i"], row["j"]
        x, y = transformer(chip[0], 4326).transform((chip[1] + 0.5) * CHIP_M, (chip[2] + 0.5) * CHIP_M)
        asked.append((chip_id(*chip), "land", chip, x, y, row["stratum"]))
    rows = []
    for name, what, chip, x, y, stratum in asked:
        picture = f"pictures/{name}.jpg"
        with replacing(path.parent / picture) as temporary:
            _picture(chip, name if what == "kiln" else "", boxes, held, store).save(temporary, quality=88)
        rows.append([name, what, round(float(x), 6), round(float(y), 6), stratum, picture, ""])
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _picture(chip: Chip, kiln: str, boxes: dict[Chip, list], held: dict[Chip, str], store: Store) -> Image.Image:
    """A chip among its neighbours with the atlas' kilns; the one asked about, or else the chip, stands out."""
    epsg, i, j = chip
    whole = picture_around(epsg, i, j, held, store)
    draw, (left, _, _, top) = ImageDraw.Draw(whole), chip_bounds((i - 1, j + 1))
    if not kiln:
        draw.rectangle([CHIP_PX, CHIP_PX, 2 * CHIP_PX, 2 * CHIP_PX], outline=LAND, width=2)
    around = [(epsg, i + di, j + dj) for di in (-1, 0, 1) for dj in (-1, 0, 1)]
    for name, shape in sorted((box for near in around for box in boxes.get(near, [])), key=lambda box: box[0] == kiln):
        x, y = transformer(4326, epsg).transform(*shapely.get_coordinates(shape).T)
        ring = np.column_stack([np.asarray(x) - left, top - np.asarray(y)]) * CHIP_PX / CHIP_M
        draw.line([tuple(point) for point in ring.tolist()], fill=ASKED if name == kiln else OTHERS, width=2)
    return whole
