"""Draw the kilns and the land that people are asked to check, with pictures."""

from pathlib import Path

from kilnscan.check_pictures import write_check
from kilnscan.check_sample import draw_sample
from kilnscan.config_sure import Estimate
from kilnscan.console import job
from kilnscan.estimate_frame import acquired_units, held_chips
from kilnscan.files import read_json, write_json
from kilnscan.store import open_store
from kilnscan.tables import read_table


def main(inputs: dict, outputs: dict, params: dict) -> None:
    epsg = {spec["id"]: spec["epsg"] for spec in params["tiles"]}
    kilns, units = read_table(inputs["kilns"]), dict(zip(epsg, inputs["units"], strict=True))
    held = held_chips(kilns, read_table(inputs["boxes"]), epsg)
    acquired = acquired_units(units, read_json(inputs["sample"])["threshold"], held)
    sample = draw_sample(kilns, acquired, params["min_score"], Estimate(**params["estimate"]))
    imagery = [read_json(path) for path in inputs["imagery"]]
    write_check(sample, kilns, epsg, imagery, open_store(params["store"]), Path(outputs["table"]))
    write_json(outputs["check"], sample)


if "snakemake" in globals():
    with job(snakemake):
        main(dict(snakemake.input.items()), dict(snakemake.output.items()), dict(snakemake.params))
