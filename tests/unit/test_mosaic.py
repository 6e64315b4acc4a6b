"""Composites in any CRS are read exactly, and those that cannot be placed are refused."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from kilnscan.errors import ImageryError
from kilnscan.features import compute_features
from kilnscan.mosaic import open_mosaic, read_mosaic
from kilnscan.reader import MosaicReader

RGB = ["B04", "B03", "B02"]


def noise(bands=3, side=400, dtype=np.uint8):
    return np.random.default_rng(0).integers(1, 255, (bands, side, side)).astype(dtype)


def test_a_pixel_is_the_same_in_every_window_although_it_is_warped(raster):
    path = raster("degrees.tif", noise(), epsg=4326, left=77.3, top=28.85, pixel=9e-5)
    reader = MosaicReader.open(path, RGB)
    left, top = round(reader.bounds[0], -1) + 500, round(reader.bounds[3], -1) - 500
    whole, _ = reader.read((left, top - 2000, left + 2000, top))
    for column, row, size in ((0, 0, 50), (33, 71, 90), (110, 5, 64)):
        x, y = left + column * 10, top - row * 10
        part, valid = reader.read((x, y - size * 10, x + size * 10, y))
        assert valid.all()
        assert (part == whole[:, row : row + size, column : column + size]).all()


def test_a_composite_on_the_grid_is_read_unchanged(raster):
    pixels = noise(dtype=np.uint16)
    path = raster("utm.tif", pixels)
    read, valid = read_mosaic(path, 32645, (450_100, 2_097_000, 452_000, 2_099_900))
    assert valid.all() and (read == pixels[:, 10:300, 10:200]).all()


def test_nodata_and_land_outside_are_not_valid(raster):
    pixels = noise()
    pixels[:, :100] = 255
    path = raster("nodata.tif", pixels, nodata=255)
    _, valid = read_mosaic(path, 32645, (449_900, 2_098_000, 451_000, 2_100_000))
    assert not valid[:99].any() and not valid[:, :9].any() and valid[101:, 11:].all()


def test_where_composites_overlap_the_first_counts_and_gaps_are_filled(raster):
    first, second = noise(), noise()[::-1].copy()
    first[:, :, 200:] = 0
    paths = (raster("a.tif", first, nodata=0), raster("b.tif", second, nodata=0))
    reader = MosaicReader(paths, 32645, RGB, (0, 0, 0, 0))
    pixels, valid = reader.read((450_000, 2_096_000, 454_000, 2_100_000))
    assert (
        valid.all()
        and (pixels[:, :, :199] == first[:, :, :199]).all()
        and (pixels[:, :, 201:] == second[:, :, 201:]).all()
    )


@pytest.mark.parametrize("resolution_m", [10, 2.5])
def test_an_alpha_band_says_what_is_valid(raster, resolution_m):
    path = raster("rgba.tif", noise(bands=4))
    with rasterio.open(path, "r+") as target:
        target.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
        alpha = np.full((400, 400), 255, np.uint8)
        alpha[:100] = 0
        target.write(alpha, 4)
    bounds = (450_000, 2_096_000, 454_000, 2_100_000)
    pixels, valid = read_mosaic(path, 32645, bounds, resolution_m, [1, 2, 3])
    rows = round(1000 / resolution_m)
    assert pixels.shape[0] == 3 and not valid[: rows - 4].any() and valid[rows + 4 :].all()


def test_composites_of_different_types_are_refused(raster):
    paths = (raster("a.tif", noise()), raster("b.tif", noise(dtype=np.uint16)))
    with pytest.raises(ImageryError, match="convert all to one type"):
        MosaicReader(paths, 32645, RGB, (0, 0, 0, 0)).files_at((450_000, 2_096_000, 454_000, 2_100_000))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("pixels", "epsg", "says"),
    [
        (noise(), None, "has no CRS"),
        (noise(bands=2), 32645, r"2 band\(s\) where 3 are needed"),
        (noise(dtype=np.int32), 32645, "int32; convert it to one of uint8, uint16"),
    ],
)
def test_a_composite_that_cannot_work_is_refused(raster, pixels, epsg, says):
    path = raster("bad.tif", pixels, epsg=epsg)
    with pytest.raises(ImageryError, match=says) as error:
        open_mosaic(path)
    assert "bad.tif" in str(error.value)


def test_a_corrupt_block_is_named(raster, tmp_path):
    path = raster("rgb.tif", noise())
    data = (tmp_path / "rgb.tif").read_bytes()
    (tmp_path / "rgb.tif").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageryError, match=r"rgb\.tif is damaged"):
        read_mosaic(path, 32645, (450_000, 2_096_000, 454_000, 2_100_000))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageryError, match=r"Cannot open the image .*none\.tif"):
        open_mosaic(tmp_path / "none.tif")


def floats(side: int = 400) -> np.ndarray:
    """Three bands between -1 and 1 with holes of all kinds."""
    pixels = np.random.default_rng(1).uniform(-1, 1, (3, side, side)).astype(np.float32)
    pixels[:, 100:110, 50:60] = -np.inf
    pixels[1, 200:205, 70:80] = np.nan
    pixels[2, 300, 90] = np.inf
    return pixels


def test_floats_become_whole_numbers_once(raster):
    pixels = floats()
    path = raster("embedding.tif", pixels, nodata=-np.inf)
    read, valid = read_mosaic(path, 32645, (450_000, 2_096_000, 454_000, 2_100_000))
    holes = ~np.isfinite(pixels).all(axis=0)
    assert read.dtype == np.int16 and (valid == ~holes).all()
    assert (read[:, valid] == np.rint(pixels[:, valid] * 10_000)).all() and not read[:, ~valid].any()


def test_floats_beyond_the_type_are_clipped_and_finite_nodata_counts(raster):
    pixels = np.full((1, 30, 30), 5.0, np.float32)
    pixels[0, :5] = -9999
    read, valid = read_mosaic(raster("dem.tif", pixels, nodata=-9999), 32645, (450_000, 2_099_700, 450_300, 2_100_000))
    assert (valid == (pixels[0] > 0)).all() and set(read[0, valid].tolist()) == {32767}


def test_interpolation_mixes_no_hole_into_floats(raster):
    pixels = floats()
    path = raster("degrees.tif", pixels, epsg=4326, left=77.3, top=28.85, pixel=9e-5, nodata=-np.inf)
    reader = MosaicReader.open(path, ["A", "B", "C"])
    left, top = round(reader.bounds[0], -1) + 100, round(reader.bounds[3], -1) - 100
    whole, valid = reader.read((left, top - 3000, left + 3000, top))
    assert 0.9 < valid.mean() < 1 and np.abs(whole[:, valid]).max() <= 10_000
    part, part_valid = reader.read((left + 330, top - 1710, left + 1230, top - 710))
    assert (part_valid == valid[71:171, 33:123]).all() and (part == whole[:, 71:171, 33:123]).all()


@pytest.mark.parametrize(("dtype", "nodata"), [("float32", -9999), ("float64", np.nan), ("int16", -32768)])
@pytest.mark.parametrize(
    "place", [{}, {"epsg": 4326, "left": 86.5, "top": -10.01, "pixel": 9e-5}], ids=["grid", "warp"]
)
def test_a_hole_in_one_band_is_a_hole_and_leaks_nowhere(raster, place, dtype, nodata):
    reflectance = np.random.default_rng(0).uniform(0.4, 0.6, (3, 200, 200))
    pixels = (reflectance * 10_000 if dtype == "int16" else reflectance).astype(dtype)
    pixels[1, 60:80:7, 60:90:5] = nodata  # single pixels, which interpolation may bridge
    pixels[1, 120:140, 120:150] = nodata
    reader = MosaicReader.open(raster("holes.tif", pixels, nodata=nodata, **place), ["A", "B", "C"])
    assert not place or reader.epsg == 32745  # in the south too
    left, top = round(reader.bounds[0], -1) + 200, round(reader.bounds[3], -1) - 200
    whole, valid = reader.read((left, top - 1500, left + 1500, top))
    assert 500 < (~valid).sum() < 800 and not whole[:, ~valid].any()
    assert whole[:, valid].min() >= 3999 and whole[:, valid].max() <= 6001
    part, part_valid = reader.read((left + 330, top - 1310, left + 1230, top - 310))
    assert (part_valid == valid[31:131, 33:123]).all() and (part == whole[:, 31:131, 33:123]).all()


def test_unsigned_nodata_is_a_hole_only_where_all_bands_hold_it(raster):
    pixels = noise(side=50)
    pixels[0, :10], pixels[:, 40:] = 0, 0
    read, valid = read_mosaic(raster("rgb.tif", pixels, nodata=0), 32645, (450_000, 2_099_500, 450_500, 2_100_000))
    assert valid[:40].all() and not valid[40:].any() and (read == pixels).all()


def test_a_composite_whose_bands_differ_in_type_is_refused(raster, tmp_path):
    parts = [raster("a.tif", noise(bands=1)), raster("b.tif", floats()[:1])]
    rows = "".join(
        f'<VRTRasterBand dataType="{kind}" band="{band}"><SimpleSource><SourceFilename>{path}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        for band, (kind, path) in enumerate(zip(("Byte", "Float32"), parts, strict=True), 1)
    )
    mixed = tmp_path / "mixed.vrt"
    place = "<SRS>EPSG:32645</SRS><GeoTransform>450000,10,0,2100000,0,-10</GeoTransform>"
    mixed.write_text(f'<VRTDataset rasterXSize="400" rasterYSize="400">{place}{rows}</VRTDataset>')
    with pytest.raises(
        ImageryError, match=r"mixed\.vrt cannot be used: its bands are of several types, float32 and uint8"
    ):
        open_mosaic(mixed, 2)
    open_mosaic(mixed, 1).close()


def test_signed_whole_numbers_stay(raster):
    pixels = np.random.default_rng(0).integers(-9000, 9000, (4, 50, 50)).astype(np.int16)
    read, valid = read_mosaic(raster("i.tif", pixels), 32645, (450_000, 2_099_500, 450_500, 2_100_000))
    assert valid.all() and (read == pixels).all()


EMBEDDINGS = Path(__file__).parents[3] / "shared" / "data" / "embeddings"


@pytest.mark.skipif(not EMBEDDINGS.exists(), reason="the sample of real embeddings is not part of the project")
def test_real_embeddings_are_placed_in_their_true_zone_and_described():
    names = [f"A{n:02d}" for n in range(64)]
    reader = MosaicReader.open(EMBEDDINGS / "alphaearth_bangladesh.tif", names)
    kilns = gpd.read_file(EMBEDDINGS / "kilns.geojson").to_crs(reader.epsg)
    assert reader.epsg in (32645, 32646)
    left, bottom, right, top = (round(edge, -1) for edge in reader.bounds)
    assert kilns.centroid.x.between(left, right).all() and kilns.centroid.y.between(bottom, top).all()
    pixels, valid = reader.read((left, bottom, right, top))
    assert valid.mean() > 0.5 and np.abs(pixels).max() <= 10_000
    features = compute_features(pixels, valid, names)
    assert features.shape[1] == 192 and np.isfinite(features).all() and features.std() > 0
