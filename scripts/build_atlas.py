"""Merge the detections of all tiles into kilns and write the ledger."""

from kilnscan.atlas import build_atlas
from kilnscan.console import job
from kilnscan.tables import write_table


def main(inputs: dict[str, list[str]], outputs: dict[str, str], settings: dict) -> None:
    tables = build_atlas(inputs, settings)
    for name, path in outputs.items():
        write_table(path, tables[name])


if "snakemake" in globals():
    with job(snakemake):
        main(
            {name: list(paths) for name, paths in snakemake.input.items()},
            dict(snakemake.output),
            dict(snakemake.params),
        )
