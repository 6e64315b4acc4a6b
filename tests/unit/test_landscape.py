"""The demo landscape: deterministic, shaped like real data, and with the kilns that the workflow must not lose."""

import json
from collections import Counter
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import rasterio
from shapely.geometry import shape

from kilnscan.landscape import SHEETS, Landscape, imagery, plan_landscape, write_scenes, write_sheet, write_truth
from kilnscan.landscape.features import to_lonlat
from kilnscan.landscape.kilns import spacing
from kilnscan.landscape.plan import CENTRE, area_of_interest

SMALL = {"seed": 3, "kilns": 9, "half_width_m": 700}
DEMO_REGION = Path(__file__).parents[2] / "config" / "regions" / "demo.geojson"


planned = cache(plan_landscape)


@pytest.fixture(scope="module")
def demo() -> Landscape:
    return planned(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes, truth and one sheet of a small landscape."""
    folder = tmp_path_factory.mktemp("landscape")
    landscape = planned(**SMALL)
    write_scenes(landscape, folder)
    write_truth(landscape, folder)
    write_sheet(landscape, "ne", folder / "ne.tif")
    return folder


@pytest.fixture(scope="module")
def items(folder: Path) -> list[dict]:
    return json.loads((folder / "catalog.json").read_text())["features"]


def decoded(folder: Path, item: dict, asset: str) -> tuple[np.ndarray, rasterio.Affine]:
    """Reflectance times 10 000 as a careful reader gets it: the offset is applied unless it has been already."""
    with rasterio.open(folder / item["assets"][asset]["href"]) as source:
        numbers = source.read(1).astype(int)
        transform = source.transform
    raster = item["assets"][asset]["raster:bands"][0]
    applied = item["properties"]["earthsearch:boa_offset_applied"]
    offset = 0 if applied else round(raster["offset"] / raster["scale"])
    return np.where(numbers == raster["nodata"], -1, numbers + offset), transform


def test_plan_has_the_kilns_it_promises(demo: Landscape) -> None:
    inside = [kiln for kiln in demo.kilns if demo.inside(kiln.x, kiln.y)]
    assert len(demo.kilns) == 72
    assert 60 <= len(inside) < 72  # some lie just outside the area of interest
    assert set(Counter(kiln.kiln_type for kiln in inside)) == {"FCBK", "zigzag", "clamp"}
    assert all(30 <= kiln.width <= kiln.length <= 126 for kiln in demo.kilns)
    assert all(max(abs(kiln.x), abs(kiln.y)) < 3_600 + 400 - kiln.length for kiln in demo.kilns)  # all are imaged


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kilns_stand_alone_in_pairs_and_in_clusters_but_never_on_each_other(seed: int) -> None:
    kilns = planned(seed).kilns
    nearest = spacing(kilns)
    assert nearest.min() >= 75
    assert (nearest < 150).sum() >= 8
    assert (nearest > 320).sum() >= 15
    boxes = [kiln.box for kiln in kilns]
    assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[:i])
    centres = np.array([(kiln.x, kiln.y) for kiln in kilns])
    within_560_m = (np.hypot(*(centres[:, None] - centres).T) < 560).sum(axis=1)  # a disc of 1 km2
    assert within_560_m.max() > 7


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kilns_lie_on_tile_borders_and_by_the_corner(seed: int) -> None:
    landscape = planned(seed)
    crossing = [
        kiln
        for kiln in landscape.kilns
        if kiln.box.bounds[0] < 0 < kiln.box.bounds[2] or kiln.box.bounds[1] < 0 < kiln.box.bounds[3]
    ]
    assert len(crossing) >= 6
    assert any(np.hypot(kiln.x, kiln.y) < 25 for kiln in landscape.kilns)
    edge = landscape.aoi.exterior
    assert sum(kiln.box.centroid.distance(edge) < 80 for kiln in landscape.kilns) >= 4


def test_another_seed_is_another_landscape(demo: Landscape) -> None:
    other = planned(2)
    assert {(kiln.x, kiln.y) for kiln in demo.kilns}.isdisjoint((kiln.x, kiln.y) for kiln in other.kilns)
    assert not np.array_equal(demo.palette.bare, other.palette.bare)


def test_too_many_kilns_are_refused() -> None:
    with pytest.raises(ValueError, match="No room for"):
        plan_landscape(1, kilns=400, half_width_m=700)


def test_demo_region_is_the_area_of_interest() -> None:
    collection = json.loads(DEMO_REGION.read_text())
    (feature,) = collection["features"]
    assert collection["crs"]["properties"]["name"].endswith("CRS84")
    assert feature["properties"]["synthetic"] is True
    assert shape(feature["geometry"]).equals(to_lonlat(area_of_interest(3_600)))


def test_same_seed_writes_identical_bytes(folder: Path, tmp_path: Path) -> None:
    landscape = plan_landscape(**SMALL)
    write_scenes(landscape, tmp_path)
    write_truth(landscape, tmp_path)
    write_sheet(landscape, "ne", tmp_path / "ne.tif")
    written = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(written) == 12 * 7 + 1 + 12 + 1
    assert written == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert [name for name in written if (folder / name).read_bytes() != (tmp_path / name).read_bytes()] == []


def test_labelled_ponds_are_water(demo: Landscape) -> None:
    middles = [outline.mean(axis=0) for outline in demo.ponds]
    codes = [demo.patches.rasterise(round(x / 0.5), round(-y / 0.5), 1, 1)[0, 0] for x, y in middles]
    pond = {demo.palette.ground("pond", variant) for variant in range(100)}
    assert len(middles) > 50 and np.isin(codes, list(pond)).mean() > 0.9  # trees hang over some


def test_items_look_like_earth_search(items: list[dict]) -> None:
    assert len(items) == 12
    for item in items:
        assert item["type"] == "Feature" and item["stac_version"] == "1.0.0"
        assert item["id"].startswith("SYN_") and item["collection"] == "sentinel-2-l2a"
        assert set(item["assets"]) == {"blue", "green", "red", "nir", "swir16", "swir22", "scl"}
        properties = item["properties"]
        datetime.fromisoformat(properties["datetime"])
        assert properties["kilnscan:synthetic"] is True
        assert properties["grid:code"] in ("MGRS-45QVA", "MGRS-45QVB")
        outline = shape(item["geometry"])
        assert outline.is_valid and item["bbox"] == pytest.approx(outline.bounds)
    assert len({item["properties"]["datetime"][:10] for item in items}) == 6


def test_items_describe_their_files(folder: Path, items: list[dict]) -> None:
    for item in items:
        for asset in item["assets"].values():
            with rasterio.open(folder / asset["href"]) as source:
                assert list(source.shape) == asset["proj:shape"]
                assert list(source.transform)[:6] == asset["proj:transform"]
                assert source.crs.to_epsg() == item["properties"]["proj:epsg"]
                assert (source.dtypes[0], source.nodata) == ("uint16", 0)
                assert source.tags()["SYNTHETIC"] == "yes"


def test_clouds_and_orbit_edges_are_told_truthfully(folder: Path, items: list[dict]) -> None:
    cover = [item["properties"]["eo:cloud_cover"] for item in items]
    assert sum(value > 60 for value in cover) == 2  # both granules of one date
    assert sum(value <= 25 for value in cover) == 10
    wedges = 0
    for item in items:
        with rasterio.open(folder / item["assets"]["scl"]["href"]) as source:
            scl = source.read(1)
        seen = scl > 0
        assert 100 * np.isin(scl, (8, 9, 10)).sum() / seen.sum() == pytest.approx(item["properties"]["eo:cloud_cover"])
        assert 100 * (~seen).mean() == pytest.approx(item["properties"]["s2:nodata_pixel_percentage"])
        red, _ = decoded(folder, item, "red")
        assert np.array_equal(red[::2, ::2] >= 0, seen)
        wedges += not seen.all()
    assert wedges >= 2


@pytest.mark.parametrize("asset", ["blue", "nir", "swir16"])
def test_all_offset_habits_decode_to_the_same_reflectance_where_granules_overlap(
    folder: Path, items: list[dict], asset: str
) -> None:
    habits = set()
    for south, north in zip(items[:6], items[6:], strict=True):  # sorted by id: 45QVA, then 45QVB
        assert south["properties"]["datetime"] == north["properties"]["datetime"]
        lower, at = decoded(folder, south, asset)
        upper, origin = decoded(folder, north, asset)
        rows = round((origin.f - at.f) / at.a)
        common = len(upper) - rows
        assert common * at.a >= 2_000
        assert np.array_equal(upper[rows:], lower[:common])
        assert upper.max() > 1_000 and np.median(upper) < 7_000
        for item in (south, north):
            band = item["assets"][asset]["raster:bands"][0]
            habits.add((item["properties"]["earthsearch:boa_offset_applied"], band["offset"]))
    assert habits == {(True, -0.1), (False, -0.1), (False, 0)}


def test_truth_lies_where_the_kilns_are(folder: Path) -> None:
    landscape = planned(**SMALL)
    features = json.loads((folder / "truth.geojson").read_text())["features"]
    assert len(features) == len(landscape.kilns)
    for name in ("truth", "schools", "areas", "villages", "clinics", "earlier", "ponds"):
        assert all(
            feature["properties"]["synthetic"] is True
            for feature in json.loads((folder / f"{name}.geojson").read_text())["features"]
        )
    for feature, kiln in zip(features, landscape.kilns, strict=True):
        assert feature["properties"]["kiln_type"] == kiln.kiln_type
        assert feature["properties"]["inside_aoi"] == landscape.inside(kiln.x, kiln.y)
        assert shape(feature["geometry"]).equals(to_lonlat(kiln.box))


def test_population_counts_the_villagers(folder: Path) -> None:
    with rasterio.open(folder / "population.tif") as source:
        people = source.read(1)
        assert source.crs.to_epsg() == 4326 and source.tags()["SYNTHETIC"] == "yes"
    assert people.dtype == np.float32 and people.min() >= 0
    assert people.sum() > sum(village.people for village in planned(**SMALL).villages) * 0.5


def test_sheet_is_half_metre_imagery_of_its_quarter(folder: Path) -> None:
    with rasterio.open(folder / "ne.tif") as source:
        assert source.dtypes == ("uint8",) * 3 and source.res == (0.5, 0.5) and source.crs.to_epsg() == 32645
        assert source.bounds == (CENTRE[0], CENTRE[1], CENTRE[0] + 1_100, CENTRE[1] + 1_100)
        assert source.tags()["SYNTHETIC"] == "yes" and source.overviews(1)
        assert source.read().std() > 20


def test_imagery_does_not_depend_on_the_window(demo: Landscape) -> None:
    x, y = CENTRE
    whole = imagery.render(demo, (x - 60, y - 60, x + 60, y + 60))
    part = imagery.render(demo, (x - 30, y - 40, x + 20, y + 10))
    differing = (whole[100:200, 60:160] != part).any(axis=2)  # PIL rounds a cut edge by its window: a pixel at most
    assert differing.mean() < 1e-3


def test_unknown_sheet_is_refused(demo: Landscape) -> None:
    assert SHEETS == ("nw", "ne", "sw", "se")
    with pytest.raises(ValueError, match="no sheet 'middle'"):
        imagery.sheet_bounds(demo, "middle")


def test_scenes_and_imagery_agree(folder: Path, items: list[dict]) -> None:
    """Where the imagery is bright in the clear scene of 17 February, so is the scene."""
    (item,) = (item for item in items if item["id"] == "SYN_45QVB_20240217_0_L2A")
    red, transform = decoded(folder, item, "red")
    column, row = (round(value) for value in ~transform @ (CENTRE[0], CENTRE[1] + 1_100))
    with rasterio.open(folder / "ne.tif") as source:
        bright = source.read(1, out_shape=(110, 110), resampling=rasterio.enums.Resampling.average)
    assert np.corrcoef(red[row : row + 110, column : column + 110].ravel(), bright.ravel())[0, 1] > 0.9
