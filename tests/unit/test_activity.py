"""Activity: a hot pixel stands out of its surroundings, and a season has its first and last day."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kilnscan.activity import COLUMNS, activity_of_tile
from kilnscan.config_change import Activity
from kilnscan.errors import ConfigError
from kilnscan.grid import tiles_of, to_crs

UTM = 32645
KILN = shapely.box(449_950, 2_099_980, 450_050, 2_100_020)
TILE = tiles_of(to_crs(shapely.box(449_000, 2_099_000, 449_999, 2_099_999), UTM, 4326), 10)[0].spec()


class Ground:
    """Soil, with a fire of one pixel in the middle on the days in `fires`, clouds on those in `clouds`."""

    def __init__(self, day, fires=(), clouds=()):
        self.day, self.fires, self.clouds = day, fires, clouds

    def read(self, bounds, resolution_m=10.0):
        left, bottom, right, top = bounds
        shape = round((top - bottom) / 10), round((right - left) / 10)
        pixels = np.stack([np.full(shape, value, np.uint16) for value in (1350, 2000, 2800, 2450)])
        if self.day in self.fires:
            pixels[3, round((top - 2_100_000) / 10), round((450_000 - left) / 10)] = 4900
        return pixels, np.full(shape, self.day not in self.clouds)


def scenes(*days, bands=("B04", "B08", "B11", "B12")):
    items = [{"id": "a", "assets": dict.fromkeys(bands, "x")}]
    return {"source": "stac", "tile": TILE, "dates": [{"date": day, "items": items} for day in days]}


def watched(monkeypatch, listed, config=None, **ground):
    def opened(one):
        return Ground(one["dates"][0]["date"], **ground)

    monkeypatch.setattr("kilnscan.activity.open_scenes", opened)
    monkeypatch.setattr("kilnscan.activity.read_patiently", lambda kept, work: (work(None, kept), []))
    kilns = gpd.GeoDataFrame({"id": ["k"]}, geometry=[KILN], crs=UTM).to_crs(4326)
    return activity_of_tile(listed, kilns, config or Activity())


def test_a_fire_stands_out_of_the_ring_and_of_the_kilns_other_days(monkeypatch):
    days = ("2024-01-10", "2024-02-10", "2024-08-10")
    table = watched(monkeypatch, scenes(*days), fires=days[2:]).set_index("date")
    assert table["swir_contrast"].tolist() == pytest.approx([1, 1, 2], abs=1e-3)
    assert table["swir_excess"].tolist() == pytest.approx([1, 1, 2], abs=1e-3)
    assert table["ndvi"].tolist() == pytest.approx([0.194] * 3, abs=1e-3) and table["legal"].isna().all()


def test_cloudy_days_have_no_row_and_nothing_seen_is_a_valid_table(monkeypatch):
    table = watched(monkeypatch, scenes("2024-01-10", "2024-02-10"), clouds=["2024-01-10"])
    assert table["date"].tolist() == ["2024-02-10"]
    assert list(watched(monkeypatch, scenes()).columns) == list(COLUMNS)


@pytest.mark.parametrize(
    ("firing", "day", "legal"),
    [
        (("02-01", "09-30"), "2024-02-01", True),
        (("02-01", "09-30"), "2024-10-01", False),
        (("11-15", "06-30"), "2024-01-01", True),
        (("11-15", "06-30"), "2024-11-15", True),
        (("11-15", "06-30"), "2024-06-30", True),
        (("11-15", "06-30"), "2024-07-01", False),
        (None, "2024-07-01", None),
    ],
)
def test_a_firing_season_includes_its_ends_and_may_go_over_new_year(firing, day, legal):
    assert Activity(firing=firing).legal(day) is legal


def test_scenes_without_short_wave_infrared_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="B11, B12, which the scenes"):
        watched(monkeypatch, scenes("2024-01-10", bands=("B02", "B03", "B04")))
