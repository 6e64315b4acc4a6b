"""Read strangers' tables row by row: CSV in any usual encoding, XLSX, and whatever OGR reads.

Cells stay texts: what they mean is decided where one can say of a single row why it is refused.
"""

import csv
import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from shapely.geometry.base import BaseGeometry

from kilnscan.errors import VectorError

LARGEST = 300_000_000  # bytes of a file, also unpacked
LONGEST_CELL = 10_000  # characters
MOST_COLUMNS = 2000
_TEXTS = (".csv", ".tsv", ".txt")
_SHEETS = {"HEADERS": "FORCE", "FIELD_TYPES": "STRING"}
_ELSEWHERE = (b"<OGRVRTDataSource", b"<OGRWFSDataSource", b"<OGRCSWDataSource", b"gdal_streamed_alg")
"""Marks of files that OGR takes for orders to open other files and addresses, whatever their name ends in."""
_HEAD = 1 << 16  # bytes of a zip's member in which such a mark counts
_NOWHERE = "http://127.0.0.1:0"  # a proxy that cannot be


@dataclass
class Row:
    """One row: its number in the file (of a CSV the line it starts on, else counted from the heading, line 1)."""

    number: int
    cells: list[str]
    geometry: BaseGeometry | None = None
    problem: str = ""
    """Why it cannot be read; empty if it can."""


@dataclass
class SourceTable:
    """The rows of one file below their heading."""

    path: str
    header: list[str]
    rows: list[Row] = field(default_factory=list)
    crs: Any = None
    """CRS of the geometries; None if the file has none."""


def read_source_table(path: str, fits: Callable[[list[str]], bool], sheet: str | None = None) -> SourceTable:
    """The rows of `path`; of a workbook those of `sheet`, or of the first one whose heading `fits`.

    Raises VectorError if the file is missing, too large, damaged, or says nothing.
    """
    data = _bytes(path)
    with _offline():
        table = _table(path, data, fits, sheet)
    if not table.rows:
        _refuse(path, "has no rows", "check that it is the right file")
    if len(table.header) > MOST_COLUMNS:
        _refuse(path, f"has more than {MOST_COLUMNS} columns", "keep those that are needed")
    for row in table.rows:
        if not row.problem and any(len(cell) > LONGEST_CELL for cell in row.cells):
            row.problem = f"a cell is longer than {LONGEST_CELL} characters"
        elif not row.problem and row.geometry is None and not any(cell.strip() for cell in row.cells):
            row.problem = "the row is empty"
    return table


def _table(path: str, data: bytes, fits: Callable[[list[str]], bool], sheet: str | None) -> SourceTable:
    name = path.lower().removesuffix(".gz")
    if name.endswith(_TEXTS):
        return _csv(path, data)
    if name.endswith((".xlsx", ".xlsm", ".ods")):
        return _workbook(path, fits, sheet)
    return _vector(path, data)


def _refuse(path: str, problem: str, remedy: str) -> NoReturn:
    raise VectorError(f"The source table {path} {problem}: {remedy}.")


def _bytes(path: str) -> bytes:
    """Content of a file, unpacked if it is gzipped, after a look at sizes (of a zip also those of its members)."""
    try:
        with gzip.open(path) if path.lower().endswith(".gz") else Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
        parts = [data]
        if data[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = archive.infolist()
                if sum(member.file_size for member in members) > LARGEST:
                    _refuse(path, f"unpacks to more than {LARGEST // 1_000_000} MB", "cut it to your region")
                parts += [_head(archive, member) for member in members]
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, RuntimeError) as error:
        _refuse(path, f"cannot be read ({error})", "check the path, and save it again")
    if len(data) > LARGEST:
        _refuse(path, f"is larger than {LARGEST // 1_000_000} MB", "cut it to your region")
    if any(mark in part for part in parts for mark in _ELSEWHERE):
        _refuse(path, "is a virtual dataset, which could name any file or address", "give the file itself")
    return data


