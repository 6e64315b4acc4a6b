"""Choose the scenes of a tile, or name the composite it is read from."""

from pydantic import TypeAdapter

from kilnscan.config_sentinel2 import Mosaic, Stac
from kilnscan.console import job
from kilnscan.files import write_json
from kilnscan.grid import Tile
from kilnscan.scenes import choose_mosaic, find_scenes


def main(spec: dict, source: dict, path: str) -> None:
    tile = Tile.from_spec(spec)
    config = TypeAdapter(Stac | Mosaic).validate_python(source)
    write_json(path, choose_mosaic(tile, config) if config.source == "mosaic" else find_scenes(tile, config))


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.params.tile, snakemake.params.source, snakemake.output.scenes)
