"""Composites in any CRS are read exactly, and those that cannot be placed are refused."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from kilnscan.errors import ImageryError
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
        (noise(dtype=np.float32), 32645, "float32; convert it to uint8 or uint16"),
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
    with pytest.raises(ImageryError, match=r"Cannot open the composite .*none\.tif"):
        open_mosaic(tmp_path / "none.tif")
