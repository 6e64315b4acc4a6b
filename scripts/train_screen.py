"""Grow the screen's forest from labelled regions and write its card."""

from kilnscan.cards import screen_card
from kilnscan.console import job
from kilnscan.files import write_text
from kilnscan.train_screen import Region, Settings, train
from kilnscan.training import region_labels, screen_reader


def main(regions: list[dict], config: dict, model: str, card: str, threads: int) -> None:
    sources = [
        Region(region["name"], screen_reader(region, config["bands"]), region_labels(region)) for region in regions
    ]
    forest = train(sources, Settings(seed=config["seed"]), jobs=threads)
    forest.save(model)
    write_text(card, screen_card(forest, model, config["description"]))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(snakemake.params.regions, snakemake.params.train, **snakemake.output, threads=snakemake.threads)
