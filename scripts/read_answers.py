"""Make one table of decisions of what people answered."""

from kilnscan.console import job
from kilnscan.decisions import decide, in_region, in_words, write_decisions
from kilnscan.grid import Tile
from kilnscan.review_answers import Source


def main(decisions: str, table: str, params: dict) -> None:
    known = in_region([Tile.from_spec(spec) for spec in params["tiles"]])
    sources = [Source(**answers, types=tuple(params["types"]), known=known) for answers in params["answers"]]
    decided = decide(answer for source in sources for answer in source.answers())
    write_decisions(decided, decisions, table)
    print(f"\nreview: {in_words(decided)}\n  {decisions}\n", flush=True)


if "snakemake" in globals():
    with job(snakemake):
        main(**snakemake.output, params=dict(snakemake.params))
