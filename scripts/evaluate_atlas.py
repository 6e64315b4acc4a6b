"""Compare the atlas with known kilns."""

from kilnscan.console import job
from kilnscan.corrections import corrected_reference
from kilnscan.detector import Detector
from kilnscan.evaluate import evaluate
from kilnscan.files import write_json
from kilnscan.tables import read_table

TABLES = ("kilns", "candidates", "acquired", "coverage", "detections")


def main(tables: dict[str, str], params: dict, path: str) -> None:
    loaded = {name: read_table(tables[name]) for name in TABLES}
    shift = (0.0, 0.0) if params["on_pixels"] else Detector.load(tables["model"], params["resolution_m"]).label_shift_m
    types = params["type_column"]
    known = corrected_reference(params["reference"], params["decisions"], types, shift)
    write_json(path, evaluate(**loaded, reference=known, distance_m=params["match_m"], type_column=types))


if "snakemake" in globals():
    with job(snakemake):
        main(dict(snakemake.input), dict(snakemake.params), snakemake.output.evaluation)
