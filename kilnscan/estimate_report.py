"""From the workflow's files to the estimate: one table of areas, and one record with everything else."""

from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.areas import area_keys, read_areas
from kilnscan.audit_answers import MOST_KILNS, read_filled, sample_counts
from kilnscan.check_sample import answers_needed, judged
from kilnscan.config_impact import Areas
from kilnscan.config_sure import Estimate, LandCover
from kilnscan.corrections import read_decisions
from kilnscan.estimate import KILNS, MODEL, PARTLY, borrow, estimate, groups, parts_of, tally
from kilnscan.estimate_frame import (
    atlas_units,
    company_of,
    held_chips,
    land_units,
    owned_units,
    seasons,
    with_strata,
)  # fmt: skip
from kilnscan.evaluate import match, share
from kilnscan.files import read_json
from kilnscan.grid import Tile
from kilnscan.kilns import owner_of
from kilnscan.land_cover import cover_at
from kilnscan.tables import centres, read_table, read_vector

LOOKED_BY = {
    "detector": "rejected land was judged by the detector, all else by people: a kiln that it cannot recognise is not "
    "counted there,\n  and each false alarm stands for many missing kilns; a person can look instead (docs/audit.md)",
    "person": "rejected land, as all else, was judged by people: what nobody can see in the pictures is not counted",
}
"""Who looked at rejected land, and what follows."""
FLAT = ("kilns", "precision", "recall")
"""What the table of areas tells with interval and basis."""


def report(inputs: dict[str, Any], params: dict[str, Any]) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """The table of areas (EPSG:4326; one row for the region if there are none) and the record.

    `inputs` are the rule's files, `params` its params: tiles, atlas, audit's and estimate's settings, areas, reference.
    """
    settings, tiles = Estimate.model_validate(params["estimate"]), [Tile.from_spec(spec) for spec in params["tiles"]]
    kilns, coverage = read_table(inputs["kilns"]), read_table(inputs["coverage"])
    areas = (
        read_areas(Areas.model_validate(params["areas"]))[0] if params["areas"] else _region(coverage, params["name"])
    )
    labels = Labels(areas, coverage, settings.land_cover)
    keys = ["kind", "stratum", "type", *labels.names]
    frame = tally(pd.concat([tally(labels.put_on(some), keys) for some in _units(inputs, params, kilns, tiles)]), keys)
    parts, together = parts_of(frame).get("", []), company_of(kilns, {tile.id: tile.epsg for tile in tiles})
    by_whom = "person" if params["audit_answers"] else "detector"
    by = {
        name: groups(frame[frame[name] != ""], name, settings.least, settings.few, together)
        for name in labels.names
        if name != "at"
    }
    by["type"] = [
        {key: row[key] for key in ("type", "atlas", "precision", "kilns_checked", "checked")}
        for row in groups(frame[frame["kind"] == KILNS], "type", settings.least, settings.few, together)
    ]
    table = _areas(areas, frame, parts, settings.least, together)
    record = {
        "region": estimate(parts, together),
        "strata": [vars(part) for part in parts],
        "rejected_land_looked_at_by": by_whom,
        "kilns_in_a_chip_with_kilns": round(together, 3),
        "groups": by,
        "reference": _reference(params, kilns, tiles, labels, settings.few),
        "areas_by_basis": table["basis"].value_counts().sort_index().to_dict(),
    }
    return table, record


def _units(
    inputs: dict[str, Any], params: dict[str, Any], kilns: gpd.GeoDataFrame, tiles: list[Tile]
) -> Iterator[pd.DataFrame]:
    """Units with what was found in them: those of the atlas, then land, some tiles at a time."""
    drawn, sample = read_json(inputs["sample"]), read_json(inputs["check"])
    epsg = {tile.id: tile.epsg for tile in tiles}
    audited = sample_counts(
        drawn["chips"], inputs["detections"], inputs["imagery"], params["atlas"], params["audit_answers"]
    )
    needed = answers_needed(sample, MOST_KILNS)
    answers = params["estimate"]["answers"]
    filled = read_filled(answers, needed, "estimate", "kiln or chip") if answers else [None] * len(needed)
    said = dict(zip(needed, filled, strict=True))
    looked = dict(zip(audited[["epsg", "i", "j"]].itertuples(index=False, name=None), audited["kilns"], strict=True))
    looked |= {(c["epsg"], c["i"], c["j"]): said[f"{c['epsg']}_{c['i']}_{c['j']}"] for c in sample["land"]}
    decisions = read_decisions(inputs["decisions"][0]) if inputs["decisions"] else None
    own = {name: said[name] for name in sample["kilns"]}
    yield atlas_units(kilns, params["atlas"]["min_score"], own, judged(kilns, decisions))
    held = held_chips(kilns, read_table(inputs["boxes"]), epsg)
    for units in owned_units(dict(zip(epsg, inputs["units"], strict=True))):
        yield land_units(with_strata(units, drawn["threshold"], held), looked)


def _region(coverage: gpd.GeoDataFrame, name: str) -> gpd.GeoDataFrame:
    shape = shapely.union_all(coverage.geometry.array)
    return gpd.GeoDataFrame({"area": [name], "state": [""], "country": [""]}, geometry=[shape], crs=4326)


