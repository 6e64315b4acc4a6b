"""Print how far a run is, what failed, and what it has cost so far."""

from kilnscan.config import load_config
from kilnscan.console import job
from kilnscan.spending import Purse
from kilnscan.status import read_records, tell
from kilnscan.store import open_store
from kilnscan.unfinished import judged, unfinished


def main(places: list[str], expected: dict[str, int], tiles: list[str], config: dict, store: str) -> None:
    settings = load_config(config)
    purse = Purse.of(settings.imagery, open_store(store), settings.region.name)
    paid = f"Imagery paid for: {purse.spent():.2f} {purse.currency}." if purse else ""
    marked = unfinished()
    jobs = [judged(record, marked) for place in places for record in read_records(place)]
    print(f"\n{tell(jobs, expected, tiles, paid)}\n", flush=True)


if "snakemake" in globals():
    with job(snakemake):
        params = snakemake.params
        main(params.places, params.expected, params.tiles, snakemake.config, params.store)
