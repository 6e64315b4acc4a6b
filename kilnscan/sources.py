"""Other sources of pollution from tables that others made: what each stands for, where, and which rows are refused.

Every row of every file ends as a source, as a part of one (a unit, a gas, a year), or among the rejected with a reason.
"""

import math
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from kilnscan.config_impact import Source
from kilnscan.errors import ConfigError, VectorError
from kilnscan.source_cells import harmless, number
from kilnscan.source_columns import Columns
from kilnscan.source_files import Row, SourceTable, read_source_table
from kilnscan.source_layouts import EMISSIONS, key
from kilnscan.source_places import BORDER_KM, Names, countries, km_between
from kilnscan.source_records import (
    Record,
    RowError,
    last_whole_year,
    plant_of,
    record_of,
    running_share,
    settle_emissions,
    stem,
    usual,
)

COLUMNS = (
    "id", "name", "kind", "fuel", "status", "capacity", "capacity_unit", "owner", "country", "state", "year",
    *EMISSIONS, "source", "licence", "show",
)  # fmt: skip
REJECTED = ("file", "row", "reason", "content")
APART_KM = 2.0  # units of one plant that lie farther apart are no units of one plant


def read_sources(configs: list[Source]) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Sources of all tables, and the rows refused.

    Sources are points in EPSG:4326 with `COLUMNS`, sorted by kind and id: capacity in capacity_unit, emissions in
    tonnes per year, NaN where unknown; year of the emissions, or else of commissioning. Rejected has `REJECTED`: the
    line (of a CSV, else counted from the heading, line 1), one sentence, and the row's first 200 characters.

    Raises VectorError for a file that cannot be read or has no usable row, ConfigError for a column that is missing.
    """
    return read_source_files(configs)[:2]


def read_source_files(configs: list[Source]) -> tuple[gpd.GeoDataFrame, pd.DataFrame, pd.DataFrame]:
    """As `read_sources`, and the account of each file: rows, sources, rejected, and merged into a source."""
    reading = _Reading()
    for number_, config in enumerate(configs):
        if not config.files:
            raise VectorError(
                f"`{config.section}.path` {config.path} matches no file: check the folder and the spelling."
            )
        for path in config.files:
            reading.read(number_, config, path)
    rejected = pd.DataFrame(reading.rejected, columns=REJECTED).astype({"row": "int64"})
    files = pd.DataFrame(reading.files, columns=["file", "rows", "sources", "rejected", "merged"])
    return _frame(reading.sources), rejected, files


class _Reading:
    """What is known while files are read one after the other."""

    def __init__(self) -> None:
        self.sources: list[dict[str, Any]] = []
        self.rejected: list[tuple[str, int, str, str]] = []
        self.files: list[tuple[str, int, int, int, int]] = []
        self.countries = countries()
        self.names = Names()
        self.ids: dict[str, tuple[int, str]] = {}

    def read(self, config_number: int, config: Source, path: str) -> None:
        """Add the sources of one file."""
        table = read_source_table(path, lambda header: _fits(config, path, header), config.sheet)
        columns = Columns(config, path, table.header)
        if table.crs is None:
            columns.require_coordinates()
        self._refusals: list[tuple[int, str, str]] = []
        records = self._records(table, columns)
        records, refused = settle_emissions(records, columns)
        for record, reason in refused:
            self._refuse(record, reason)
        groups = self._groups([running_share(record) for record in records], columns)
        merged, taken, usable = 0, 0, 0
        for group in groups:
            source = self._whole(group, columns)
            if source is None:
                continue
            usable += 1
            try:
                self.sources.append(self._source(source, config_number, config, path))
            except RowError as reason:
                for record in group:
                    self._refuse(record, str(reason))
                continue
            taken, merged = taken + 1, merged + len(group) - 1
        self.rejected += [(path, *refusal) for refusal in sorted(self._refusals)]
        count = len(self._refusals)
        assert taken + count + merged == len(table.rows), f"{path}: rows are unaccounted for"  # noqa: S101
        self.files.append((path, len(table.rows), taken, count, merged))
        if not usable:
            reason = usual([reason for _, reason, _ in self._refusals])
            raise VectorError(
                f"The source table {path} has no usable row of {len(table.rows)}; mostly: {reason}. Check "
                f"`{config.section}.layout`, `columns` and `crs`."
            )

    def _refuse(self, record: Record, reason: str) -> None:
        self._refusals.append((record.number, reason, record.content))

    def _records(self, table: SourceTable, columns: Columns) -> list[Record]:
        """Records of the rows that can be read and stand where they can."""
        records = []
        section = columns.config.section
        to_degrees = _to_degrees(table.crs if table.crs is not None else columns.config.crs, section)
        from_columns = _to_degrees(columns.config.crs, section)
        for row in table.rows:
            content = harmless(", ".join(cell[:400] for cell in row.cells[:400]))
            try:
                record = record_of(row, columns, content)
                self._place(record, row, columns, to_degrees if row.geometry is not None else from_columns)
            except RowError as reason:
                self._refusals.append((row.number, str(reason), content))
                continue
            records.append(record)
        codes = self.countries.at(np.array([r.lon for r in records]), np.array([r.lat for r in records]))
        for record, code in zip(records, codes, strict=True):
            record.texts["country"] = self.countries.code(record.texts["country"]) or code
        return records

    def _place(self, record: Record, row: Row, columns: Columns, to_degrees: pyproj.Transformer | None) -> None:
        """Set lon and lat. Raises RowError if they are missing or cannot be."""
        x, y = _coordinates(row, columns)
        if abs(x) < 1e-6 and abs(y) < 1e-6:
            raise RowError("its coordinates are 0, 0, which stands for none")
        lon, lat = to_degrees.transform(x, y) if to_degrees else (x, y)
        code = self.countries.code(record.texts["country"])
        on_earth = abs(lon) <= 180 and abs(lat) <= 90
        away = self.countries.km_from(code, lon, lat) if on_earth and code else 0.0 if on_earth else math.inf
        if away > BORDER_KM:
            if not to_degrees and abs(y) <= 180 and abs(x) <= 90:
                turned = self.countries.km_from(code, y, x) if code else math.inf if on_earth else 0.0
                if turned <= BORDER_KM:
                    where = f"in {code}" if code else "on Earth"
                    raise RowError(f"latitude and longitude seem swapped: the other way round it would lie {where}")
            if not on_earth:
                metres = "; they look like metres: set `crs`" if not to_degrees and max(abs(x), abs(y)) > 1000 else ""
                raise RowError(f"its coordinates lie outside the world{metres}")
            raise RowError(f"it lies {away:.0f} km outside {code}, its country")
        record.lon, record.lat = round(float(lon), 7), round(float(lat), 7)

    def _groups(self, records: list[Record], columns: Columns) -> list[list[Record]]:
        """Records that make one source together: units of a plant, or gases and years of a source."""
        if columns.config.layout == "climate-trace":
            return self._by(
                records, lambda r: r.texts["id"] or (r.texts["name"], r.lon, r.lat), lambda r: (r.gas, r.span)
            )
        if "plant" in columns.places:
            return self._by(records, lambda r: r.texts["plant"], lambda r: r.texts["unit"])
        return [[record] for record in records]

    def _by(self, records: list[Record], whole: Any, part: Any) -> list[list[Record]]:
        groups: dict[Any, list[Record]] = {}
        parts: dict[Any, int] = {}
        for record in records:
            name, own = whole(record), part(record)
            group = groups.setdefault(name or ("row", record.number), [])
            if group and km_between(group[0].lon, group[0].lat, record.lon, record.lat) > APART_KM:
                self._refuse(record, f"it has the id of row {group[0].number}, but lies elsewhere")
            elif group and own and (name, own) in parts:
                self._refuse(record, f"it repeats row {parts[name, own]}")
            else:
                parts[name, own] = record.number
                group.append(record)
        return list(groups.values())

    def _whole(self, group: list[Record], columns: Columns) -> Record | None:
        """The source that a group of records makes; None, all refused, if it makes none."""
        try:
            if columns.config.layout == "climate-trace":
                return last_whole_year(group)
        except RowError as reason:
            for record in group:
                self._refuse(record, str(reason))
            return None
        return plant_of(group) if len(group) > 1 else group[0]

    def _source(self, record: Record, config_number: int, config: Source, path: str) -> dict[str, Any]:
        """A row of the sources. Raises RowError if it is there already."""
        where = f"row {record.number} of {path}"
        own = record.texts["id"] or f"{stem(path)}-{record.number}"
        if own in self.ids and self.ids[own][0] != config_number:
            own = f"{stem(path)}-{own}"  # another publisher's number
        if own in self.ids:
            raise RowError(f"its id {own} is that of {self.ids[own][1]}")
        twin = self.names.twin(record.texts["name"], record.lon, record.lat, where)
        if twin:
            raise RowError(f"{twin} has the same name and stands within 100 m")
        self.ids[own] = config_number, where
        return {
            **{name: record.texts.get(name, "") for name in COLUMNS[:10]},
            **{name: record.emissions.get(name, math.nan) for name in EMISSIONS},
            "id": own, "capacity": record.capacity, "year": record.year, "source": harmless(config.source),
            "licence": harmless(config.licence), "show": config.show, "lon": record.lon, "lat": record.lat,
        }  # fmt: skip


def _fits(config: Source, path: str, header: list[str]) -> bool:
    try:
        return Columns(config, path, header).located
    except (ConfigError, VectorError):
        return False


def _to_degrees(crs: Any, section: str) -> pyproj.Transformer | None:
    """What brings x and y to longitude and latitude; None where they are already."""
    try:
        given = pyproj.CRS.from_user_input(crs or 4326)
        if given.is_geographic and (given.to_epsg() == 4326 or key(given.name).endswith("crs84")):
            return None
        return pyproj.Transformer.from_crs(given, 4326, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        raise ConfigError(f"`{section}.crs` {crs!r} is no CRS: write it as EPSG:3857.") from error


def _coordinates(row: Row, columns: Columns) -> tuple[float, float]:
    """x and y as the row gives them, of an area a place within it. Raises RowError."""
    if row.geometry is not None:
        try:
            point = shapely.point_on_surface(shapely.make_valid(row.geometry))
        except shapely.errors.GEOSException as error:
            raise RowError("its geometry is broken") from error
        if point.is_empty or not (math.isfinite(point.x) and math.isfinite(point.y)):
            raise RowError("its geometry is broken")
        return point.x, point.y
    lat, lon = columns.cell(row, "lat"), columns.cell(row, "lon")
    if not (lat or lon) and columns.cell(row, "coordinates"):
        lat, _, lon = columns.cell(row, "coordinates").partition(",")
    try:
        y, x = number(lat), number(lon)
    except ValueError as error:
        raise RowError(f"its coordinates are no numbers: {error}") from error
    if math.isnan(x) or math.isnan(y):
        raise RowError("it has no coordinates")
    return x, y


def _frame(sources: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    numbers = ("capacity", "year", *EMISSIONS)
    types = {name: "float64" if name in numbers else "bool" if name == "show" else "object" for name in COLUMNS}
    ordered = sorted(sources, key=lambda row: (row["kind"], row["id"]))
    table = pd.DataFrame(ordered, columns=[*COLUMNS, "lon", "lat"]).astype(types)
    points = shapely.points(table["lon"].astype(float), table["lat"].astype(float))
    return gpd.GeoDataFrame(table[list(COLUMNS)], geometry=points, crs=4326)
