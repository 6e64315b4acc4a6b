"""Print the plan, and what is left of the budget now."""

from pathlib import Path

from kilnscan.config import load_config
from kilnscan.console import job
from kilnscan.files import read_json
from kilnscan.plan import budget_words
from kilnscan.spending import Purse
from kilnscan.store import open_store


def main(plan: str, words: str, config: dict, store: str) -> None:
    settings = load_config(config)
    purse = Purse.of(settings.imagery, open_store(store), settings.region.name)
    print(f"\n{Path(words).read_text(encoding='utf-8')}")
    print(budget_words(read_json(plan), settings.imagery.budget, purse.spent() if purse else 0.0), flush=True)


if "snakemake" in globals():
    with job(snakemake):
        main(**snakemake.input, config=snakemake.config, store=snakemake.params.store)
