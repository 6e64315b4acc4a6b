"""List a tile's chips with the threshold that acquires each and what the screen saw there."""

from kilnscan.audit_units import units_of_tile
from kilnscan.console import job
from kilnscan.files import read_json, replacing
from kilnscan.grid import Tile


def main(scenes: str, screen: str, units: str) -> None:
    table = units_of_tile(screen, Tile.from_spec(read_json(scenes)["tile"]))
    with replacing(units) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.input.scenes, snakemake.input.screen, snakemake.output.units)
