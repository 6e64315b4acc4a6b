"""Write down what a paper is made from, and compare it with what it was frozen from."""

import logging
import sys

from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.paper_inputs import for_the_record, inputs_of, same_as_frozen


def main(scenes: list[str], files: list[str], params: dict, path: str) -> None:
    config = dict(params["config"])
    data = config.pop("data")
    named = dict(zip(params["files"], files, strict=True))
    now = inputs_of(config, [read_json(file) for file in scenes], named, data)
    if params["frozen"]:
        other = same_as_frozen(now, params["frozen"], path)
        if other:
            logging.getLogger("kilnscan").warning(other)
            print(f"kilnscan: {other}", file=sys.stderr)
    write_json(path, for_the_record(now))


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.input.scenes, list(snakemake.input.files), dict(snakemake.params), snakemake.output.inputs)
