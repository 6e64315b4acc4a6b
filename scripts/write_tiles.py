"""Write the tiles of a region as GeoJSON."""

import shapely

from kilnscan.console import job
from kilnscan.files import write_json
from kilnscan.grid import Tile, to_lonlat


def main(specs: list[dict], path: str) -> None:
    tiles = [Tile.from_spec(spec) for spec in specs]
    shapes = [shapely.set_precision(to_lonlat(tile.own, tile.epsg), 1e-7, mode="pointwise") for tile in tiles]
    features = [
        {
            "type": "Feature",
            "properties": {"tile": tile.id, "epsg": tile.epsg, "area_km2": round(tile.own.area / 1e6, 6)},
            "geometry": shapely.geometry.mapping(shape),
        }
        for tile, shape in zip(tiles, shapes, strict=True)
    ]
    write_json(path, {"type": "FeatureCollection", "features": features})


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.params.tiles, snakemake.output.tiles)
