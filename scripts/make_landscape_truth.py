"""Write what is true of a synthetic landscape."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.landscape import plan_landscape, write_truth


def main(seed: int, truth: str) -> None:
    write_truth(plan_landscape(seed), Path(truth).parent)


if "snakemake" in globals():
    with job(snakemake):
        main(int(snakemake.wildcards.seed), snakemake.output.truth)
