"""Write one sheet of 0.5 m imagery of a synthetic landscape."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.landscape import plan_landscape, write_sheet


def main(seed: int, sheet: str, path: str) -> None:
    write_sheet(plan_landscape(seed), sheet, Path(path))


if "snakemake" in globals():
    with job(snakemake):
        main(int(snakemake.wildcards.seed), snakemake.wildcards.sheet, snakemake.output.sheet)