def _head(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """What a member of a zip begins with."""
    with archive.open(member) as file:
        return file.read(_HEAD)


@contextmanager
def _offline() -> Iterator[None]:
    """Keep OGR from the network: schemas, coordinate systems and services that a file names are not asked for."""
    option, exceptions = pyogrio.get_gdal_config_option("GDAL_HTTP_PROXY"), ("no_proxy", "NO_PROXY")
    before = {name: os.environ.pop(name) for name in exceptions if name in os.environ}
    pyogrio.set_gdal_config_options({"GDAL_HTTP_PROXY": _NOWHERE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"GDAL_HTTP_PROXY": option})
        os.environ.update(before)


def _text(path: str, data: bytes) -> str:
    """Text in the encodings that spreadsheets write: UTF-8, UTF-16 with its mark, Windows' Western one; no NULs."""
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding).replace("\0", "")
        except UnicodeDecodeError:
            continue
    _refuse(path, "is in an encoding that cannot be told", "save it as UTF-8")


def _csv(path: str, data: bytes) -> SourceTable:
    text = _text(path, data)
    first = text.lstrip("\r\n").split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t|", key=first.count), strict=True)
    table, limit = None, csv.field_size_limit(LARGEST)
    try:
        before = 0
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not cells:
                continue  # a blank line
            if table is None:
                table = SourceTable(path, cells)
                continue
            row = Row(line, cells)
            if len(cells) != len(table.header):
                row.problem = f"it has {len(cells)} cells where the heading has {len(table.header)}"
            table.rows.append(row)
    except csv.Error as error:
        _refuse(path, f"cannot be read from line {before + 1} on ({error})", "mend the quotes there")
    finally:
        csv.field_size_limit(limit)
    if table is None:
        _refuse(path, "is empty", "check that it is the right file")
    return table


@contextmanager
def _first_row_is_heading() -> Iterator[None]:
    """Have OGR take the first row of a sheet as its heading, also where all cells are text, and every cell as text."""
    wanted = {f"OGR_{kind}_{name}": value for kind in ("XLSX", "ODS") for name, value in _SHEETS.items()}
    before = {name: pyogrio.get_gdal_config_option(name) for name in wanted}
    pyogrio.set_gdal_config_options(wanted)  # the open option HEADERS has no effect in GDAL 3.12
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def _workbook(path: str, fits: Callable[[list[str]], bool], sheet: str | None) -> SourceTable:
    """A sheet of a workbook: the one named, or the first whose heading fits."""
    try:
        with _first_row_is_heading():
            names = [str(name) for name, _ in pyogrio.list_layers(path)]
            if sheet is not None:
                fitting = [name for name in names if name == sheet]
            else:
                fitting = [name for name in names if fits(list(pyogrio.read_info(path, layer=name)["fields"]))]
            frame = pyogrio.read_dataframe(path, layer=fitting[0], read_geometry=False) if fitting else None
    except Exception as error:  # OGR drivers raise whatever their formats do
        _refuse(path, f"cannot be read ({error})", "save it as CSV")
    if frame is None:
        wanted = f"no sheet {sheet!r}" if sheet is not None else "no sheet with the columns of this layout"
        _refuse(path, f"has {wanted}", f"name one in `sheet`; it has {', '.join(names)[:300]}")
    return SourceTable(path, [str(column) for column in frame.columns], _rows(frame))


def _vector(path: str, data: bytes) -> SourceTable:
    try:
        table = gpd.read_file(io.BytesIO(data) if path.lower().endswith(".gz") else path)
    except Exception as error:  # OGR drivers raise whatever their formats do
        _refuse(path, f"cannot be read ({error})", "save it as CSV or GeoJSON")
    if not isinstance(table, gpd.GeoDataFrame):
        return SourceTable(path, [str(column) for column in table.columns], _rows(table))
    if table.crs is None and not table.geometry.isna().all():
        _refuse(path, "has no CRS", "assign one, for example EPSG:4326, and save it again")
    frame = table.drop(columns=table.geometry.name)
    rows = _rows(frame)
    for row, geometry in zip(rows, table.geometry.array, strict=True):
        row.geometry = None if geometry is None or shapely.is_empty(geometry) else geometry
    return SourceTable(path, [str(column) for column in frame.columns], rows, table.crs)


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [
        Row(number, [cell_text(value) for value in values])
        for number, values in enumerate(frame.to_numpy(object), start=2)
    ]


def cell_text(value: Any) -> str:
    """A value as a cell of a CSV would hold it."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
    text = str(value)
    return "" if text in ("NaT", "<NA>") else text
