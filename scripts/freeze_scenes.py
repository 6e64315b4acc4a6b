"""Write all scenes of a region into one frozen list."""

from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.frozen import freeze


def main(lists: list[str], frozen: str) -> None:
    write_json(frozen, freeze([read_json(path) for path in lists]))


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.input, snakemake.output.frozen)
