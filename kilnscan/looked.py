"""What a run looked at and saw clearly, so that a kiln that it does not have is absent and not just unseen."""

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.errors import RasterioError
from rasterio.features import shapes

from kilnscan.antimeridian import polygons
from kilnscan.errors import TableError
from kilnscan.grid import Tile, to_lonlat
from kilnscan.merge import near_pairs
from kilnscan.source_cells import harmless
from kilnscan.tables import centres

WELL_SEEN = 0.95
"""Share of clear land of a tile from which a run of which no more is known has seen all of it."""
NEAR_UNSEEN_DEG = 0.00036
"""40 m: a kiln so near to land that was not seen may not have been seen whole."""
EQUAL_AREA = 6933


def unseen_land(tiles: list[Tile], seen: dict[str, dict[str, Any]], pictures: dict[str, str]) -> gpd.GeoDataFrame:
    """Land of each tile that was never seen clearly, to 40 m, EPSG:4326; tiles that were seen whole have no row.

    `seen` is what the screen noted, `pictures` its quicklooks, which are 0 where nothing was seen; both by tile.
    """
    rows = []
    for tile in tiles:
        if seen[tile.id]["clear"] < 1:
            shape = polygons(_holes(pictures[tile.id]).intersection(tile.own))
            if not shape.is_empty:
                whole = shapely.MultiPolygon(list(shapely.get_parts(polygons(to_lonlat(shape, tile.epsg)))))
                rows.append({"tile": tile.id, "geometry": shapely.set_precision(whole, 1e-7, mode="pointwise")})
    return gpd.GeoDataFrame(rows or {"tile": [], "geometry": []}, geometry="geometry", crs=4326)


def _holes(path: str) -> shapely.Geometry:
    """Where a quicklook shows nothing, in its own metres."""
    try:
        with rasterio.open(path) as source:
            empty = (source.read() == 0).all(axis=0)
            found = [shapely.geometry.shape(one) for one, _ in shapes(empty.view(np.uint8), empty, 4, source.transform)]
    except RasterioError as error:
        raise TableError(f"The picture {path} is damaged ({error}): delete it and run again.") from error
    return shapely.union_all(found) if found else shapely.Polygon()


@dataclass(frozen=True)
class Looked:
    """One run's ledger and what it saw besides kilns; tables in EPSG:4326."""

    season: str
    tables: dict[str, gpd.GeoDataFrame] = field(default_factory=dict)
    """Those of coverage, unseen, candidates, acquired and detections that are known."""

    @property
    def coverage(self) -> gpd.GeoDataFrame | None:
        """Tiles, or any polygons, that were looked at."""
        return self.tables.get("coverage")

    def tile_of(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Row of `coverage` that holds each place; -1 where none does."""
        at = np.full(len(lon), -1)
        if self.coverage is not None and len(lon):
            place, row = shapely.STRtree(self.coverage.geometry.array).query(shapely.points(lon, lat), "intersects")
            at[place[::-1]] = row[::-1]  # on a border the first counts
        return at

    def why_not(self, lon: np.ndarray, lat: np.ndarray, reach_m: float) -> np.ndarray:
        """Why nothing can be said of each place (n,); empty text where a kiln would have been seen.

        `reach_m` is how far from the place a candidate may be that stands for it.
        """
        if self.coverage is None:
            return np.full(len(lon), f"it is not known what {self.season} looked at", dtype=object)
        at = self.tile_of(lon, lat)
        reason = np.full(len(lon), "", dtype=object)
        reason[self._without_imagery(lon, lat, reach_m)] = f"no close imagery in {self.season}"
        status = self.coverage["status"].to_numpy() if "status" in self.coverage else np.full(len(self.coverage), "ok")
        reason[self._unclear(lon, lat, at)] = f"not seen clearly in {self.season}"
        cloudy = (at >= 0) & ~np.isin(status[at], ["ok", "empty"])
        reason[cloudy] = [f"the tile was {harmless(str(word), 20)} in {self.season}" for word in status[at[cloudy]]]
        reason[at < 0] = f"outside the area of {self.season}"
        return reason

    def _unclear(self, lon: np.ndarray, lat: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Places on or near land that was not seen; all of a tile with gaps if nobody knows where they are."""
        if "unseen" in self.tables:
            tree = shapely.STRtree(self.tables["unseen"].geometry.array)
            found, _ = tree.query(shapely.points(lon, lat), "dwithin", distance=NEAR_UNSEEN_DEG)
            return np.isin(np.arange(len(lon)), found)
        clear = self.coverage.get("clear_share") if self.coverage is not None else None
        return np.zeros(len(lon), bool) if clear is None else ~(clear.to_numpy(float)[at] >= WELL_SEEN)

    def _without_imagery(self, lon: np.ndarray, lat: np.ndarray, reach_m: float) -> np.ndarray:
        """Places where the screen saw something, but which no chip shows."""
        if not {"candidates", "acquired"} <= self.tables.keys():
            return np.zeros(len(lon), bool)
        near = np.isin(np.arange(len(lon)), self._near("candidates", lon, lat, reach_m)[0])
        bought = shapely.union_all(self.tables["acquired"].geometry.array)
        shapely.prepare(bought)
        return near & ~shapely.intersects_xy(bought, lon, lat)

    def latest(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """The last day on which the land at each place was seen; empty text if unknown."""
        if self.coverage is None or "dates" not in self.coverage:
            return np.full(len(lon), "", dtype=object)
        last = [str(days).rpartition(", ")[2] if days else "" for days in self.coverage["dates"].fillna("")]
        return np.array([*last, ""], dtype=object)[self.tile_of(lon, lat)]

    def doubtful(self, lon: np.ndarray, lat: np.ndarray, reach_m: float, least: float) -> np.ndarray:
        """Highest score, at least `least`, of a box near each place that was not taken for a kiln; NaN if none."""
        score = np.full(len(lon), np.nan)
        table = self.tables.get("detections")
        if table is None or not {"kiln", "keeper", "place_score"} <= set(table.columns):
            return score
        weak = table[(table["kiln"].fillna("") == "") & table["keeper"].isin([True]) & (table["place_score"] >= least)]
        place, row = self._near(weak, lon, lat, reach_m)
        np.fmax.at(score, place, weak["place_score"].to_numpy(float)[row])
        return score

    def _near(
        self, table: str | gpd.GeoDataFrame, lon: np.ndarray, lat: np.ndarray, reach_m: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Indexes of places and of rows of a table whose centres are within `reach_m` of them."""
        x, y = centres((self.tables[table] if isinstance(table, str) else table).geometry)
        pairs, _ = near_pairs(np.concatenate([lon, x]), np.concatenate([lat, y]), reach_m)
        pairs = pairs[(pairs[:, 0] < len(lon)) & (pairs[:, 1] >= len(lon))]
        return pairs[:, 0], pairs[:, 1] - len(lon)

    def land(self) -> shapely.Geometry:
        """What was looked at and seen clearly, as far as is known, in metres of an equal-area projection."""
        if self.coverage is None:
            return shapely.Polygon()
        table = self.coverage
        if "status" in table:
            table = table[table["status"].isin(["ok", "empty"])]
        whole = shapely.union_all(shapely.make_valid(table.geometry.to_crs(EQUAL_AREA).array))
        if "unseen" in self.tables:
            holes = shapely.union_all(shapely.make_valid(self.tables["unseen"].geometry.to_crs(EQUAL_AREA).array))
            whole = whole.difference(holes)
        return polygons(whole)
