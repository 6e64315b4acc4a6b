"""Acquire the chips that a tile's candidates need."""

from pathlib import Path

from kilnscan.config import Imagery
from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.imagery import acquire_for_tile
from kilnscan.lattice import windows_of
from kilnscan.tables import read_table


def main(scenes: str, seen: str, candidates: str, imagery: str, provider: dict, store: str, region: str) -> None:
    config = Imagery.model_validate(provider)
    lost = read_json(seen)["lost"]
    windows = windows_of(read_table(candidates))
    write_json(imagery, acquire_for_tile(read_json(scenes), lost, windows, config, Path(store), region))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.scenes,
            snakemake.input.seen,
            snakemake.input.candidates,
            snakemake.output.imagery,
            snakemake.params.provider,
            snakemake.params.store,
            snakemake.params.region,
        )
