"""Estimate how many kilns there are, by area and in all, with intervals."""

from kilnscan.console import job
from kilnscan.estimate_report import in_words, report
from kilnscan.files import write_json
from kilnscan.tables import write_table

LISTS = ("units", "detections", "imagery", "decisions")


def main(inputs: dict, table: str, record: str, params: dict) -> None:
    areas, told = report(inputs, params)
    write_table(table, areas)
    write_json(record, told)
    print(f"\n{in_words(told)}\n  {record}, {table}\n", flush=True)


if "snakemake" in globals():
    with job(snakemake):
        files = dict(snakemake.input.items())
        files |= {name: [files[name]] if isinstance(files.get(name), str) else files.get(name, []) for name in LISTS}
        main(files, **snakemake.output, params=dict(snakemake.params))
