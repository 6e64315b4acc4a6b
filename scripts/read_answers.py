"""Make one table of decisions of what people answered."""

from kilnscan.console import job
from kilnscan.decisions import decide, in_region, write_decisions
from kilnscan.grid import Tile
from kilnscan.review_answers import Source


def main(decisions: str, table: str, params: dict) -> None:
    known = in_region([Tile.from_spec(spec) for spec in params["tiles"]])
    sources = [Source(**answers, types=tuple(params["types"]), known=known) for answers in params["answers"]]
    write_decisions(decide(answer for source in sources for answer in source.answers()), decisions, table)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(**snakemake.output, params=dict(snakemake.params))
