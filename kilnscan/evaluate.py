"""How good the atlas is: one-to-one matches with reference kilns, with confidence intervals."""

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from scipy.stats import t

from kilnscan.box_accuracy import average_precision, type_accuracy
from kilnscan.errors import VectorError
from kilnscan.merge import near_pairs
from kilnscan.tables import centres

Z95 = 1.959964
EQUAL_AREA = 6933  # so that overlaps are those on the ground


def match(
    lon: np.ndarray, lat: np.ndarray, reference_lon: np.ndarray, reference_lat: np.ndarray, distance_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Indexes of matched places and reference places, one to one, nearest pairs first, within `distance_m`."""
    n = len(lon)
    pairs, metres = near_pairs(np.concatenate([lon, reference_lon]), np.concatenate([lat, reference_lat]), distance_m)
    mixed = (pairs[:, 0] < n) & (pairs[:, 1] >= n) & (metres <= distance_m)
    pairs, metres = pairs[mixed], metres[mixed]
    found, known = [], []
    free, open_ = np.ones(n, bool), np.ones(len(reference_lon), bool)
    for a, b in pairs[np.lexsort((pairs[:, 1], pairs[:, 0], metres))]:
        if free[a] and open_[b - n]:
            free[a] = open_[b - n] = False
            found.append(a)
            known.append(b - n)
    return np.array(found, np.int64), np.array(known, np.int64)


def wilson(successes: int, trials: int) -> list[float] | None:
    """95 % confidence interval of a share (Wilson 1927); None without trials."""
    if not trials:
        return None
    share, z2 = successes / trials, Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 / (1 + z2 / trials) * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return [round(float(max(centre - half, 0)), 4), round(float(min(centre + half, 1)), 4)]


def share(successes: int, trials: int) -> dict[str, Any]:
    """A share as the evaluation tells it: value (None without trials), what of what, 95 % interval."""
    value = round(successes / trials, 4) if trials else None
    return {"value": value, "of": [successes, trials], "ci95": wilson(successes, trials)}


def next_region(shares: list[float]) -> dict[str, float | None]:
    """What figures (0 to 1) of regions left out of training say of the next one: mean, least, and 95 % limits.

    The limits are those of Student's prediction of one further value (regions count, not kilns): None of fewer than two
    regions, and wide of few.
    """
    values, n = np.array(shares, float), len(shares)
    told: dict[str, float | None] = {"mean": round(float(values.mean()), 3), "least": round(float(values.min()), 3)}
    if n < 2:
        return told | {"low": None, "high": None}
    half = t.ppf(0.975, n - 1) * values.std(ddof=1) * np.sqrt(1 + 1 / n)
    ends = np.clip([values.mean() - half, values.mean() + half], 0, 1)
    return told | dict(zip(("low", "high"), ends.round(3).tolist(), strict=True))


def evaluate(
    kilns: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    acquired: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    detections: gpd.GeoDataFrame,
    reference: gpd.GeoDataFrame,
    distance_m: float,
    type_column: str = "kiln_type",
) -> dict[str, Any]:
    """Precision, recall and F1 of the atlas, what each stage kept, and how good the boxes are; tables in EPSG:4326.

    `detections` are those of the atlas, with what became of each. Boxes are compared where the reference holds
    outlines, types where it holds the column `type_column`.

    Only reference kilns whose centre lies in the area of interest count. Raises VectorError if none does.
    """
    area = shapely.union_all(coverage.geometry.array)
    lon, lat = centres(reference.geometry)
    inside = shapely.intersects_xy(area, lon, lat)
    lon, lat, reference = lon[inside], lat[inside], reference[inside]
    if not len(lon):
        raise VectorError(
            "No kiln of the reference lies inside the area of interest: check `reference.path` and `region.aoi`."
        )
    found, known = match(*centres(kilns.geometry), lon, lat, distance_m)
    screened = match(*centres(candidates.geometry), lon, lat, distance_m)[1]
    bought = shapely.union_all(acquired.geometry.array)
    total_km2, bought_km2 = float(coverage["area_km2"].sum()), float(acquired["area_km2"].sum())
    precision, recall = share(len(found), len(kilns)), share(len(known), len(lon))
    hits = len(found)
    return {
        "match_m": distance_m,
        "reference_kilns": len(lon),
        "kilns": len(kilns),
        "area_km2": round(total_km2, 3),
        "screen": {
            "candidates": len(candidates),
            "recall_matched": share(len(screened), len(lon)),
            "recall_acquired": share(int(shapely.intersects_xy(bought, lon, lat).sum()), len(lon)),
            "acquired_km2": round(bought_km2, 3),
            "acquired_share": round(bought_km2 / total_km2, 4),
        },
        "atlas": {
            "precision": precision,
            "recall": recall,
            "f1": round(2 * hits / (len(kilns) + len(lon)), 4),
            "median_offset_m": _offset(kilns, found, lon[known], lat[known]),
            "type_accuracy": _types(kilns, reference, type_column, found, known),
            "ap50": _ap50(detections, reference),
        },
    }


def _types(
    kilns: gpd.GeoDataFrame, reference: gpd.GeoDataFrame, column: str, found: np.ndarray, known: np.ndarray
) -> dict[str, Any] | None:
    """Share of the matched kilns whose type is the reference's; None if that says nothing of types."""
    if column not in reference.columns:
        return None
    return share(*type_accuracy(kilns["type"].tolist(), reference[column].tolist(), found, known))


def _ap50(detections: gpd.GeoDataFrame, reference: gpd.GeoDataFrame) -> float | None:
    """Average precision at half overlap of all places in the area, whatever their score; None without outlines."""
    outlines = shapely.area(reference.geometry.array) > 0
    if not outlines.all():
        return None
    places = detections[detections["keeper"] & (detections["owner"] != "")]
    boxes, known = (table.geometry.to_crs(EQUAL_AREA).to_numpy() for table in (places, reference))
    return round(average_precision(boxes, places["place_score"].to_numpy(), known), 4)


def _offset(kilns: gpd.GeoDataFrame, found: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> float | None:
    """Median distance between matched centres in metres."""
    if not len(found):
        return None
    x, y = centres(kilns.geometry.iloc[found])
    metres = np.hypot((x - lon) * np.cos(np.radians(lat)), y - lat) * 111_195
    return round(float(np.median(metres)), 2)
