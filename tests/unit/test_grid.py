"""Tiles cover the area of interest once, whatever zone, hemisphere or square it lies in."""

import mgrs
import numpy as np
import pytest
import shapely

from kilnscan.grid import Tile, mgrs_10m, square_name, tiles_of, to_crs, transformer


def test_names_agree_with_the_reference_implementation_apart_from_latitude_band_borders():
    reference = mgrs.MGRS()
    rng = np.random.default_rng(1)
    for lon, lat in zip(rng.uniform(-179.9, -1, 500), rng.uniform(-79, 71, 500), strict=True):
        ours, theirs = mgrs_10m(lon, lat), reference.toMGRS(lat, lon, MGRSPrecision=4)
        assert (ours[:2], ours[3:]) == (theirs[:2], theirs[3:])


def test_a_square_has_one_name_even_where_the_band_letter_changes_within_it():
    # 32 degrees north crosses this square: band R below, band S above
    assert square_name(32643, 450_000, 3_510_000) == square_name(32643, 450_000, 3_590_000)


@pytest.mark.parametrize("size_km", [100, 50, 25, 20, 10])
@pytest.mark.parametrize(
    "box",
    [
        pytest.param((86.45, 18.9, 86.6, 19.05), id="two squares"),
        pytest.param((83.9, -0.1, 84.1, 0.05), id="two zones and the equator"),
        pytest.param((143.9, -37.9, 144.1, -37.7), id="southern hemisphere, two zones"),
    ],
)
def test_tiles_cover_the_area_once(size_km, box):
    tiles = tiles_of(shapely.box(*box), size_km)
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(box[0], box[2], 500), rng.uniform(box[1], box[3], 500)
    owners = sum(t.owns(*map(np.asarray, transformer(4326, t.epsg).transform(lon, lat))).astype(int) for t in tiles)
    assert (owners == 1).mean() > 0.99  # points within centimetres of a zone's border may find none
    assert owners.max() == 1
    area = sum(to_crs(t.own, t.epsg, 4326).area for t in tiles)
    assert area == pytest.approx(shapely.box(*box).area, rel=1e-5)


def test_an_area_split_at_the_antimeridian_has_tiles_on_both_sides():
    fiji = shapely.MultiPolygon([shapely.box(179.9, -17, 180, -16.9), shapely.box(-180, -17, -179.9, -16.9)])
    assert {tile.epsg for tile in tiles_of(fiji)} == {32760, 32701}


def test_a_point_on_a_border_belongs_to_one_tile():
    tiles = tiles_of(shapely.box(86.5, 18.95, 86.55, 19.02), 10)
    x, y = np.array([450_000.0]), np.array([2_100_000.0])
    assert sum(int(tile.owns(x, y)[0]) for tile in tiles) == 1


def test_a_tile_survives_being_written_down():
    tile = tiles_of(shapely.box(86.5, 18.95, 86.55, 19.02), 10)[0]
    assert Tile.from_spec(tile.spec()).spec() == tile.spec()


def test_tiles_that_do_not_change_keep_their_spec_when_the_area_grows():
    small = {t.id: t.spec() for t in tiles_of(shapely.box(86.40, 18.90, 86.60, 19.00), 10)}
    large = {t.id: t.spec() for t in tiles_of(shapely.box(86.40, 18.90, 86.70, 19.00), 10)}
    untouched = [name for name in small if small[name]["own"] == large[name]["own"]]
    assert len(untouched) >= len(small) // 2
