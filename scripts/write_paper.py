"""Fill the numbers into a paper's text."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.paper_text import write_paper


def main(inputs: dict, outputs: dict) -> None:
    write_paper(*(Path(inputs[name]) for name in ("text", "values", "tables", "figures")), **outputs)


if "snakemake" in globals():
    with job(snakemake):
        text = str(snakemake.input.text[0] if isinstance(snakemake.input.text, list) else snakemake.input.text)
        main({**dict(snakemake.input), "text": text}, dict(snakemake.output))
