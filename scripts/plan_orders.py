"""Plan what the second stage would cost, and the orders of each product."""

from pathlib import Path

from kilnscan.config_imagery import Imagery, Plan
from kilnscan.console import job
from kilnscan.detector import Detector
from kilnscan.files import replacing, write_json, write_text
from kilnscan.plan import make_plan, need_of, plan_words
from kilnscan.store import open_store
from kilnscan.tables import read_table


def main(candidates: list[str], model: str, output: dict, params: dict) -> None:
    config, imagery = Plan.model_validate(params["plan"]), Imagery.model_validate(params["provider"])
    need = need_of([read_table(path) for path in candidates], config.owned_files, params["area_km2"])
    detector = Detector.load(model, params["resolution_m"])
    plan, orders, polygons = make_plan(need, config, imagery, detector, open_store(params["store"]))
    for product, table in polygons.items():
        with replacing(Path(output["folder"]) / f"{product}.geojson") as temporary:
            table.to_file(temporary, driver="GeoJSON", engine="pyogrio", RFC7946="YES")
    with replacing(output["table"]) as temporary:
        orders.to_csv(temporary, index=False)
    write_json(output["plan"], plan)
    write_text(output["words"], plan_words(plan, Path(output["plan"]).parent))


if "snakemake" in globals():
    with job(snakemake):
        main(
            list(snakemake.input.candidates),
            snakemake.input.model,
            dict(snakemake.output.items()),
            dict(snakemake.params.items()),
        )
