"""Screen one tile."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.forest import Forest
from kilnscan.grid import Tile
from kilnscan.screen import screen_tile


def main(scenes: str, model: str, screen: str, quicklook: str, seen: str, threads: int) -> dict:
    listed = read_json(scenes)
    write_json(seen, screen_tile(listed, Forest.load(model), Path(screen), Path(quicklook), threads))
    return Tile.from_spec(listed["tile"]).work()


if "snakemake" in globals():
    with job(snakemake) as record:
        record.did(**main(**snakemake.input, **snakemake.output, threads=snakemake.threads))
