"""Read other sources of pollution into one table, and list what could not be used."""

import logging

from kilnscan.config_impact import Source
from kilnscan.console import job
from kilnscan.files import replacing
from kilnscan.sources import read_source_files
from kilnscan.tables import write_table


def main(configs: list[dict], sources: str, rejected: str) -> None:
    table, refused, files = read_source_files([Source.model_validate(config) for config in configs])
    write_table(sources, table)
    with replacing(rejected) as temporary:
        refused.to_csv(temporary, index=False)
    for row in files.itertuples():
        words = f"{row.file}: {row.sources} sources of {row.rows} rows, {row.merged} merged, {row.rejected} rejected"
        logging.getLogger("kilnscan").info(words)
    if len(refused):
        print(
            f"\nsources: {len(table)} kept, {len(refused)} row(s) rejected, each with its reason: {rejected}\n",
            flush=True,
        )


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.params.sources, **snakemake.output)
