"""Write the GeoPackage, the GeoParquet, the map and their provenance."""

from kilnscan.console import job
from kilnscan.products import MORE, TABLES, publish_atlas
from kilnscan.store import open_store

LISTS = ("scenes", "imagery", "quicklooks", "evaluation", "impact", "siting", "orders", "estimate", *MORE)


def main(inputs: dict, outputs: dict, params: dict) -> None:
    publish_atlas(inputs, outputs, params["config"], params["models"], open_store(params["store"]))


def _files(value: object) -> list[str]:
    """Files of a named input, of which Snakemake gives one as text and several as a list."""
    return [value] if isinstance(value, str) else list(value or [])


if "snakemake" in globals():
    with job(snakemake):
        inputs = {name: snakemake.input[name] for name in (*TABLES, "facts")}
        inputs |= {name: _files(snakemake.input.get(name)) for name in LISTS}
        main(inputs, dict(snakemake.output), dict(snakemake.params))
