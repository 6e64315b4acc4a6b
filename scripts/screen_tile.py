"""Screen one tile."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.forest import Forest
from kilnscan.screen import screen_tile


def main(scenes: str, model: str, screen: str, quicklook: str, seen: str, threads: int) -> None:
    write_json(seen, screen_tile(read_json(scenes), Forest.load(model), Path(screen), Path(quicklook), threads))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(**snakemake.input, **snakemake.output, threads=snakemake.threads)
