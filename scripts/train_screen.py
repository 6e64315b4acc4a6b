"""Grow the screen's forest from labelled regions and write its card."""

from kilnscan.cards import screen_card
from kilnscan.console import job
from kilnscan.files import write_text
from kilnscan.recall import train
from kilnscan.train_screen import Region, Settings
from kilnscan.training import corrected_labels, screen_reader


def main(regions: list[dict], config: dict, model: str, card: str, threads: int) -> None:
    sources = [
        Region(region["name"], screen_reader(region, config["bands"]), *corrected_labels(region)) for region in regions
    ]
    how = {key: config[key] for key in ("seed", "target_recall", "kiln_weight", "rounds")}
    forest = train(sources, Settings(**how), jobs=threads)
    forest.save(model)
    write_text(card, screen_card(forest, model, config["description"]))


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.params.regions, snakemake.params.train, **snakemake.output, threads=snakemake.threads)
