"""Compare short-wave infrared in and around a tile's kilns on every date of its scenes."""

from kilnscan.activity import activity_of_tile
from kilnscan.config_change import Activity
from kilnscan.console import job
from kilnscan.files import read_json, replacing
from kilnscan.tables import read_table


def main(scenes: str, kilns: str, path: str, config: dict) -> None:
    listed, table = read_json(scenes), read_table(kilns)
    mine = table[table["tile"] == listed["tile"]["id"]]
    with replacing(path) as temporary:
        activity_of_tile(listed, mine, Activity.model_validate(config)).to_parquet(temporary, index=False)


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.input.scenes, snakemake.input.kilns, snakemake.output.activity, snakemake.params.activity)
