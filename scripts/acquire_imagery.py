"""Acquire the chips that a tile's candidates need."""

from kilnscan.config import load_config
from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.imagery import acquire_for_tile, chips_km2
from kilnscan.lattice import windows_of
from kilnscan.store import open_store
from kilnscan.tables import read_table


def main(inputs: dict[str, str], imagery: str, config: dict, store: str) -> dict:
    settings, scenes = load_config(config), read_json(inputs["scenes"])
    lost, windows = read_json(inputs["seen"])["lost"], windows_of(read_table(inputs["candidates"]))
    acquired = acquire_for_tile(scenes, lost, windows, settings.imagery, open_store(store), settings.region.name)
    write_json(imagery, acquired)
    return {"chips": len(acquired["chips"]), "km2": chips_km2(acquired)}


if "snakemake" in globals():
    with job(snakemake) as record:
        # the configuration itself: params hold only what decides which pixels come
        paths = dict(snakemake.input.items()), snakemake.output.imagery
        record.did(**main(*paths, snakemake.config, snakemake.params.store))
