"""Tell of every kiln what it emits, who is near and which rules it keeps, and sum it up by area."""

import logging

from kilnscan.console import job
from kilnscan.files import replacing, write_json
from kilnscan.impact import assess
from kilnscan.tables import read_table, write_table


def main(kilns: str, coverage: str, outputs: dict[str, str], config: dict) -> None:
    told, siting, areas, facts = assess(read_table(kilns), read_table(coverage), config)
    write_table(outputs["kilns"], told)
    write_table(outputs["areas"], areas)
    with replacing(outputs["siting"]) as temporary:
        siting.to_parquet(temporary, index=False, compression="zstd")
    write_json(outputs["facts"], facts)
    for note in facts["notes"]:
        logging.getLogger("kilnscan").warning(note)


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.input.kilns, snakemake.input.coverage, dict(snakemake.output), snakemake.params.config)
