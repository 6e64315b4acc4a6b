"""Acquire the imagery around the sampled chips that a tile owns."""

from pathlib import Path

import pandas as pd

from kilnscan.audit import windows_around_chips
from kilnscan.config import Imagery
from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.imagery import acquire_for_tile


def main(scenes: str, seen: str, units: str, sample: str, imagery: str, how: dict) -> None:
    table = pd.read_parquet(units)
    owned = set(table.loc[table["own"], ["epsg", "i", "j"]].itertuples(index=False, name=None))
    chips = [(chip["i"], chip["j"]) for chip in read_json(sample)["chips"] if tuple(chip.values())[:3] in owned]
    config, lost = Imagery.model_validate(how["provider"]), read_json(seen)["lost"]
    windows = windows_around_chips(chips)
    write_json(imagery, acquire_for_tile(read_json(scenes), lost, windows, config, Path(how["store"]), how["region"]))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        files = {name: snakemake.input[name] for name in ("scenes", "seen", "units", "sample")}
        main(**files, imagery=snakemake.output.imagery, how=dict(snakemake.params.items()))