class Labels:
    """What groups a place (degrees, tile) belongs to."""

    def __init__(self, areas: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, cover: LandCover | None) -> None:
        self.areas, self.season, self.cover = areas, seasons(coverage), cover
        self.names = ["state", "season", *(["land_cover"] if cover else []), "at"]

    def __call__(self, lon: np.ndarray, lat: np.ndarray, tile: np.ndarray) -> dict[str, Any]:
        """Columns for places (n,): row of the areas (-1 for none), state, season, land cover."""
        at = area_keys(self.areas, pd.DataFrame({"lon": lon, "lat": lat}))
        states = np.append(self.areas["state"].to_numpy(object), "")
        told = {"at": at, "state": states[at], "season": pd.Series(tile, dtype=object).map(self.season).fillna("")}
        return told | ({"land_cover": cover_at(lon, lat, self.cover)} if self.cover else {})

    def put_on(self, units: pd.DataFrame) -> pd.DataFrame:
        """Units (lon, lat, tile) with these columns."""
        return units.assign(**self(*(units[name].to_numpy() for name in ("lon", "lat", "tile"))))


def _areas(areas: gpd.GeoDataFrame, frame: pd.DataFrame, whole: list, least: int, together: float) -> gpd.GeoDataFrame:
    """A row per area: kilns of the atlas, estimates with intervals, how much was looked at, and the basis."""
    by_area, rows = parts_of(frame, "at"), []
    for index, name in enumerate(areas["area"]):
        told = estimate(borrow(by_area.get(index, []), whole, least), together)
        row = {"area": name, "state": areas["state"].iloc[index], "country": areas["country"].iloc[index]}
        row["atlas"] = told["atlas"]
        for key in FLAT:
            low, high = told[key]["ci95"] or (None, None)
            row |= {key: told[key]["value"], f"{key}_low": low, f"{key}_high": high}
        seen = index in by_area
        row |= {"kilns_checked": told["kilns_checked"], "chips_looked_at": told["chips_looked_at"]}
        rows.append(row | {"basis": told["kilns"]["basis"] if seen else "not mapped"})
    table = pd.DataFrame(rows).astype({f"{key}{end}": "float64" for key in FLAT for end in ("", "_low", "_high")})
    table.loc[table["basis"] == "not mapped", [f"{key}{end}" for key in FLAT for end in ("", "_low", "_high")]] = np.nan
    return gpd.GeoDataFrame(table, geometry=areas.geometry.to_numpy(), crs=4326)


def _reference(
    params: dict[str, Any], kilns: gpd.GeoDataFrame, tiles: list[Tile], labels: Labels, few: int
) -> dict[str, Any] | None:
    """Precision and recall against known kilns by group; None without any.

    Known kilns are no sample: the intervals (Wilson) are those of kilns drawn at random from places like these.
    """
    if not params["reference"]:
        return None
    known = read_vector(params["reference"]["files"], "reference")
    lon, lat = centres(known.geometry)
    owner = owner_of(tiles, lon, lat)
    inside = owner != ""
    lon, lat, owner = lon[inside], lat[inside], owner[inside]
    x, y = kilns["lon"].to_numpy(), kilns["lat"].to_numpy()
    found, matched = match(x, y, lon, lat, params["reference"]["match_m"])
    column = params["reference"]["type_column"]
    types = (
        known[column].fillna("").astype(str).to_numpy()[inside] if column in known.columns else np.full(len(lon), "")
    )
    ours = pd.DataFrame(labels(x, y, kilns["tile"].to_numpy())).assign(type=kilns["type"].to_numpy(), hit=False)
    theirs = pd.DataFrame(labels(lon, lat, owner)).assign(type=types, hit=False)
    ours.loc[found, "hit"], theirs.loc[matched, "hit"] = True, True
    told = {"match_m": params["reference"]["match_m"], "precision": _shares(ours), "recall": _shares(theirs)}
    for name in [*(name for name in labels.names if name != "at"), "type"]:
        values = sorted({*ours[name], *theirs[name]} - {""})
        told[name] = [
            {
                name: value,
                "precision": _shares(ours[ours[name] == value]),
                "recall": _shares(theirs[theirs[name] == value]),
                "few": bool(min((ours[name] == value).sum(), (theirs[name] == value).sum()) < few),
            }
            for value in values
        ]
    return told


def _shares(table: pd.DataFrame) -> dict[str, Any]:
    return share(int(table["hit"].sum()), len(table))


def in_words(record: dict[str, Any]) -> str:
    """The estimate in a few lines."""
    region = record["region"]
    lines = [
        f"estimate: {_words(region['kilns'])} kilns; the atlas has {region['atlas']}; brackets hold 95 % intervals"
    ]
    for key, words in (
        ("confirmed", "of the atlas' are kilns"),
        ("missed_on_acquired_land", "are missing on acquired land"),
        ("missed_on_rejected_land", "are missing on rejected land"),
    ):
        lines.append(f"  {_words(region[key])} {words}")
    lines.append(f"  {region['kilns_checked']} kilns and {region['chips_looked_at']} chips were looked at")
    lines.append(f"  {LOOKED_BY[record['rejected_land_looked_at_by']]}")
    if region["kilns"]["value"] is None:
        lines.append("  no estimate yet: fill in check.csv and name it in `estimate.answers` (docs/accuracy.md)")
    if record["areas_by_basis"].keys() & {MODEL, PARTLY}:
        lines.append("  areas with too small a sample of their own were given the region's rates (basis: model)")
    return "\n".join(lines)


def _words(told: dict[str, Any]) -> str:
    if told["value"] is None:
        return "nobody knows how many"
    low, high = told["ci95"]
    return f"{told['value']:.0f} ({low:.0f} to {'any number' if high is None else f'{high:.0f}'})"
