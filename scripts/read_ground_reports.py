"""Read what volunteers reported, match it with the atlas, and lay it out for a person to review."""

from kilnscan.config_impact import GroundReports
from kilnscan.console import job
from kilnscan.grid import Tile
from kilnscan.ground_reports import read_reports
from kilnscan.tables import read_table


def main(kilns: str, outputs: dict, params: dict) -> None:
    configs = [GroundReports(**reports) for reports in params["reports"]]
    tiles = [Tile.from_spec(spec) for spec in params["tiles"]]
    told = read_reports(configs, read_table(kilns), tiles, params["types"], outputs)
    print(f"\nground reports: {told}\n  {outputs['review']}\n", flush=True)


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.input.kilns, dict(snakemake.output.items()), dict(snakemake.params))
