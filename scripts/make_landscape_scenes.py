"""Write the scenes and the STAC catalogue of a synthetic landscape."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.landscape import plan_landscape, write_scenes


def main(seed: int, catalog: str) -> None:
    write_scenes(plan_landscape(seed), Path(catalog).parent)


if "snakemake" in globals():
    with job(snakemake):
        main(int(snakemake.wildcards.seed), snakemake.output.catalog)
