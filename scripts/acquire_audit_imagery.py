"""Acquire the imagery around the sampled chips that a tile owns."""

import pandas as pd

from kilnscan.audit import windows_around_chips
from kilnscan.config import load_config
from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.imagery import acquire_for_tile, chips_km2
from kilnscan.store import open_store


def main(inputs: dict[str, str], imagery: str, config: dict, store: str) -> dict:
    table, sample = pd.read_parquet(inputs["units"]), read_json(inputs["sample"])
    owned = set(table.loc[table["own"], ["epsg", "i", "j"]].itertuples(index=False, name=None))
    chips = [(chip["i"], chip["j"]) for chip in sample["chips"] if tuple(chip.values())[:3] in owned]
    settings, scenes, lost = load_config(config), read_json(inputs["scenes"]), read_json(inputs["seen"])["lost"]
    windows = windows_around_chips(chips)
    acquired = acquire_for_tile(scenes, lost, windows, settings.imagery, open_store(store), settings.region.name)
    write_json(imagery, acquired)
    return {"chips": len(acquired["chips"]), "km2": chips_km2(acquired)}


if "snakemake" in globals():
    with job(snakemake) as record:
        # the configuration itself: params hold only what decides which pixels come
        paths = dict(snakemake.input.items()), snakemake.output.imagery
        record.did(**main(*paths, snakemake.config, snakemake.params.store))
