"""Write what is true of a synthetic landscape."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.landscape import named_landscape, write_truth


def main(landscape: str, truth: str) -> None:
    write_truth(named_landscape(landscape), Path(truth).parent)


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.wildcards.landscape, snakemake.output.truth)
