"""Rasters of strangers: read block by block, and refused before they can do harm."""

import numpy as np
import pytest
import rasterio
import tifffile

from kilnscan.cog import Cog
from kilnscan.errors import SourceError
from kilnscan.ranges import Ranges

PIXELS = np.random.default_rng(0).integers(0, 60_000, (700, 500)).astype(np.uint16)


def write(path, **options):
    profile = {
        "driver": "GTiff", "dtype": PIXELS.dtype, "count": 1, "height": 700, "width": 500, "crs": "EPSG:32645",
        "transform": rasterio.Affine(10, 0, 450_000, 0, -10, 2_100_000), **options,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(PIXELS, 1)
    return str(path)


@pytest.mark.parametrize(
    "options",
    [
        {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 2},
        {"tiled": True, "blockxsize": 512, "blockysize": 256, "compress": "lzw"},
        {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "zstd", "bigtiff": "yes"},
        {"driver": "COG", "compress": "deflate", "blocksize": 128},
        {"compress": "deflate"},
        {"endianness": "big"},
    ],
)
def test_blocks_are_what_gdal_reads(tmp_path, options):
    cog = Cog.open(write(tmp_path / "a.tif", **options), Ranges())
    assert (cog.epsg, cog.pixel_m, cog.left, cog.top) == (32645, 10, 450_000, 2_100_000)
    whole = np.zeros_like(PIXELS)
    for i, j in cog.blocks(0, 0, 700, 500):
        block = cog.decode((i, j), cog.fetch((i, j)))
        whole[i * cog.block[0] :, j * cog.block[1] :][: block.shape[0], : block.shape[1]] = block
    assert (whole == PIXELS).all()


def test_a_block_that_is_not_stored_is_nodata(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=1, height=512, width=512, crs="EPSG:32645", tiled=True,
        transform=rasterio.Affine(10, 0, 450_000, 0, -10, 2_100_000), sparse_ok=True, blockxsize=256, blockysize=256,
    ):  # fmt: skip
        pass
    cog = Cog.open(str(path), Ranges())
    assert cog.fetch((0, 0)) == b"" and not cog.decode((0, 0), b"").any()


def test_an_overview_is_chosen_by_its_pixels(tmp_path):
    path = write(tmp_path / "a.tif", driver="COG", compress="deflate", blocksize=128)
    assert Cog.open(path, Ranges(), coarsest_m=30).pixel_m == pytest.approx(20, rel=0.01)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"compress": "jpeg", "dtype": "uint8"}, "its compression is"),
        ({"crs": None, "transform": None}, "no place on a map"),
        ({"transform": rasterio.Affine(10, 0, 0, 0, -20, 0)}, "its pixels are"),
        ({"dtype": "float32"}, "of float32"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_of_another_kind_is_refused(tmp_path, options, says):
    with pytest.raises(SourceError, match=says):
        Cog.open(write(tmp_path / "a.tif", **options), Ranges())


def test_a_table_of_blocks_that_is_too_short_is_refused(tmp_path):
    path = write(tmp_path / "a.tif", tiled=True, blockxsize=256, blockysize=256)
    with tifffile.TiffFile(path, mode="r+") as file:
        tag = file.pages[0].tags["TileOffsets"]
        tag.overwrite(tag.value[:2])
    with pytest.raises(SourceError, match="table of blocks is incomplete"):
        Cog.open(path, Ranges())


@pytest.mark.parametrize("content", [b"", b"II*", b"II*\0\xff\xff\xff\x7f", b"MM\0*\0\0\0\x08\xff\xff", b"<html>" * 99])
def test_what_is_no_tiff_is_refused(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(SourceError, match="no raster that kilnscan reads"):
        Cog.open(str(tmp_path / "a.tif"), Ranges())


def test_a_damaged_block_is_named(tmp_path):
    cog = Cog.open(write(tmp_path / "a.tif", tiled=True, compress="deflate"), Ranges())
    with pytest.raises(SourceError, match=r"a\.tif is damaged at block \(0, 0\)"):
        cog.decode((0, 0), b"garbage")
