"""Write down what a paper is made from, and compare it with what it was frozen from."""

from kilnscan.console import job
from kilnscan.files import read_json, write_json
from kilnscan.paper_inputs import check_frozen, inputs_of


def main(scenes: list[str], params: dict, path: str) -> None:
    config = dict(params["config"])
    data = config.pop("data")
    now = inputs_of(config, [read_json(file) for file in scenes], params["files"], data)
    if params["frozen"]:
        check_frozen(now, read_json(params["frozen"]), params["frozen"])
    write_json(path, now)


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.input.scenes, dict(snakemake.params), snakemake.output.inputs)
