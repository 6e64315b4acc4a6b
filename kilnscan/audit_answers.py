"""What was found in the sampled chips: by the detector, or by a person who filled in the review file."""

import csv
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from kilnscan.errors import VectorError
from kilnscan.files import read_json
from kilnscan.lattice import chip_holding
from kilnscan.merge import merge
from kilnscan.tables import centres, read_table

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


def sample_counts(
    chips: list[dict], tables: list[str], imagery: list[str], settings: dict, answers: str | None
) -> pd.DataFrame:
    """The sampled chips (epsg, i, j, stratum) with the `kilns` found in each, None where nobody looked.

    Counted by a person, if `answers` names a file, and else by the detector in the tiles' `tables` of detections,
    whose records of `imagery` tell what there was to see; `settings` are those of the atlas.
    """
    sample = pd.DataFrame(chips, columns=["epsg", "i", "j", "stratum"])
    if answers:
        return sample.assign(kilns=pd.Series(read_answers(answers, sample), dtype=object))
    counts = count_detections(sample, [read_table(path) for path in tables], settings["min_score"], settings)
    seen = only_seen(sample, counts, [read_json(path) for path in imagery])
    return sample.assign(kilns=pd.Series(seen, dtype=object))


def read_answers(path: str | Path, sample: pd.DataFrame) -> list[int | None]:
    """Kilns that a person saw in each sampled chip, None where nothing was filled in.

    The file is review.csv with its column `kilns` filled in. Raises VectorError, naming row and column, if it is not.
    """
    wanted = [chip_id(*row) for row in sample[["epsg", "i", "j"]].itertuples(index=False)]
    return read_filled(path, dict.fromkeys(wanted, MOST_KILNS), "audit", "chip")


def read_filled(path: str | Path, most: dict[str, int], section: str, what: str) -> list[int | None]:
    """What a person filled in for each id of `most`, in its order: a number up to that, or None.

    The file is a list of `section` with its column `kilns` filled in. Raises VectorError, naming row and column, if it
    is not.
    """
    answers: dict[str, int | None] = dict.fromkeys(most)
    given: set[str] = set()
    key = f"`{section}.answers`"
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if not reader.fieldnames:
                raise VectorError(
                    f"{key} {path} is empty: save the list of the sample with its column `kilns` filled in."
                )
            if not {"id", "kilns"} <= set(reader.fieldnames or ()):
                raise VectorError(f"{key} {path} has no columns `id` and `kilns`: fill in the list of the sample.")
            for number, row in enumerate(reader, start=2):
                name, value = (row["id"] or "").strip(), (row["kilns"] or "").strip()
                if name not in answers:
                    raise VectorError(
                        f"{key} {path}, row {number}, column `id`: {name[:40]!r} is no {what} of this sample; the "
                        f"sample changes with the threshold, the models and `{section}.seed`. Answer the new list, or "
                        f"leave {key} out."
                    )
                if name in given:
                    raise VectorError(f"{key} {path}, row {number}, column `id`: {name} stands there twice.")
                given.add(name)
                number_ = value.isascii() and value.isdigit() and len(value) <= 2
                if value and not (number_ and int(value) <= most[name]):
                    raise VectorError(
                        f"{key} {path}, row {number}, column `kilns`: {value[:40]!r} is no number of kilns; "
                        f"write 0 to {most[name]}, or nothing if you did not look."
                    )
                answers[name] = int(value) if value else None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VectorError(f"{key} {path} cannot be read ({error}): save it as CSV in UTF-8.") from error
    if answers and not any(value is not None for value in answers.values()):
        raise VectorError(f"{key} {path} holds no answer: write numbers in its column `kilns`, or leave {key} out.")
    return list(answers.values())
