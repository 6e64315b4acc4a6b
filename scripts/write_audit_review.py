"""Write the sample as a list with pictures, for a person to fill in."""

from pathlib import Path

import pandas as pd

from kilnscan.audit_review import write_review
from kilnscan.console import job
from kilnscan.files import read_json
from kilnscan.store import open_store


def main(sample: str, imagery: list[str], review: str, store: str) -> None:
    drawn = read_json(sample)
    chips = pd.DataFrame(drawn["chips"], columns=["epsg", "i", "j", "stratum"])
    names = [stratum["name"] for stratum in drawn["strata"]]
    write_review(chips, names, [read_json(path) for path in imagery], open_store(store), Path(review))


if "snakemake" in globals():
    with job(snakemake):
        main(
            snakemake.input.sample,
            list(snakemake.input.imagery),
            snakemake.output.review,
            snakemake.params.store,
        )
