"""Acquire the chips that a tile's candidates need."""

from pathlib import Path

from kilnscan.config import Imagery
from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.imagery import acquire_for_tile
from kilnscan.tables import read_table


def main(scenes: str, candidates: str, imagery: str, provider: dict, store: str) -> None:
    write_json(
        imagery,
        acquire_for_tile(read_json(scenes), read_table(candidates), Imagery.model_validate(provider), Path(store)),
    )


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.scenes,
            snakemake.input.candidates,
            snakemake.output.imagery,
            snakemake.params.provider,
            snakemake.params.store,
        )
