"""A paper's numbers and tables, out of the run's own files; the same files give the same bytes."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from kilnscan.config_impact import Public
from kilnscan.emission_factors import POLLUTANTS
from kilnscan.errors import ConfigError
from kilnscan.files import read_json, replacing, write_json
from kilnscan.paper_figures import figures_of
from kilnscan.paper_inputs import read_named
from kilnscan.public import public_edition, public_people

Values = dict[str, Any]

OWN = ("atlas", "screen", "siting", "coverage", "scenes")
"""Names of values that are computed here."""


def read_told(files: Mapping[str, str], also: Iterable[str]) -> Values:
    """JSON files of the run by their names, and files of the user's by the names of the files.

    Raises ConfigError where a file of the user's would hide one of the run's, or cannot be named in a text.
    """
    told = {name: read_json(path) for name, path in files.items()}
    for path in also:
        name = Path(path).stem
        if not name.isidentifier() or name in told or name in OWN:
            raise ConfigError(
                f"`paper.also` names {path}: its values would be called {name!r}, which is "
                f"{'taken' if name.isidentifier() else 'no name'}. Rename the file."
            )
        told[name] = read_named(path, "paper.also")
    return told


def write_values(
    tables: Mapping[str, gpd.GeoDataFrame],
    scenes: Iterable[Mapping[str, Any]],
    told: Mapping[str, Any],
    outputs: Mapping[str, Path],
    public: Public | None = None,
) -> None:
    """Write `values` (JSON) and the folders `tables` (CSV) and `figures` (SVG) from the atlas tables and `told`.

    With `public`, kilns are drawn where the public edition shows them, without the imagery around them; tiles count no
    kilns, and people near kilns are told as there.
    """
    kilns, coverage = tables["kilns"], tables["coverage"]
    values = values_of(kilns, tables["candidates"], coverage, scenes, told)
    shown, acquired, tiles = kilns, tables["acquired"], coverage
    if public:
        coarse = public_edition({"kilns": kilns, "coverage": coverage}, public)
        shown, acquired, tiles = coarse["kilns"], acquired.iloc[:0], coarse["coverage"]
        people = values.get("impact", {}).get("people")
        if people:
            values["impact"] = {**values["impact"], "people": public_people(people, len(kilns))}
    written = tables_of(kilns, tiles, values)
    figures = figures_of(shown, acquired, coverage, written, values)
    for name in ("tables", "figures"):
        shutil.rmtree(outputs[name], ignore_errors=True)
    for name, table in written.items():
        with replacing(outputs["tables"] / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")
    for name, picture in figures.items():
        with replacing(outputs["figures"] / f"{name}.svg") as temporary:
            temporary.write_bytes(picture)
    write_json(outputs["values"], values)


def values_of(
    kilns: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    scenes: Iterable[Mapping[str, Any]],
    told: Mapping[str, Any],
) -> Values:
    """Every value that a text may name.

    `told` are files of the run that are JSON already (evaluation, impact, audit, estimate and so on): they are taken
    as they are, under their names. Areas are in km2.
    """
    lists = list(scenes)
    days = sorted({day["date"] for entry in lists for day in entry["dates"] if day["date"]})
    area, acquired = float(coverage["area_km2"].sum()), float(coverage["acquired_km2"].sum())
    return {
        "atlas": {
            "kilns": len(kilns),
            "types": {str(name): int(count) for name, count in sorted(kilns["type"].value_counts().items())},
            "score_median": _rounded(kilns["score"].median(), 3),
            "length_m_median": _rounded(kilns["length_m"].median(), 1),
            "first_seen": _first(kilns["first_seen"]),
            "last_seen": _last(kilns["last_seen"]),
        },
        "screen": {"candidates": len(candidates)},
        "siting": {str(name): int(count) for name, count in sorted(kilns["siting"].value_counts().items()) if name},
        "coverage": {
            "tiles": len(coverage),
            "status": {str(name): int(count) for name, count in sorted(coverage["status"].value_counts().items())},
            "boxes_km2": round(float((kilns["length_m"] * kilns["width_m"]).sum()) / 1e6, 4),
            "area_km2": round(area, 3),
            "acquired_km2": round(acquired, 3),
            "acquired_share": round(acquired / area, 4) if area else 0.0,
            "kilns_per_1000_km2": round(len(kilns) / area * 1000, 2) if area else 0.0,
        },
        "scenes": {
            "days": len(days),
            "first": days[0] if days else "",
            "last": days[-1] if days else "",
            "granules": len({item["id"] for entry in lists for day in entry["dates"] for item in day["items"]}),
        },
        **told,
    }


def tables_of(kilns: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, values: Values) -> dict[str, pd.DataFrame]:
    """The tables of a paper by name: types, accuracy (if it was measured), emissions, siting, tiles."""
    tables = {"types": _types(kilns), "tiles": _tiles(coverage)}
    if "evaluation" in values:
        tables["accuracy"] = _accuracy(values["evaluation"])
    if values.get("impact", {}).get("emissions"):
        tables["emissions"] = _emissions(values["impact"]["emissions"][0])
    if values["siting"]:
        rows = [{"siting": name, "kilns": count} for name, count in values["siting"].items()]
        tables["siting"] = pd.DataFrame(rows)
    return tables


def _types(kilns: gpd.GeoDataFrame) -> pd.DataFrame:
    groups = kilns.groupby("type", sort=True)
    table = groups.agg(kilns=("id", "size"), score_median=("score", "median"), length_m=("length_m", "median"))
    return table.round({"score_median": 3, "length_m": 1}).reset_index()


def _tiles(coverage: gpd.GeoDataFrame) -> pd.DataFrame:
    columns = ["tile", "status", "clear_share", "dates", "candidates", "kilns", "area_km2", "acquired_km2"]
    rounded = coverage[[name for name in columns if name in coverage]].round({"area_km2": 3, "acquired_km2": 3})
    return pd.DataFrame(rounded).sort_values("tile").reset_index(drop=True)


MEASURES = {
    "kilns inside the acquired area": ("screen", "recall_acquired"),
    "recall of the atlas": ("atlas", "recall"),
    "precision of the atlas": ("atlas", "precision"),
    "type is right": ("atlas", "type_accuracy"),
}


def _accuracy(evaluation: Values) -> pd.DataFrame:
    rows = []
    for words, (part, name) in MEASURES.items():
        measured = evaluation.get(part, {}).get(name)
        if measured:
            hits, cases = measured["of"]
            low, high = measured["ci95"]
            row = {"measure": words, "hits": hits, "of": cases, "value": measured["value"], "low": low, "high": high}
            rows.append(row)
    return pd.DataFrame(rows, columns=["measure", "hits", "of", "value", "low", "high"])


def _emissions(sums: Values) -> pd.DataFrame:
    rows = [
        {
            "pollutant": name,
            "t_a_year": sums[f"{name}_t"],
            "low": sums[f"{name}_t_low"],
            "high": sums[f"{name}_t_high"],
            "kilns_left_out": sums[f"{name}_left_out"],
        }
        for name in POLLUTANTS
        if f"{name}_t" in sums
    ]
    return pd.DataFrame(rows)


def _rounded(value: float, digits: int) -> float | None:
    return None if pd.isna(value) else round(float(value), digits)


def _first(days: pd.Series) -> str:
    return min((day for day in days if day), default="")


def _last(days: pd.Series) -> str:
    return max((day for day in days if day), default="")
