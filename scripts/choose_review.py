"""Choose the windows most worth a person's time and lay them out for labelling tools."""

from pathlib import Path

from kilnscan.config import Atlas
from kilnscan.console import job
from kilnscan.corrections import answered_windows, corrected_reference
from kilnscan.files import read_json
from kilnscan.grid import Tile
from kilnscan.review import choose
from kilnscan.review_layouts import write_review
from kilnscan.tables import concat_tables, read_table


def main(inputs: dict[str, list[str]], table: str, params: dict) -> None:
    tables = concat_tables(inputs["detections"]), read_table(inputs["candidates"][0])
    known = corrected_reference(params["reference"], params["decisions"]) if params["reference"] else None
    imagery, tiles = [read_json(path) for path in inputs["imagery"]], [Tile.from_spec(spec) for spec in params["tiles"]]
    how = {"match_m": params["match_m"], "most": params["most"], "answered": answered_windows(inputs["answers"])}
    chosen = choose(*tables, known, tiles, imagery, Atlas(**params["atlas"]), params["types"], **how)
    write_review(Path(table).parent, *chosen, imagery, Path(params["store"]), params["types"], params["pictures"])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        inputs = {name: list(snakemake.input.get(name)) for name in ("detections", "candidates", "imagery", "answers")}
        main(inputs, snakemake.output.table, dict(snakemake.params))
