"""Compute a paper's numbers, tables and figures."""

from pathlib import Path

from kilnscan.config_impact import Public
from kilnscan.console import job
from kilnscan.files import read_json
from kilnscan.paper import read_told, write_values
from kilnscan.tables import read_table

TABLES = ("kilns", "candidates", "acquired", "coverage")


def main(inputs: dict, params: dict, outputs: dict) -> None:
    tables = {name: read_table(inputs[name]) for name in TABLES}
    scenes = [read_json(path) for path in inputs["scenes"]]
    values = read_told({name: inputs[name] for name in params["told"]}, inputs["also"])
    public = Public.model_validate(params["public"]) if params["public"] else None
    write_values(tables, scenes, values, {name: Path(path) for name, path in outputs.items()}, public)


if "snakemake" in globals():
    with job(snakemake):
        main(dict(snakemake.input), dict(snakemake.params), dict(snakemake.output))
