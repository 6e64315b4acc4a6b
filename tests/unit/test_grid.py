"""Tiles cover the area of interest once, whatever zone, hemisphere or square it lies in."""

import mgrs
import numpy as np
import pytest
import shapely

from kilnscan import antimeridian
from kilnscan.grid import Tile, mgrs_10m, square_name, tiles_of, to_crs, to_lonlat, transformer

PLACES = {
    "the world": (-180, -80, 180, 84),
    "near the equator": (-180, -0.5, 180, 0.5),
    "Norway": (-1, 55, 13, 65),
    "Svalbard": (-1, 71, 43, 83.9),
    "east of the antimeridian": (-180, -60, -179.5, 72),
    "west of the antimeridian": (179.5, -60, 180, 72),
}


@pytest.mark.parametrize("box", PLACES.values(), ids=PLACES)
def test_names_agree_with_the_reference_implementation_apart_from_squares_across_latitude_bands(box):
    reference = mgrs.MGRS()
    rng = np.random.default_rng(1)
    same_band = []
    for lon, lat in zip(rng.uniform(box[0], box[2], 1500), rng.uniform(box[1], box[3], 1500), strict=True):
        ours, theirs = mgrs_10m(lon, lat), reference.toMGRS(lat, lon, MGRSPrecision=4)
        assert (ours[:2], ours[3:]) == (theirs[:2], theirs[3:])
        same_band.append(ours[2] == theirs[2])
        assert same_band[-1] or min(lat % 8, 8 - lat % 8) < 1  # bands are 8 degrees, half a square's height less than 1
    assert np.mean(same_band) > 0.9


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        (3, 56), (2.9999, 60), (3, 60), (3, 64), (12, 60), (9, 72), (8.9999, 75), (9, 75), (21, 75), (33, 75), (42, 75),
        (84, 0), (84, 30), (180, 10), (-180, 10), (0, 0),
    ],
)  # fmt: skip
def test_a_place_on_a_zones_border_is_in_the_zone_that_the_reference_says(lon, lat):
    assert mgrs_10m(lon, lat)[:2] == mgrs.MGRS().toMGRS(lat, lon)[:2]


def test_a_square_has_one_name_even_where_the_band_letter_changes_within_it():
    # 32 degrees north crosses this square: band R below, band S above
    assert square_name(32643, 450_000, 3_510_000) == square_name(32643, 450_000, 3_590_000)


AREAS = {
    "two squares": (86.45, 18.9, 86.6, 19.05),
    "zones 43 and 44": (77.8, 27.9, 78.2, 28.2),
    "two zones and the equator": (83.9, -0.1, 84.1, 0.05),
    "southern hemisphere, two zones": (143.9, -37.9, 144.1, -37.7),
    "31V and 32V": (2.7, 59.8, 3.4, 60.2),
    "31U, 31V, 32U and 32V": (2.8, 55.9, 6.2, 56.1),
    "31V, 31W and 32V": (2.8, 63.9, 6.2, 64.1),
    "Svalbard, three zones": (8.5, 77.9, 21.5, 78.2),
    "where 32W ends at 72 degrees": (5.5, 71.9, 12.5, 72.1),
    "Fiji, across the antimeridian": (179.8, -17, -179.8, -16.8),
    "the antimeridian and the equator": (179.9, -0.1, -179.9, 0.1),
}


def owners(tiles, lon, lat):
    places = ((tile, transformer(4326, tile.epsg).transform(lon, lat)) for tile in tiles)
    return sum(tile.owns(np.asarray(x), np.asarray(y)).astype(int) for tile, (x, y) in places)


@pytest.mark.parametrize("size_km", [100, 50, 25, 20, 10])
@pytest.mark.parametrize("box", AREAS.values(), ids=AREAS)
def test_every_point_of_an_area_has_one_owner(size_km, box):
    west, south, east, north = box
    area = antimeridian.box(*box)
    tiles = tiles_of(area, size_km)
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(west, east if east > west else east + 360, 2000), rng.uniform(south, north, 2000)
    # as many right on the borders of zones, and hairs beside them
    edges = np.array([0, 3, 6, 9, 12, 21, 78, 84, 144, 180])
    hair = rng.choice([0, 0, 1e-7, -1e-7, 1e-9, -1e-9, 1e-12], 2000)
    edge = np.round(lon)
    edge = np.where(np.isin(edge, edges) & (np.abs(edge - lon) < 0.5) & (edge > west), edge + hair, lon)
    level = np.where(np.isin(np.round(lat), [0, 56, 64, 72]), np.round(lat) + rng.permutation(hair), lat)
    for x, y in ((lon, lat), (edge, lat), (lon, level), (edge, level)):
        inside = (y > south) & (y < north)
        counts = owners(tiles, (x[inside] + 180) % 360 - 180, y[inside])
        assert counts.min() == counts.max() == 1
    assert sum(to_lonlat(tile.own, tile.epsg).area for tile in tiles) == pytest.approx(area.area, rel=2e-4)


@pytest.mark.parametrize("box", AREAS.values(), ids=AREAS)
def test_tiles_have_their_own_name_and_stand_where_it_says(box):
    tiles = tiles_of(antimeridian.box(*box))
    assert len({tile.id for tile in tiles}) == len(tiles)
    for tile in tiles:
        assert tile.own.area > 1 and Tile.from_spec(tile.spec()).own.is_valid
        middle = tile.own.representative_point()
        reference = mgrs.MGRS().toMGRS(*transformer(tile.epsg, 4326).transform(middle.x, middle.y)[::-1])
        assert (tile.id[:2], tile.id[3:]) == (reference[:2], reference[3:5])


def test_no_tile_is_left_of_the_zones_that_norway_and_svalbard_do_without():
    svalbard = {tile.id[:2] for tile in tiles_of(shapely.box(5, 74, 40, 81))}
    assert svalbard == {"31", "33", "35", "37"}
    assert {tile.id[:3] for tile in tiles_of(shapely.box(4, 58, 7, 62))} == {"32V"}


def test_an_area_across_the_antimeridian_has_a_few_tiles_on_both_sides():
    tiles = tiles_of(antimeridian.box(179.9, -17, -179.9, -16.9))
    assert {tile.epsg for tile in tiles} == {32760, 32701} and len(tiles) == 2


def test_a_side_along_the_grid_leaves_no_sliver():
    square = shapely.segmentize(shapely.box(500_000, 2_000_000, 510_000, 2_010_000), 20)
    assert [tile.id for tile in tiles_of(to_crs(square, 32645, 4326), 10)] == ["45QWA_10_00"]
    assert {tile.epsg for tile in tiles_of(shapely.box(84, 10, 90, 11))} == {32645}
    assert {tile.epsg for tile in tiles_of(shapely.box(85, 0, 86, 1))} == {32645}
    assert {tile.epsg for tile in tiles_of(shapely.box(85, -1, 86, 0))} == {32745}


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
