"""Put the tiles' tables of activity together."""

import pandas as pd

from kilnscan.activity import COLUMNS
from kilnscan.console import job
from kilnscan.files import replacing


def main(paths: list[str], path: str) -> None:
    tables = [table for table in map(pd.read_parquet, paths) if len(table)]
    whole = pd.concat(tables) if tables else pd.DataFrame({name: [] for name in COLUMNS})
    whole = whole.astype(COLUMNS).sort_values(["kiln", "date"])
    with replacing(path) as temporary:
        whole.to_parquet(temporary, index=False, compression="zstd")


if "snakemake" in globals():
    with job(snakemake):
        main(list(snakemake.input), snakemake.output.activity)
