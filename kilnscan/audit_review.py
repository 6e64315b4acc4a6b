"""The sample for a person to look at: a list to fill in, a picture of each chip, and outlines for QGIS."""

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import shapely
from PIL import Image, ImageDraw

from kilnscan.audit_answers import chip_id
from kilnscan.detector import to_rgb
from kilnscan.files import replacing, write_json
from kilnscan.grid import to_lonlat, transformer
from kilnscan.imagery import read_chips
from kilnscan.lattice import CHIP_M, chip_bounds
from kilnscan.pictures import stretched
from kilnscan.store import Store

CHIP_PX = 256  # edge of a chip in a picture, which shows it and its eight neighbours


def write_review(
    sample: pd.DataFrame, names: list[str], imagery: list[dict[str, Any]], store: Store, csv_path: Path
) -> None:
    """Write review.csv, chips.geojson and pictures/ beside each other.

    `sample` has epsg, i, j and stratum, `names` those of the strata; `imagery` are the tiles' records of chips in
    `store`.
    """
    chips = {(record["epsg"], i, j): key for record in imagery for i, j, key in record["chips"]}
    rows, features = [], []
    for epsg, i, j, stratum in sample[["epsg", "i", "j", "stratum"]].itertuples(index=False):
        name = chip_id(epsg, i, j)
        outline = to_lonlat(shapely.box(*chip_bounds((i, j))), epsg)
        lon, lat = transformer(epsg, 4326).transform((i + 0.5) * CHIP_M, (j + 0.5) * CHIP_M)
        picture = f"pictures/{name}.jpg"
        with replacing(csv_path.parent / picture) as temporary:
            _picture(epsg, i, j, chips, store).save(temporary, quality=88)
        rows.append([name, round(lon, 6), round(lat, 6), names[stratum], picture, ""])
        properties = {"id": name, "stratum": names[stratum], "picture": picture}
        features.append(
            {"type": "Feature", "properties": properties, "geometry": json.loads(shapely.to_geojson(outline))}
        )
    write_json(csv_path.parent / "chips.geojson", {"type": "FeatureCollection", "features": features})
    with replacing(csv_path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "lon", "lat", "stratum", "picture", "kilns"])
        writer.writerows(rows)


def _picture(epsg: int, i: int, j: int, chips: dict[tuple[int, int, int], str], store: Store) -> Image.Image:
    """A chip outlined among its neighbours."""
    whole = picture_around(epsg, i, j, chips, store)
    ImageDraw.Draw(whole).rectangle([CHIP_PX, CHIP_PX, 2 * CHIP_PX, 2 * CHIP_PX], outline=(255, 255, 255), width=2)
    return whole


def picture_around(epsg: int, i: int, j: int, chips: dict[tuple[int, int, int], str], store: Store) -> Image.Image:
    """A chip and its eight neighbours, stretched to their brightness; grey where there is no imagery.

    `chips` names the chips (epsg, i, j) in `store`; each is CHIP_PX wide in the picture.
    """
    around = [(i + di, j + dj) for di in (-1, 0, 1) for dj in (-1, 0, 1) if (epsg, i + di, j + dj) in chips]
    held = read_chips([chips[epsg, *chip] for chip in around], store)
    parts = []
    for chip in around:
        pixels, valid = held[chips[epsg, *chip]]
        parts.append((chip_bounds(chip), to_rgb(pixels).transpose(2, 0, 1), valid))
    left, _, _, top = chip_bounds((i - 1, j + 1))
    return stretched(parts, (left, top), 3, CHIP_PX, (160, 160, 160))
