"""Draw a stratified random sample of the chips that the screen rejects."""

from kilnscan.audit import draw, strata_of
from kilnscan.audit_units import read_units
from kilnscan.console import job
from kilnscan.files import write_json
from kilnscan.forest import Forest


def main(units: list[str], model: str, sample: str, threshold: float | None, size: int, seed: int) -> None:
    threshold = Forest.load(model).operating_point if threshold is None else threshold
    table = read_units(units)
    table = table[table["own"]]
    chips = draw(table, threshold, size, seed)[["epsg", "i", "j", "stratum"]].to_dict("records")
    write_json(sample, {"threshold": threshold, "strata": strata_of(table, threshold), "chips": chips})


if "snakemake" in globals():
    with job(snakemake):
        main(
            list(snakemake.input.units),
            snakemake.input.model,
            snakemake.output.sample,
            snakemake.params.threshold,
            snakemake.params.size,
            snakemake.params.seed,
        )
