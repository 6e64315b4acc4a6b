"""Write a tile's composite as a GeoTIFF."""

import logging
from pathlib import Path

from kilnscan.console import job
from kilnscan.files import read_json
from kilnscan.season import write_composite


def main(scenes: str, composite: str, threads: int) -> None:
    for lost in write_composite(read_json(scenes), Path(composite), threads):
        logging.getLogger("kilnscan").warning("left out %s: %s", lost["scene"], lost["reason"])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(snakemake.input.scenes, snakemake.output.composite, snakemake.threads)
