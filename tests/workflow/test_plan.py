"""The plan is made before anything is acquired, and a budget is kept."""

import json
import shutil

from tests.workflow.test_bad_network import tables


def test_the_plan_needs_no_imagery_and_makes_orders(project):
    shutil.rmtree(project.folder / "results" / "imagery")
    said = project.snakemake("plan")
    assert "candidates need" in said and "up42-triplesat" in said
    assert not (project.folder / "results" / "imagery").exists()
    folder = project.folder / "results/small/plan"
    plan = json.loads((folder / "plan.json").read_text())
    assert plan["chips"] > 0 and plan["products"][0]["price"] <= plan["products"][0]["one_by_one"]
    for product in plan["products"]:
        features = json.loads((folder / "orders" / f"{product['product']}.geojson").read_text())["features"]
        assert len(features) == product["orders"]
    assert "candidates need" in project.snakemake("plan"), "it is printed again though nothing has changed"


def test_a_budget_stops_acquisition_before_it_is_passed_and_loses_nothing(finished, project):
    shutil.rmtree(project.folder / "results" / "imagery")
    for record in (project.folder / "results/small/tiles").glob("*/imagery.json"):
        record.unlink()
    project.configure(imagery={"price_per_km2": 100, "budget": 60})
    said = project.snakemake("--keep-going", check=False)
    assert "The budget of 60.00 EUR would be passed" in said and "Traceback" not in said
    bought = {path: path.stat().st_mtime_ns for path in (project.folder / "results/imagery").glob("*.tif")}
    assert bought, "what the budget allowed was bought"
    project.configure(imagery={"budget": 10_000})
    project.snakemake()
    assert all(path.stat().st_mtime_ns == time for path, time in bought.items()), "and is not bought again"
    assert tables(project) == tables(finished)
    plan = project.snakemake("plan")
    assert "Budget: 10,000.00 EUR, 69.12 spent so far; enough." in plan
