"""Write one sheet of 0.5 m imagery of a synthetic landscape."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.landscape import named_landscape, write_sheet


def main(landscape: str, sheet: str, path: str) -> None:
    write_sheet(named_landscape(landscape), sheet, Path(path))


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.wildcards.landscape, snakemake.wildcards.sheet, snakemake.output.sheet)
