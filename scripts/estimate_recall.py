"""Estimate the screen's recall from the sample of rejected land."""

from kilnscan.audit import estimate, in_words, looked_at
from kilnscan.audit_answers import sample_counts
from kilnscan.audit_curve import chip_scores_of_kilns, write_curve
from kilnscan.audit_units import read_units
from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.grid import Tile
from kilnscan.tables import read_table


def main(inputs: dict, recall: str, curve: str, picture: str, params: dict) -> None:
    drawn, units = read_json(inputs["sample"]), read_units(inputs["units"])
    how = inputs["detections"], inputs["imagery"], params["atlas"], params["answers"]
    chips = sample_counts(drawn["chips"], *how)
    tiles = [Tile.from_spec(spec) for spec in params["tiles"]]
    found = chip_scores_of_kilns(read_table(inputs["kilns"]), units, tiles, drawn["threshold"])
    result = estimate(units[units["own"]], found, looked_at(drawn["strata"], chips), drawn["threshold"])
    write_json(recall, {"looked_at_by": "person" if params["answers"] else "detector", **result})
    write_curve(result, curve, picture)
    print(f"\n{in_words(result)}\n  {recall}, curve.csv, curve.svg\n", flush=True)


if "snakemake" in globals():
    with job(snakemake):
        main(dict(snakemake.input.items()), **snakemake.output, params=dict(snakemake.params))
