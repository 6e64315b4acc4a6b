"""Everything people open, from the atlas tables: data, record and map, in full and for everybody."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow
import pyogrio

from kilnscan import __version__
from kilnscan.config_impact import Earlier, Map, Public
from kilnscan.dictionary import Column, area_columns, as_table, dictionary_of, inventory_columns
from kilnscan.earlier_pictures import write_earlier
from kilnscan.errors import TableError
from kilnscan.files import read_json, replacing, write_json
from kilnscan.geopackage import WORDS, write_geopackage
from kilnscan.pictures import Bounds, write_basemap, write_chips
from kilnscan.provenance import commit, provenance, read_card
from kilnscan.public import handed_out, public_edition, public_people, shown
from kilnscan.publish import check_layer, write_csv, write_geoparquet, write_pmtiles
from kilnscan.site import write_site
from kilnscan.siting_rules import read_rules
from kilnscan.stac_record import Product, Record, days_of, scene_links, write_record
from kilnscan.store import Store
from kilnscan.tables import concat, read_table

SENTINEL = "Contains modified Copernicus Sentinel data"
TABLES = ("kilns", "candidates", "acquired", "coverage")
MORE = ("areas", "sources", "reports", "change", "estimates", "reconciled", "disagreement")
"""Layers that an atlas has if the configuration asks for them."""
PARQUET = ("sources", "areas", "change", "estimates", "reconciled", "disagreement")
"""Layers written as GeoParquet besides the kilns."""
CSV = {"change": True, "estimates": False, "reconciled": True, "disagreement": True}
"""Layers written as text, too, and whether with their shapes: of areas the name is enough."""
ESTIMATED = ("kilns", "precision", "recall")
"""What is told of the estimates of the whole region."""
OPEN = "kilns-open.gpkg"
"""The GeoPackage of a map's downloads where the atlas's own holds rows that are not for everybody."""
FOOTPRINT_ZOOM = 11
"""From here on kilns are footprints in vector tiles; below they are points."""


@dataclass(frozen=True)
class Edition:
    """What one edition, full or public, is made of; every product follows from it alone."""

    files: Mapping[str, Path]
    """Where products go: gpkg, geoparquet, csv, dictionary, provenance, and the folders layers, stac, site."""
    tables: Mapping[str, pd.DataFrame]
    meta: Mapping[str, Any]
    dictionary: list[Column]
    config: Mapping[str, Any]
    """As much of the configuration as the edition tells."""
    cards: Mapping[str, Any]
    scenes: list[dict[str, Any]]
    catalog: str = ""
    """The STAC API that the scenes come from."""
    points: tuple[str, ...] = ()
    """Layers that are points here and polygons elsewhere."""
    rules: pd.DataFrame | None = None
    """Siting rules, told with their citations."""
    map: Map = field(default_factory=Map)
    thumbs: Path | None = None
    basemap: tuple[Path, Bounds] | None = None

    @property
    def layers(self) -> dict[str, gpd.GeoDataFrame]:
        """The tables with a geometry."""
        return {name: table for name, table in self.tables.items() if isinstance(table, gpd.GeoDataFrame)}


def publish_atlas(
    inputs: dict[str, Any], outputs: dict[str, str], config: dict[str, Any], models: dict[str, str], store: Store
) -> None:
    """Write all products of a region, and those of its public edition if `outputs` names the folder `public`.

    `inputs` are files: the four tables, lists of scenes, imagery, quicklooks and evaluation, and, if the region has
    them, lists of one or no file of impact (kilns with what is known of them), siting, estimate (the record of the
    region) and each of `MORE`, and of the planned orders (GeoJSON). `models` are the models' files by stage; chips are
    in `store`. Raises TableError for a table that is damaged, or has a column that the data dictionary does not know.
    """
    cards = {stage: read_card(path) for stage, path in models.items()}
    tables = read_tables(inputs)
    scenes = [read_json(path) for path in inputs["scenes"]]
    settings = Map.model_validate(config["map"])
    files = {name: Path(path) for name, path in outputs.items()}
    with tempfile.TemporaryDirectory(dir=files["site"].parent) as scratch:
        thumbs, basemap = Path(scratch) / "chips", Path(scratch) / "basemap.jpg"
        tables["kilns"] = _with_chips(tables["kilns"], inputs["imagery"], thumbs, store, config["imagery"]["show"])
        if settings.earlier:
            tables["kilns"] = _with_earlier(tables["kilns"], settings.earlier, thumbs)
        bounds = write_basemap(basemap, inputs["quicklooks"])
        full = Edition(
            files,
            tables,
            _meta(config, cards, tables, inputs, any(entry["synthetic"] for entry in scenes)),
            dictionary_of(tables, [*area_columns(config.get("areas")), *inventory_columns(tables)]),
            config,
            cards,
            scenes,
            catalog=config["sentinel2"].get("catalog") or "",
            rules=_rules(config["siting"]["rules"], tables["siting"]) if "siting" in tables else None,
            map=settings,
            thumbs=thumbs,
            basemap=(basemap, bounds) if bounds else None,
        )
        write_edition(full)
    if "public" in files:
        write_edition(for_everybody(full, Public.model_validate(config["public"]), files["public"]))


def write_edition(edition: Edition) -> None:
    """Write every product of an edition. Raises TableError, and writes nothing, if a table cannot be published."""
    for layer, table in edition.layers.items():
        check_layer(layer, table, edition.points)
    products = _write_data(edition)
    with tempfile.TemporaryDirectory(dir=edition.files["site"].parent) as scratch:
        downloads = _downloads(edition, Path(scratch))
        files = dict.fromkeys([*(product.path for product in products), *downloads])
        record = provenance(list(files), dict(edition.config), dict(edition.cards), edition.scenes)
        write_json(edition.files["provenance"], record)
        _write_map(edition, [*downloads, edition.files["provenance"]])
    products.append(Product("provenance", edition.files["provenance"], "What the products follow from", ("metadata",)))
    products.append(Product("map", edition.files["site"] / "index.html", "The map", ("overview",)))
    told = Record(
        edition.meta,
        record,
        _lineage(edition),
        days_of(edition.scenes, edition.layers["kilns"]),
        edition.layers["coverage"],
        scene_links(edition.scenes, edition.catalog),
    )
    write_record(edition.files["stac"], told, products, edition.dictionary)


def for_everybody(full: Edition, config: Public, folder: Path) -> Edition:
    """The public edition of a full one: coarse, without pictures, and without paths of the machine that made it."""
    tables = public_edition(full.tables, config)
    told = {"region": {key: full.config["region"][key] for key in ("name", "title")}, "public": config.model_dump()}
    scenes = [
        entry | {"mosaics": [{"content": m["content"]} for m in entry.get("mosaics", [])]} for entry in full.scenes
    ]
    extra = [entry for entry in full.dictionary if entry.layer == "areas"]
    return Edition(
        files_in(folder),
        tables,
        {**full.meta, "public": True, "people": public_people(full.meta.get("people", {}), len(full.tables["kilns"]))},
        dictionary_of(tables, extra),
        told,
        full.cards,
        scenes,
        catalog=full.catalog,
        rules=full.rules,
        map=full.map,
        points=("kilns",),
    )


def files_in(folder: Path) -> dict[str, Path]:
    """Where an edition's products are, below a folder of its own, laid out as results/<region>/ is."""
    names = {
        "gpkg": "kilns.gpkg",
        "geoparquet": "kilns.geoparquet",
        "csv": "kilns.csv",
        "dictionary": "data_dictionary.csv",
        "provenance": "provenance.json",
        "layers": "layers",
    }
    return {key: folder / "atlas" / name for key, name in names.items()} | {
        name: folder / name for name in ("stac", "site")
    }


