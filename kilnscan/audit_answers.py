"""What was found in the sampled chips: by the detector, or by a person who filled in the review file."""

import csv
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from kilnscan.errors import VectorError
from kilnscan.lattice import chip_holding
from kilnscan.merge import merge
from kilnscan.tables import centres

MOST_KILNS = 20  # in a square of 160 m


def chip_id(epsg: int, i: int, j: int) -> str:
    """Name of a chip in review files."""
    return f"{epsg}_{i}_{j}"


def count_detections(sample: pd.DataFrame, tables: list[gpd.GeoDataFrame], least_score: float, settings: dict) -> list:
    """Kilns that the detector sees in each sampled chip (epsg, i, j): the centre lies in it, the score is enough.

    `tables` are detections in UTM metres. What several windows saw is merged as in the atlas (`settings`).
    """
    counts = dict.fromkeys(zip(sample["epsg"], sample["i"], sample["j"], strict=True), 0)
    for table in tables:
        likely = table[table["score"] >= least_score]
        if likely.empty:
            continue
        epsg, degrees = table.crs.to_epsg(), likely.to_crs(4326)
        keeper = merge(
            *centres(degrees.geometry), degrees.geometry.array, likely["score"].to_numpy(),
            settings["merge_distance_m"], settings["merge_overlap"],
        )  # fmt: skip
        kept = likely.iloc[np.unique(keeper)]
        for x, y in zip(kept["x"], kept["y"], strict=True):
            chip = (epsg, *chip_holding(x, y))
            if chip in counts:
                counts[chip] += 1
    return list(counts.values())


def only_seen(sample: pd.DataFrame, counts: list[int], imagery: list[dict]) -> list[int | None]:
    """Counts of the sampled chips, None where the tiles' records of imagery hold no picture of the chip itself."""
    held = {(record["epsg"], i, j) for record in imagery for i, j, _ in record["chips"]}
    places = zip(sample["epsg"], sample["i"], sample["j"], strict=True)
    return [count if place in held else None for place, count in zip(places, counts, strict=True)]


def read_answers(path: str | Path, sample: pd.DataFrame) -> list[int | None]:
    """Kilns that a person saw in each sampled chip, None where nothing was filled in.

    The file is review.csv with its column `kilns` filled in. Raises VectorError, naming row and column, if it is not.
    """
    wanted = [chip_id(*row) for row in sample[["epsg", "i", "j"]].itertuples(index=False)]
    answers: dict[str, int | None] = dict.fromkeys(wanted)
    given: set[str] = set()
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if not {"id", "kilns"} <= set(reader.fieldnames or ()):
                raise VectorError(f"`audit.answers` {path} has no columns `id` and `kilns`: fill in review.csv.")
            for number, row in enumerate(reader, start=2):
                name, value = (row["id"] or "").strip(), (row["kilns"] or "").strip()
                if name not in answers:
                    raise VectorError(
                        f"`audit.answers` {path}, row {number}, column `id`: {name[:40]!r} is no chip of this sample; "
                        "the sample changes with the threshold, the model and `audit.seed`."
                    )
                if name in given:
                    raise VectorError(f"`audit.answers` {path}, row {number}, column `id`: {name} stands there twice.")
                given.add(name)
                if value and not (len(value) <= 2 and value.isascii() and value.isdigit() and int(value) <= MOST_KILNS):
                    raise VectorError(
                        f"`audit.answers` {path}, row {number}, column `kilns`: {value[:40]!r} is no number of kilns; "
                        f"write 0 to {MOST_KILNS}, or nothing if you did not look."
                    )
                answers[name] = int(value) if value else None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VectorError(f"`audit.answers` {path} cannot be read ({error}): save it as CSV in UTF-8.") from error
    return [answers[name] for name in wanted]
