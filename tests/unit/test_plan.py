"""The plan says what the second stage would cost, and its prices come from a table that is checked."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kilnscan.config_imagery import Imagery, Plan
from kilnscan.detector import Detector
from kilnscan.errors import ConfigError
from kilnscan.lattice import CHIP_M
from kilnscan.plan import budget_words, make_plan, need_of, plan_words
from kilnscan.prices import TABLE, read_prices
from kilnscan.store import Folder

STORE = Folder(Path("nowhere"))
HEAD = "product,title,resolution_m,price_per_km2,currency,min_km2,max_km2,max_vertices,source,read_on"
LINE = "a,A,0.5,10,EUR,5,,999,https://a.example,2026-01-01"


@pytest.fixture(scope="module")
def detector():
    return Detector.load("models/demo-detector.onnx")


def candidates(*places, epsg=32643):
    """Squares of 60 m around places in metres."""
    shapes = [shapely.box(x - 30, y - 30, x + 30, y + 30) for x, y in places]
    return gpd.GeoDataFrame(geometry=np.array(shapes, dtype=object), crs=epsg)


def table(tmp_path, *lines, head=HEAD):
    path = tmp_path / "prices.csv"
    path.write_text("\n".join([head, *lines]) + "\n")
    return str(path)


def test_the_plan_compares_orders_with_one_by_one_and_wall_to_wall(tmp_path, detector):
    near = candidates((500_000, 3_000_000), (500_900, 3_000_000))  # on vertices of the lattice: four chips each
    need = need_of([near], [], area_km2=100)
    config = Plan(prices=table(tmp_path, LINE))
    plan, orders, polygons = make_plan(need, config, Imagery(), detector, STORE)
    assert (plan["candidates"], plan["owned_chips"]) == (2, 0)
    (product,) = plan["products"]
    assert product["orders"] == len(orders) == len(polygons["a"]) == 1
    assert product["price"] == 50 and product["one_by_one"] == 100 and product["wall_to_wall"] == 1000
    assert orders["candidates"].tolist() == [2]
    assert polygons["a"].crs.to_epsg() == 4326
    metres = polygons["a"].to_crs(32643).area.sum()
    assert metres == pytest.approx(orders["km2"].sum() * 1e6, rel=1e-5)
    assert "50 EUR" in plan_words(plan, "results/x/plan")


def test_what_is_owned_is_not_ordered_again(tmp_path, detector):
    both = candidates((500_000, 3_000_000), (540_000, 3_000_000))
    config = Plan(prices=table(tmp_path, LINE))
    _, _, polygons = make_plan(need_of([both.iloc[:1]], [], 100), config, Imagery(), detector, STORE)
    polygons["a"].to_file(tmp_path / "bought.geojson", engine="pyogrio", RFC7946="YES")
    need = need_of([both], [str(tmp_path / "bought.geojson")], 100)
    assert len(need.owned[32643]) == len(need.chips[32643]) == 4
    plan, *_ = make_plan(need, config, Imagery(), detector, STORE)
    assert plan["products"][0]["one_by_one"] == 50, "what is owned would not be ordered one by one either"


def test_tiles_of_two_zones_share_a_plan_and_not_an_order(tmp_path, detector):
    tables = [candidates((500_000, 3_000_000)), candidates((500_000, 3_000_000), epsg=32644)]
    plan, orders, _ = make_plan(
        need_of(tables, [], 100), Plan(prices=table(tmp_path, LINE)), Imagery(), detector, STORE
    )
    assert plan["chips"] == 8 and len(orders) == 2 and orders["order"].tolist() == [1, 2]


def test_tiles_that_share_a_window_pay_for_it_once():
    tables = [candidates((500_000, 3_000_000)), candidates((500_010, 3_000_000))]
    need = need_of(tables, [], 100)
    assert len(need.chips[32643]) == 4 and need.windows == 1 and need.single == [4, 4]


def test_a_region_without_candidates_costs_nothing(tmp_path, detector):
    config = Plan(prices=table(tmp_path, LINE))
    plan, orders, polygons = make_plan(need_of([candidates()], [], 100), config, Imagery(), detector, STORE)
    assert plan["chips"] == 0 and not len(orders) and not len(polygons["a"])
    assert plan["products"][0]["price"] == plan["products"][0]["least"] == 0
    assert "0 candidates" in plan_words(plan, "x")


@pytest.mark.parametrize(
    ("budget", "spent", "said"),
    [(None, 0, ""), (10, 0, "; enough."), (10, 6, "enough if what was spent"), (1, 0, "NOT enough")],
)
def test_the_plan_says_whether_the_budget_will_do(tmp_path, detector, budget, spent, said):
    need = need_of([candidates((500_000, 3_000_000))], [], 100)
    rights = {"licence": "L", "attribution": "A"}
    imagery = Imagery(provider="cog", paths="bought/*.tif", price_per_km2=50, **rights)
    plan, *_ = make_plan(need, Plan(prices=table(tmp_path, LINE)), imagery, detector, STORE)
    assert plan["run"]["price"] == round(4 * CHIP_M**2 / 1e6 * 50, 2) == 5.12
    assert said in budget_words(plan, budget, spent)


def test_the_shipped_table_is_sound():
    products = read_prices(None, [])
    assert len(products) >= 5 and all(product.source.startswith("https://") for product in products)
    assert TABLE.name == "imagery_prices.csv"


@pytest.mark.parametrize(
    ("lines", "wanted", "said"),
    [
        ([LINE, LINE], [], "Line 3 .* names a again"),
        ([LINE.replace(",10,", ",-10,")], [], "Line 2 .* column price_per_km2"),
        ([LINE.replace(",10,", ",nan,")], [], "column price_per_km2"),
        ([LINE.replace("EUR", "euros")], [], "column currency"),
        ([LINE.replace("a,A", "../a,A")], [], "column product"),
        ([LINE], ["b"], "names b, .* holds a: check the spelling"),
        ([], [], "holds no product"),
    ],
)
def test_a_wrong_table_is_refused_in_one_sentence(tmp_path, lines, wanted, said):
    with pytest.raises(ConfigError, match=said):
        read_prices(table(tmp_path, *lines), wanted)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"plan\.prices"):
        read_prices(tmp_path / "none.csv", [])


def test_orders_are_written_as_portals_read_them(tmp_path, detector):
    config = Plan(prices=table(tmp_path, LINE))
    need = need_of([candidates((500_000, 3_000_000))], [], 100)
    _, _, polygons = make_plan(need, config, Imagery(), detector, STORE)
    polygons["a"].to_file(tmp_path / "a.geojson", driver="GeoJSON", engine="pyogrio", RFC7946="YES")
    (feature,) = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert feature["geometry"]["type"] == "Polygon" and len(feature["geometry"]["coordinates"]) == 1
    assert all(len(position) == 2 for position in feature["geometry"]["coordinates"][0])
