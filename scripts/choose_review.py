"""Choose the windows most worth a person's time and lay them out for labelling tools."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.corrections import answered_windows, corrected_reference
from kilnscan.detector import Detector
from kilnscan.files import read_json
from kilnscan.review import choose
from kilnscan.review_layouts import write_review
from kilnscan.store import open_store
from kilnscan.tables import read_table


def main(inputs: dict, table: str, params: dict) -> None:
    tables = read_table(inputs["detections"]), read_table(inputs["candidates"])
    imagery = [read_json(path) for path in inputs["imagery"]]
    shift = (0.0, 0.0) if params["on_pixels"] else Detector.load(inputs["model"], params["resolution_m"]).label_shift_m
    settings, told = params | {"shift_m": shift}, (params["decisions"], params["type_column"], shift)
    known = corrected_reference(params["reference"], *told) if params["reference"] else None
    chosen = choose(*tables, known, imagery, settings, answered_windows(inputs["answers"]))
    store = open_store(params["store"])
    write_review(Path(table).parent, *chosen, imagery, store, params["types"], params["pictures"])
    print(f"\nreview: {len(chosen[0])} windows to look at; docs/review.md tells how\n  {table}\n", flush=True)


if "snakemake" in globals():
    with job(snakemake):
        main(dict(snakemake.input.items()), snakemake.output.table, dict(snakemake.params))
