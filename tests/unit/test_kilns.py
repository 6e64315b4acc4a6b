"""Kilns: places inside the area, each owned by one tile, and an account of what became of every detection."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pandas.testing import assert_frame_equal

from kilnscan.calibration import Calibration
from kilnscan.config import Atlas
from kilnscan.grid import tiles_of, to_crs, transformer
from kilnscan.kilns import build_kilns, read_detections, trace
from kilnscan.tables import write_table

UTM = 32645
AREA = to_crs(shapely.box(448_000, 2_098_000, 452_000, 2_102_000), UTM, 4326)
TILES = tiles_of(AREA, 10)
FACTS = {"first_seen": "2024-01-01", "last_seen": "2024-03-01", "provider": "cog", "licence": "x", "attribution": "y"}
CORNER = [(450_000, 2_100_000), (450_003, 2_099_998), (449_996, 2_100_004)]
"""One kiln seen three times, on the corner of four tiles."""


def looked(places, score=0.9):
    """What `detect` writes for one tile: boxes 100 by 45 m centred on UTM places in the windows nearest."""
    x, y = np.array(places, float).reshape(-1, 2).T
    columns = {
        "type": pd.array(["FCBK"] * len(x), dtype="str"), "score": score, "x": x, "y": y, "length_m": 100.0,
        "width_m": 45.0, "azimuth_deg": 90.0, "window_i": np.round(x / 160).astype(int),
        "window_j": np.round(y / 160).astype(int),
    }  # fmt: skip
    shapes = shapely.box(x - 50, y - 22.5, x + 50, y + 22.5)
    return gpd.GeoDataFrame(pd.DataFrame(columns, index=range(len(x))), geometry=shapes, crs=UTM)


def detections(places, score=0.9):
    """Boxes 100 by 45 m centred on UTM places, in degrees."""
    table = looked(places, score)
    lon, lat = transformer(UTM, 4326).transform(table["x"].to_numpy(), table["y"].to_numpy())
    return table.to_crs(4326).assign(lon=lon, lat=lat, tile=TILES[0].id)


def candidates(places, score=0.9):
    return looked(places, score).to_crs(4326).assign(tile=TILES[0].id)


def traced(places, found=None, score=0.9, seen=0.9):
    """What becomes of detections, with candidates at `found` or, if not given, at each of them."""
    found = places if found is None else found
    return trace(detections(places, score), candidates(found, seen), TILES, Atlas())


def kilns_of(*args, **kwargs):
    return build_kilns(traced(*args, **kwargs), FACTS)


def read(folder, *tables, tiles=("a", "b", "c")):
    """Tables of several tiles as the atlas reads them."""
    paths = [str(folder / f"{tile}.parquet") for tile, _ in zip(tiles, tables, strict=False)]
    for path, table in zip(paths, tables, strict=True):
        write_table(path, table)
    return read_detections(list(tiles[: len(tables)]), paths)


def test_a_kiln_on_the_corner_of_four_tiles_is_one_kiln_of_one_tile():
    kilns = kilns_of(CORNER)
    assert len(kilns) == 1 and kilns["detections"].tolist() == [3]
    assert kilns["tile"].iloc[0] in {tile.id for tile in TILES}


def test_what_lies_outside_the_area_of_interest_is_no_kiln_of_it():
    assert len(kilns_of([(447_900, 2_100_000), (448_100, 2_100_000)])) == 1


def test_a_kiln_is_named_by_its_place():
    assert kilns_of([(449_005, 2_099_005)])["id"].tolist() == ["45QVA49009900"]


def test_the_screen_score_is_that_of_the_nearest_candidate():
    kilns = kilns_of([(449_000, 2_099_000), (451_500, 2_101_500)], [(449_010, 2_099_000)])
    assert kilns["screen_score"].tolist() == [0.9]  # without a candidate the other one scores too little to stay


def test_the_score_is_the_mean_of_both_stages_and_low_ones_are_left_out():
    assert kilns_of([(449_000, 2_099_000)], score=0.3)["score"].tolist() == [0.6]
    assert len(kilns_of([(449_000, 2_099_000)], score=0.1, seen=0.1)) == 0


def test_no_detection_gives_empty_tables_with_all_columns_and_types():
    full, none = traced(CORNER), traced([])
    assert (none.dtypes == full.dtypes).all() and len(none) == 0
    assert (kilns_of([]).dtypes == kilns_of(CORNER).dtypes).all() and len(kilns_of([])) == 0


def test_every_detection_names_the_kiln_it_became_and_one_of_them_stands_for_it():
    rows = traced([*CORNER, (451_000, 2_101_000)], score=[0.7, 0.9, 0.8, 0.6])
    assert rows.groupby("kiln").size().to_dict() == {"45QVA50009999": 3, "45QVB51000100": 1}
    assert rows.groupby("kiln")["keeper"].sum().tolist() == [1, 1]
    first = rows[rows["kiln"] == "45QVA50009999"]
    assert first["score"].tolist() == [0.9, 0.8, 0.7] and first["keeper"].tolist() == [True, False, False]
    assert (first["place_score"] == 0.9).all()  # that of the place, not the row's own


def test_a_kiln_looks_like_its_keeper():
    rows = traced(CORNER, score=[0.7, 0.9, 0.8])
    kiln, keeper = kilns_of(CORNER, score=[0.7, 0.9, 0.8]).iloc[0], rows[rows["keeper"]].iloc[0]
    assert kiln["id"] == keeper["kiln"] == keeper["place"] and kiln["tile"] == keeper["owner"]
    assert kiln["score"] == keeper["place_score"] and kiln["detector_score"] == keeper["score"]
    assert kiln.geometry == keeper.geometry and (kiln["lon"], kiln["lat"]) == (keeper["lon"], keeper["lat"])


def test_what_became_no_kiln_still_tells_its_place_and_why():
    low, outside = (449_005, 2_099_005), (447_905, 2_100_005)
    rows = traced([low, (low[0] + 5, low[1]), outside], score=[0.2, 0.1, 0.9], seen=0.2).set_index("place")
    assert (rows["kiln"] == "").all()
    assert rows.loc["45QVA49009900", "place_score"].tolist() == [0.2, 0.2]  # scores too little
    assert rows.loc["45QVA49009900", "owner"].tolist() == [TILES[0].id] * 2
    assert rows.loc["45QVB47900000", "owner"] == "" and rows.loc["45QVB47900000", "place_score"] == 0.55


def test_a_window_that_two_tiles_looked_at_counts_once_for_the_first(tmp_path):
    both, second = looked(CORNER[:1]), looked(CORNER[:2])
    rows = read(tmp_path, both, second)
    assert rows["tile"].tolist() == ["a", "b"]


def test_the_order_of_tiles_and_rows_changes_nothing(tmp_path):
    rng = np.random.default_rng(4)
    spots = rng.uniform((448_000, 2_098_000), (448_800, 2_098_800), (60, 2)).round(2)
    table = looked(np.repeat(spots, 3, axis=0) + rng.integers(0, 9, (180, 2)), np.round(rng.random(180), 1))
    first = trace(read(tmp_path, table), candidates(spots), TILES, Atlas())
    for _ in range(3):
        table = table.iloc[rng.permutation(180)]
        parts = table[:50], table[40:120], table[120:]
        again = trace(read(tmp_path, *parts), candidates(spots), TILES, Atlas())
        assert_frame_equal(first.drop(columns="tile"), again.drop(columns="tile"))


@pytest.mark.parametrize(
    ("lon", "lat", "zones"),
    [(84.0, 19.0, (32644, 32645)), (29.99999, -1.5, (32735, 32736)), (33.2, 0.0, (32636, 32736))],
)
def test_a_kiln_at_the_border_of_two_zones_or_hemispheres_is_one(tmp_path, lon, lat, zones):
    tables = []
    for epsg in zones:
        x, y = np.round(transformer(4326, epsg).transform(lon, lat), 2)
        tables.append(looked([(x, y)]).set_crs(epsg, allow_override=True))
    area = tiles_of(shapely.box(lon - 0.1, lat - 0.1, lon + 0.1, lat + 0.1))
    rows = trace(read(tmp_path, *tables), candidates([]), area, Atlas())
    assert rows["place"].nunique() == 1 and rows["keeper"].tolist() == [True, False]


def test_a_box_across_the_antimeridian_is_centred_there_and_merges(tmp_path):
    x, y = np.round(transformer(4326, 32760).transform(180, -17), 2)
    table = looked([(x, y), (x + 45, y)])  # farther apart than `merge_distance_m`: they overlap
    rows = read(tmp_path, table.set_crs(32760, allow_override=True))
    assert (rows["lon"].abs() > 179.99).all()
    area = tiles_of(shapely.box(179.9, -17.1, 180, -16.9))
    assert trace(rows, candidates([]), area, Atlas())["place"].nunique() == 1


def test_a_calibration_makes_the_score_a_probability():
    found, seen = detections([(0, 0)], [0.8]), candidates([(0, 0)], [0.4])
    calibration = Calibration(intercept=-0.5, detector=1.0, screen=0.5)
    (row,) = trace(found, seen, TILES, Atlas(), calibration).itertuples()
    assert row.place_score == pytest.approx(1 / (1 + np.exp(0.5 - np.log(4) - 0.5 * np.log(2 / 3))), abs=1e-4)