def read_tables(inputs: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """The tables of an atlas: the four that each has, and those that are there of the others."""
    tables: dict[str, pd.DataFrame] = {name: read_table(inputs[name]) for name in TABLES}
    if inputs.get("impact"):
        tables["kilns"] = read_table(inputs["impact"][0])
    tables |= {name: read_table(inputs[name][0]) for name in MORE if inputs.get(name)}
    if "change" in tables:
        status = tables["change"].set_index("id")["status"]
        tables["kilns"] = tables["kilns"].assign(change=tables["kilns"]["id"].map(status))
    if inputs.get("orders"):
        tables["orders"] = _read_orders(inputs["orders"])
    if inputs.get("siting"):
        tables["siting"] = _read_plain(inputs["siting"][0])
    return tables


def _read_plain(path: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise TableError(f"The table {path} is damaged ({error}): delete it and run again.") from error


def _read_orders(paths: list[str]) -> gpd.GeoDataFrame:
    try:
        tables = [gpd.read_file(path) for path in sorted(paths)]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise TableError(f"The planned orders cannot be read ({error}): run `snakemake plan` again.") from error
    return concat(tables).sort_values(["product", "order"]).reset_index(drop=True)


def _write_data(edition: Edition) -> list[Product]:
    """Write tables and layers in every format; what was written."""
    files, kilns = edition.files, edition.layers["kilns"]
    write_geopackage(files["gpkg"], edition.tables, edition.meta, edition.dictionary, edition.points)
    write_geoparquet(files["geoparquet"], kilns)
    write_csv(files["csv"], kilns)
    with replacing(files["dictionary"]) as temporary:
        as_table(edition.dictionary).to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")
    products = [
        Product("geopackage", files["gpkg"], "All layers, for QGIS", layer="kilns"),
        Product("kilns", files["geoparquet"], "Brick kilns, for Python, R and DuckDB", layer="kilns"),
        Product("kilns-csv", files["csv"], "Brick kilns, as text", layer="kilns"),
        Product("dictionary", files["dictionary"], WORDS["data_dictionary"], ("metadata",)),
    ]
    return products + _write_layers(edition)


def _write_layers(edition: Edition) -> list[Product]:
    """Write vector tiles of every layer, and GeoParquet and CSV of some, into a folder of their own."""
    folder, products = edition.files["layers"], []
    shutil.rmtree(folder, ignore_errors=True)
    for layer, table in edition.layers.items():
        if layer in PARQUET:
            path = folder / f"{layer}.geoparquet"
            write_geoparquet(path, table)
            products.append(Product(layer, path, WORDS[layer], layer=layer))
        if layer in CSV:
            path = folder / f"{layer}.csv"
            write_csv(path, table, shapes=CSV[layer])
            products.append(Product(f"{layer}-csv", path, f"{WORDS[layer]}, as text", layer=layer))
        path = folder / f"{layer}.pmtiles"
        footprints = layer == "kilns" and layer not in edition.points
        write_pmtiles(path, table, layer, points_below=FOOTPRINT_ZOOM if footprints else 0)
        products.append(Product(f"{layer}-tiles", path, f"{WORDS[layer]}, as vector tiles", ("data", "visual"), layer))
    return products


def _downloads(edition: Edition, scratch: Path) -> list[Path]:
    """Data that the map offers: the products, or a GeoPackage without what is not for whoever opens the map."""
    named = [edition.files[name] for name in ("gpkg", "geoparquet", "csv", "dictionary")]
    tables = handed_out(edition.tables)
    if all(
        table.empty or (name in tables and table.shape == tables[name].shape) for name, table in edition.tables.items()
    ):
        return named
    entries = [entry for entry in edition.dictionary if entry.column in tables.get(entry.layer, ())]
    write_geopackage(scratch / OPEN, tables, edition.meta, entries, edition.points)
    return [scratch / OPEN, *named[1:]]


def _write_map(edition: Edition, downloads: list[Path]) -> None:
    """Write the map of an edition; layers that it lacks are left out."""
    picture, bounds = edition.basemap or (None, None)
    tables, areas = edition.tables, edition.config.get("areas") or {}
    write_site(
        edition.files["site"],
        **{layer: tables.get(layer) for layer in (*TABLES, "siting", "areas", "change", "estimates")},
        **{layer: shown(tables[layer]) for layer in ("sources", "reports") if layer in tables},
        meta=edition.meta,
        rules=edition.rules,
        area_labels={name: words for table in areas.get("tables", []) for name, words in table["labels"].items()},
        settings=edition.map,
        quicklook=picture,
        quicklook_bounds=bounds,
        thumbs=edition.thumbs,
        archives=edition.files["layers"],
        downloads=downloads,
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


def _with_earlier(kilns: gpd.GeoDataFrame, earlier: Earlier, folder: Path) -> gpd.GeoDataFrame:
    """`kilns` with the column `chip_before` behind `chip`."""
    names = write_earlier(folder, kilns, earlier)
    kilns = kilns.copy()
    kilns.insert(kilns.columns.get_loc("chip") + 1, "chip_before", [name and f"chips/{name}" for name in names])
    return kilns


def _lineage(edition: Edition) -> str:
    days = {day["date"] for entry in edition.scenes for day in entry["dates"]}
    tiles = len(edition.scenes)
    models = ", ".join(f"{stage} {card['name']}" for stage, card in edition.cards.items())
    coarse = " Then kilns were moved to the middle of a grid cell." if edition.meta.get("public") else ""
    return (
        f"Sentinel-2 imagery of {len(days)} day(s) over {tiles} tile(s) was screened, what stood out was looked at in "
        f"imagery under the licence(s) {'; '.join(edition.meta['licences'])}, and boxes seen twice were merged. "
        f"Models: {models}. Scenes and packages: provenance.json.{coarse}"
    )


def _meta(
    config: dict[str, Any],
    cards: dict[str, Any],
    tables: dict[str, pd.DataFrame],
    inputs: Mapping[str, Any],
    synthetic: bool,
) -> dict[str, Any]:
    measured = read_json(inputs["evaluation"][0]) if inputs["evaluation"] else None
    facts = read_json(inputs["facts"]) if inputs.get("facts") else {}
    estimated = read_json(inputs["estimate"][0])["region"] if inputs.get("estimate") else {}
    metrics = measured and {
        "precision": measured["atlas"]["precision"],
        "recall": measured["atlas"]["recall"],
        "f1": measured["atlas"]["f1"],
        "n": measured["reference_kilns"],
    }
    return {
        "region": config["region"]["name"],
        "title": config["region"]["title"] or config["region"]["name"],
        "synthetic": synthetic or config["region"]["synthetic"],
        "models": [{"name": card["name"], "sha256": card["sha256"], "card": card["text"]} for card in cards.values()],
        "metrics": metrics,
        **({"estimated": {key: estimated[key] for key in ESTIMATED}} if estimated else {}),
        "commit": commit(),
        "licences": sorted({config["imagery"]["licence"], *([] if synthetic else [SENTINEL])}),
        "attribution": [config["imagery"]["attribution"]],
        "credits": _credits(config),
        "emissions": [{"name": entry["set"], "citation": entry["source"]} for entry in facts.get("factors", [])],
        "people": facts.get("people", {}),
        "version": __version__,
        "bounds": [round(float(value), 6) for value in tables["coverage"].total_bounds],
    }


def _rules(path: str, siting: pd.DataFrame) -> pd.DataFrame:
    """The rules of the table that some kiln was asked by."""
    asked = set(siting["rule"])
    return pd.DataFrame([rule.model_dump(mode="json") for rule in read_rules(path) if rule.id in asked])


def _credits(config: Mapping[str, Any]) -> list[str]:
    """Who must be named for what was brought besides imagery, each once, in the order of the configuration."""
    areas, earlier = config.get("areas") or {}, config.get("map", {}).get("earlier")
    named = [
        *([f"{earlier['attribution']}: {earlier['licence']}"] if earlier else []),
        *config.get("exposure", {}).get("credit", []),
        areas.get("credit", ""),
        *(table["credit"] for table in areas.get("tables", [])),
        *(places["credit"] for places in config.get("siting", {}).get("places", [])),
        *(": ".join(filter(None, (entry["source"], entry["licence"]))) for entry in config.get("sources", [])),
        *(f"{entry['attribution']}: {entry['licence']}" for entry in config.get("inventories", [])),
    ]
    return list(dict.fromkeys(filter(None, named)))
