"""Everything people open, from the atlas tables: GeoPackage, GeoParquet, the map, and their provenance."""

import tempfile
from pathlib import Path
from typing import Any

import geopandas as gpd

from kilnscan.files import read_json, write_json
from kilnscan.pictures import write_basemap, write_chips
from kilnscan.provenance import commit, provenance, read_card
from kilnscan.publish import write_geopackage, write_geoparquet
from kilnscan.site import write_site
from kilnscan.store import Store
from kilnscan.tables import read_table

SENTINEL = "Contains modified Copernicus Sentinel data"
TABLES = ("kilns", "candidates", "acquired", "coverage")


def publish_atlas(
    inputs: dict[str, Any], outputs: dict[str, str], config: dict[str, Any], models: dict[str, str], store: Store
) -> None:
    """Write all products of a region.

    `inputs` are files: the four tables, and lists of scenes, imagery, quicklooks and evaluation. `models` are the
    models' files by stage; chips are in `store`.
    """
    cards = {stage: read_card(path) for stage, path in models.items()}
    tables = {name: read_table(inputs[name]) for name in TABLES}
    scenes = [read_json(path) for path in inputs["scenes"]]
    site = Path(outputs["site"])
    with tempfile.TemporaryDirectory(dir=site.parent) as scratch:
        thumbs = Path(scratch) / "chips"
        tables["kilns"] = _with_chips(tables["kilns"], inputs["imagery"], thumbs, store, config["imagery"]["show"])
        basemap = Path(scratch) / "basemap.jpg"
        bounds = write_basemap(basemap, inputs["quicklooks"])
        meta = _meta(config, cards, tables, inputs["evaluation"], any(entry["synthetic"] for entry in scenes))
        write_geopackage(outputs["gpkg"], **tables, meta=meta)
        write_geoparquet(outputs["geoparquet"], tables["kilns"])
        record = provenance([Path(outputs["gpkg"]), Path(outputs["geoparquet"])], config, cards, scenes)
        write_json(outputs["provenance"], record)
        write_site(
            site,
            **tables,
            meta=meta,
            quicklook=basemap if bounds else None,
            quicklook_bounds=bounds,
            thumbs=thumbs,
            downloads=[outputs["gpkg"], outputs["geoparquet"], outputs["provenance"]],
        )


def _with_chips(
    kilns: gpd.GeoDataFrame, imagery: list[str], folder: Path, store: Store, show: bool
) -> gpd.GeoDataFrame:
    """`kilns` with the column `chip`; pictures only where the licence allows showing them."""
    chips: dict[tuple[int, int, int], str] = {}
    for path in imagery:
        entry = read_json(path)
        chips |= {(entry["epsg"], i, j): key for i, j, key in entry["chips"]}
    names = write_chips(folder, kilns, chips, store) if show else [""] * len(kilns)
    column = [f"chips/{name}" if name else "" for name in names]
    kilns = kilns.copy()
    kilns.insert(kilns.columns.get_loc("attribution") + 1, "chip", column)
    return kilns


def _meta(
    config: dict[str, Any],
    cards: dict[str, Any],
    tables: dict[str, gpd.GeoDataFrame],
    evaluation: list[str],
    synthetic: bool,
) -> dict[str, Any]:
    measured = read_json(evaluation[0]) if evaluation else None
    metrics = measured and {
        "precision": measured["atlas"]["precision"]["value"],
        "recall": measured["atlas"]["recall"]["value"],
        "f1": measured["atlas"]["f1"],
        "n": measured["reference_kilns"],
    }
    return {
        "region": config["region"]["name"],
        "title": config["region"]["title"] or config["region"]["name"],
        "synthetic": synthetic or config["region"]["synthetic"],
        "models": [{"name": card["name"], "sha256": card["sha256"], "card": card["text"]} for card in cards.values()],
        "metrics": metrics,
        "commit": commit(),
        "licences": sorted({config["imagery"]["licence"], *([] if synthetic else [SENTINEL])}),
        "attribution": [config["imagery"]["attribution"]],
        "bounds": [round(float(value), 6) for value in tables["coverage"].total_bounds],
    }
