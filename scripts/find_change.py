"""Tell what became of each kiln since earlier atlases."""

from kilnscan.change import compare
from kilnscan.change_report import write_report
from kilnscan.console import job
from kilnscan.files import write_json
from kilnscan.tables import write_table


def main(inputs: dict[str, str], outputs: dict[str, str], params: dict) -> None:
    table, sums = compare(inputs, params)
    write_table(outputs["change"], table)
    write_json(outputs["sums"], sums)
    write_report(outputs["report"], table, sums, params["title"])


if "snakemake" in globals():
    with job(snakemake):
        inputs = {name: str(path) for name, path in snakemake.input.items()}  # an empty list becomes empty text
        main(inputs, dict(snakemake.output), dict(snakemake.params))
