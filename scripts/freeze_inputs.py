"""Write down what a paper is made from, and compare it with what it was frozen from."""

from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.paper_inputs import check_frozen, inputs_of, read_named


def main(scenes: list[str], files: list[str], params: dict, path: str) -> None:
    config = dict(params["config"])
    data = config.pop("data")
    named = dict(zip(params["files"], files, strict=True))
    now = inputs_of(config, [read_json(file) for file in scenes], named, data)
    if params["frozen"]:
        check_frozen(now, read_named(params["frozen"], "paper.frozen"), params["frozen"])
    write_json(path, now)


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.input.scenes, list(snakemake.input.files), dict(snakemake.params), snakemake.output.inputs)
