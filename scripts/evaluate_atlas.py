"""Compare the atlas with known kilns."""

from kilnscan.console import job
from kilnscan.evaluate import evaluate
from kilnscan.files import write_json
from kilnscan.tables import read_table, read_vector


def main(tables: dict[str, str], reference: list[str], match_m: float, path: str) -> None:
    loaded = {name: read_table(tables[name]) for name in ("kilns", "candidates", "acquired", "coverage")}
    write_json(path, evaluate(**loaded, reference=read_vector(reference, "reference"), distance_m=match_m))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(dict(snakemake.input), snakemake.params.reference, snakemake.params.match_m, snakemake.output.evaluation)
