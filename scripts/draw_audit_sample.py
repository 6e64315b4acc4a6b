"""Draw a stratified random sample of the chips that the screen rejects."""

import pandas as pd

from kilnscan.audit import draw, strata_edges, strata_names, stratum_of
from kilnscan.audit_units import join_units
from kilnscan.console import job
from kilnscan.files import write_json
from kilnscan.forest import Forest


def main(units: list[str], model: str, sample: str, threshold: float | None, size: int, seed: int) -> None:
    threshold = Forest.load(model).operating_point if threshold is None else threshold
    table = join_units([pd.read_parquet(path) for path in units])
    table = table[table["own"]]
    number = stratum_of(table, threshold)
    names = strata_names(threshold)
    strata = [
        {"name": name, "low": low, "chips": int((number == stratum).sum())}
        for stratum, (name, low) in enumerate(zip(names, [0.0, 0.0, *strata_edges(threshold)[:-1]], strict=True))
    ]
    chips = draw(table, threshold, size, seed)[["epsg", "i", "j", "stratum"]].to_dict("records")
    write_json(sample, {"threshold": threshold, "strata": strata, "chips": chips})


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            list(snakemake.input.units),
            snakemake.input.model,
            snakemake.output.sample,
            snakemake.params.threshold,
            snakemake.params.size,
            snakemake.params.seed,
        )
