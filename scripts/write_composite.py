"""Write a tile's composite as a GeoTIFF."""

import logging
from pathlib import Path

from kilnscan.console import job
from kilnscan.files import read_json
from kilnscan.grid import Tile
from kilnscan.season import write_composite


def main(scenes: str, composite: str, threads: int) -> dict:
    listed = read_json(scenes)
    for lost in write_composite(listed, Path(composite), threads):
        logging.getLogger("kilnscan").warning("left out %s: %s", lost["scene"], lost["reason"])
    return Tile.from_spec(listed["tile"]).work()


if "snakemake" in globals():
    with job(snakemake) as record:
        record.did(**main(snakemake.input.scenes, snakemake.output.composite, snakemake.threads))
