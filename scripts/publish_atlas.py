"""Write the GeoPackage, the GeoParquet, the map and their provenance."""

from kilnscan.console import job
from kilnscan.products import publish_atlas
from kilnscan.store import open_store


def main(inputs: dict, outputs: dict, params: dict) -> None:
    publish_atlas(inputs, outputs, params["config"], params["models"], open_store(params["store"]))


if "snakemake" in globals():
    with job(snakemake):
        lists = ("scenes", "imagery", "quicklooks", "evaluation")
        inputs = {name: snakemake.input[name] for name in ("kilns", "candidates", "acquired", "coverage")}
        inputs |= {name: list(snakemake.input.get(name) or []) for name in lists}
        main(inputs, dict(snakemake.output), dict(snakemake.params))
