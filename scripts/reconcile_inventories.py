"""Lay other inventories beside the atlas: who has which kiln, and how many all of them lack."""

from kilnscan.console import job
from kilnscan.files import replacing, write_json
from kilnscan.inventories import side_by_side
from kilnscan.inventory_words import in_words
from kilnscan.tables import read_table, write_table


def main(kilns: str, coverage: str, outputs: dict[str, str], params: dict) -> None:
    table, cells, rejected, record = side_by_side(read_table(kilns), read_table(coverage), params)
    write_table(outputs["table"], table)
    write_table(outputs["cells"], cells)
    with replacing(outputs["rejected"]) as temporary:
        rejected.to_csv(temporary, index=False)
    write_json(outputs["record"], record)
    print(f"\n{in_words(record)}\n  {outputs['record']}, {outputs['table']}\n", flush=True)


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.input.kilns, snakemake.input.coverage, dict(snakemake.output.items()), dict(snakemake.params))
