"""What lies on both sides of 180 degrees is one place: split there for the world, whole for the land."""

import pytest
import shapely

from kilnscan.antimeridian import box, jumps, split, together
from kilnscan.grid import tiles_of, to_crs, to_lonlat


def test_a_box_whose_west_lies_east_of_its_east_crosses():
    assert shapely.equals(box(179, -18, -179, -17), shapely.union(box(179, -18, 180, -17), box(-180, -18, -179, -17)))


@pytest.mark.parametrize("turn", [-360, 0])
def test_longitudes_beyond_180_come_back_whichever_turn_they_are_of(turn):
    beyond = shapely.box(178.5 + turn, -18, 181.5 + turn, -17)
    assert shapely.equals(split(beyond), box(178.5, -18, -178.5, -17))


def test_a_hair_beyond_180_is_rounding_not_land():
    assert split(shapely.box(179, 0, 180 + 1e-8, 1)).bounds == (179, 0, 180, 1)
    assert split(shapely.box(-180 - 1e-8, 0, -179, 1)).bounds == (-180, 0, -179, 1)


def test_edges_that_jump_are_noticed_and_mended_but_the_whole_world_is_no_jump():
    torn = shapely.Polygon([(179, 0), (-179, 0), (-179, 1), (179, 1)])
    assert jumps(torn) and shapely.equals(split(together(torn, 179)), box(179, 0, -179, 1))
    assert not jumps(shapely.box(-180, -60, 180, 60))


@pytest.mark.parametrize("epsg", [32701, 32760])
def test_land_at_180_is_published_split_and_loses_nothing(epsg):
    easting = to_crs(shapely.Point(180, -17), 4326, epsg).x
    crossing = shapely.box(easting - 20_000, 8_100_000, easting + 20_000, 8_140_000)
    degrees = to_lonlat(crossing, epsg)
    west, east = sorted(shapely.get_parts(degrees), key=lambda part: part.bounds[0])
    assert west.bounds[0] == -180 and east.bounds[2] == 180 and degrees.is_valid
    assert degrees.bounds[3] - degrees.bounds[1] < 0.5 and west.area + east.area < 0.2
    back = sum(abs(to_crs(part, 4326, epsg).area) for part in (west, east))
    assert back == pytest.approx(crossing.area, rel=1e-3)


def test_a_square_that_ends_at_180_is_not_split():
    for tile in tiles_of(box(179.9, -17.1, -179.9, -16.9), 10):
        degrees = to_lonlat(tile.own, tile.epsg)
        assert degrees.geom_type == "Polygon" and degrees.bounds[2] - degrees.bounds[0] < 0.2


def test_land_far_from_180_is_projected_and_nothing_else():
    square = shapely.box(400_000, 2_000_000, 500_000, 2_100_000)
    assert to_lonlat(square, 32645).equals_exact(to_crs(square, 32645, 4326))
