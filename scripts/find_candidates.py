"""Find the candidates that a tile owns."""

from kilnscan.console import job
from kilnscan.files import read_json
from kilnscan.forest import Forest
from kilnscan.grid import Tile
from kilnscan.screened import candidates_of_tile
from kilnscan.tables import write_table


def main(scenes: str, seen: str, screen: str, model: str, candidates: str, threshold: float | None) -> dict:
    tile = Tile.from_spec(read_json(scenes)["tile"])
    threshold = Forest.load(model).operating_point if threshold is None else threshold
    write_table(candidates, candidates_of_tile(screen, tile, threshold))
    return tile.work()


if "snakemake" in globals():
    with job(snakemake) as record:
        record.did(**main(**snakemake.input, **snakemake.output, threshold=snakemake.params.threshold))
