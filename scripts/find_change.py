"""Tell what became of each kiln since earlier atlases."""

from kilnscan.change import find_change
from kilnscan.change_report import write_report
from kilnscan.config_change import BESIDE, Change
from kilnscan.console import job
from kilnscan.earlier import read_atlases, read_beside
from kilnscan.files import write_json
from kilnscan.grid import Tile
from kilnscan.looked import Looked
from kilnscan.tables import read_table, write_table


def main(inputs: dict[str, str], outputs: dict[str, str], params: dict) -> None:
    config = Change.model_validate(params["change"])
    now = Looked(config.season, {name: read_table(inputs[name]) for name in BESIDE})
    before = [Looked(atlas.season, read_beside(atlas)) for atlas in config.earlier]
    tiles = [Tile.from_spec(spec) for spec in params["tiles"]]
    kilns = read_table(inputs["kilns"])
    table, sums = find_change(kilns, read_atlases(config), now, before, tiles, config, params["min_score"])
    write_table(outputs["change"], table)
    write_json(outputs["sums"], sums)
    write_report(outputs["report"], table, sums, params["title"], bool(kilns["synthetic"].any()))


if "snakemake" in globals():
    with job(snakemake):
        main(dict(snakemake.input.items()), dict(snakemake.output), dict(snakemake.params))
