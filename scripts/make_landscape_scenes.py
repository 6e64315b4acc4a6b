"""Write the scenes and the STAC catalogue of a synthetic landscape."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.landscape import named_landscape, write_scenes


def main(landscape: str, catalog: str) -> None:
    write_scenes(named_landscape(landscape), Path(catalog).parent)


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.wildcards.landscape, snakemake.output.catalog)
