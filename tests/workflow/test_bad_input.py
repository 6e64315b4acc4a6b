"""Bad input ends a run with one sentence that names the thing, and leaves nothing half-written."""

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import yaml
from rasterio.transform import from_origin


def no_litter(project):
    """No temporary file is left anywhere in the results."""
    return not [path for path in (project.folder / "results").rglob(".*") if path.name != ".snakemake_timestamp"]


def sentence(said):
    """The sentence a user reads."""
    lines = [line for line in said.splitlines() if line.startswith("kilnscan: ")]
    assert lines, said
    return lines[0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"screen": {"treshold": 0.4}}, "`screen.treshold` is not a key"),
        ({"region": {"aoi": "gone.geojson"}}, "gone.geojson does not exist"),
        ({"region": {"aoi": None}}, "aoi is missing"),
        ({"reference": {"path": "gone.geojson"}}, "`reference.path` names gone.geojson"),
        ({"imagery": {"paths": ["gone.tif"]}}, "`imagery.paths` names gone.tif"),
        ({"screen": {"model": "gone.npz"}}, "`screen.model` names gone.npz"),
        ({"detect": {"model": "gone.onnx"}}, "`detect.model` names gone.onnx"),
        ({"public": {"columns": ["id", "chip"]}}, "chip would tell where a kiln stands"),
        ({"map": {"languages": ["en", "fr"]}}, "there is no dictionary"),
    ],
)
def test_a_wrong_configuration_is_refused_before_anything_runs(project, changes, says):
    project.configure(**changes)
    assert says in sentence(project.snakemake(check=False))


def test_a_self_intersecting_area_is_refused(project):
    bow = shapely.Polygon([(86.5, 18.9), (86.6, 19.0), (86.6, 18.9), (86.5, 19.0)])
    gpd.GeoDataFrame(geometry=[bow], crs=4326).to_file(project.folder / "area.geojson")
    assert "Self-intersection" in sentence(project.snakemake(check=False))


@pytest.mark.parametrize(
    ("file", "says"),
    [("models/demo-screen.npz", "demo-screen.npz"), ("models/demo-detector.onnx", "demo-detector.onnx")],
)
def test_a_truncated_model_is_named_and_a_good_one_completes_the_run(project, file, says):
    path = project.folder / file
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert says in sentence(project.snakemake(check=False))
    assert no_litter(project)
    path.write_bytes(whole)
    project.snakemake()
    assert project.jobs() == {}


def test_a_reference_without_geometry_is_named(project):
    path = project.folder / "input" / "truth.geojson"
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": None}]})
    )
    assert "truth.geojson has no geometry" in sentence(project.snakemake(check=False))


def test_a_damaged_chip_is_named_with_the_remedy(project):
    chip = next((project.folder / "results" / "imagery").glob("*.tif"))
    chip.write_bytes(chip.read_bytes()[:100])
    said = sentence(project.snakemake("--forcerun", "detect", check=False))
    assert chip.name in said and "delete it and run" in said
    chip.unlink()
    project.snakemake("--forcerun", "imagery")
    assert project.jobs() == {}


@pytest.fixture
def composite(project):
    """Write a composite and a region file that consists of nothing else; the path of the composite."""

    def write(crs="EPSG:32645", bands=3):
        path = project.folder / "rgb.tif"
        pixels = np.random.default_rng(0).integers(1, 200, (bands, 96, 96)).astype(np.uint8)
        profile = {"driver": "GTiff", "dtype": "uint8", "count": bands, "height": 96, "width": 96}
        with rasterio.open(path, "w", crs=crs, transform=from_origin(450_000, 2_100_000, 10, 10), **profile) as target:
            target.write(pixels)
        config = {"region": {"name": "own"}, "sentinel2": {"source": "mosaic", "path": "rgb.tif"}}
        (project.folder / "region.yaml").write_text(yaml.safe_dump(config))
        return path

    return write


def test_a_region_file_of_two_keys_runs_on_any_composite(project, composite):
    composite()
    project.snakemake()
    assert (project.folder / "results/own/atlas/kilns.gpkg").is_file()
    assert (project.folder / "results/own/site/index.html").is_file()
    assert project.jobs() == {}


@pytest.mark.parametrize(
    ("kwargs", "says"), [({"crs": None}, "has no CRS"), ({"bands": 2}, r"2 band(s) where 3 are needed")]
)
def test_a_composite_that_cannot_be_used_is_refused(project, composite, kwargs, says):
    composite(**kwargs)
    assert says in sentence(project.snakemake(check=False))


def test_a_composite_with_a_corrupt_block_is_named_and_a_whole_one_completes_the_run(project, composite):
    path = composite()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "rgb.tif is damaged" in sentence(project.snakemake(check=False))
    assert no_litter(project)
    path.write_bytes(whole)
    project.snakemake()


def test_an_area_off_the_composite_is_refused(project, composite):
    composite()
    project.configure(region={"name": "own", "aoi": [10, 10, 11, 11]})
    assert "lies off the composite" in sentence(project.snakemake(check=False))
