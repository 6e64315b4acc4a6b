"""Report what a run has cost so far."""

from kilnscan.config import load_config
from kilnscan.console import job
from kilnscan.cost import cost_report
from kilnscan.footprint.files import contents
from kilnscan.footprint.words import table_words
from kilnscan.spending import Purse
from kilnscan.store import open_store


def main(folder: str, store: str, area_km2: float, needed: list[str], config: dict, prefix: str) -> None:
    settings = load_config(config)
    purse = Purse.of(settings.imagery, open_store(store), settings.region.name)
    report = cost_report(folder, settings, area_km2, purse.spent() if purse else 0.0, needed, prefix)
    for name, content in contents(report).items():
        open_store(f"{folder}/footprint").put(name, content)
    print(f"\n{table_words(report)}\nThe whole report: {folder}/footprint/report.html\n", flush=True)


if "snakemake" in globals():
    with job(snakemake):
        # a workflow that takes kilnscan in as a module may call every rule by a prefix
        main(**snakemake.params, config=snakemake.config, prefix=snakemake.rule.removesuffix("footprint"))
