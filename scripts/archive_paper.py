"""Put a paper, its atlas, what they were made from and the workflow into one archive."""

from kilnscan.archive import groups_of, write_archive
from kilnscan.console import job
from kilnscan.files import read_json


def main(inputs: dict, params: dict, path: str) -> None:
    made = read_json(inputs["provenance"])
    about = params["about"] | made["kilnscan"] | {"packages": made["packages"]}
    about |= {"title": params["title"], "region": params["region"]}
    write_archive(path, groups_of(inputs, params), about)


if "snakemake" in globals():
    with job(snakemake):
        main(dict(snakemake.input), dict(snakemake.params), snakemake.output.archive)
