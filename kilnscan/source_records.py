"""Turn rows of one publisher's table into records of sources, and records of units, gases and years into sources."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from kilnscan.source_cells import foremost, harmless, number, quantities, split_quantities, statuses, words, year
from kilnscan.source_columns import Columns
from kilnscan.source_files import Row
from kilnscan.source_layouts import (
    CAPACITY_UNITS,
    EMISSION_UNITS_T,
    EMISSIONS,
    GASES,
    key,
)

MOST_T = {"co2_t": 1e9}
MOST_OTHER_T = 1e7  # no source on Earth comes near these in a year
_OFF = 0.05  # share by which an emission may miss factor times activity


class RowError(Exception):
    """A row that is not taken over, and why."""


@dataclass
class Record:
    """What one row says, in our words; later a whole source."""

    number: int
    content: str
    texts: dict[str, str]
    """id, plant, unit, name, kind, fuel, status, capacity_unit, owner, country, state."""
    capacity: float = math.nan
    total: float = math.nan
    """Capacity of all units in the row, also of those whose status is another than the source's."""
    year: float = math.nan
    emissions: dict[str, float] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)
    energy: float = math.nan
    """kWh per year, if the table has it."""
    lon: float = math.nan
    lat: float = math.nan
    gas: str = ""
    span: tuple[date, date] | None = None


def record_of(row: Row, columns: Columns, content: str) -> Record:
    """What a row says, without its place. Raises RowError."""
    if row.problem:
        raise RowError(row.problem)
    config, layout = columns.config, columns.config.layout
    texts = {name: words(columns.cell(row, name)) for name in ("id", "plant", "unit", "name", "owner", "state")}
    texts["fuel"] = words(columns.cell(row, "fuel")).lower()
    texts["country"] = words(columns.cell(row, "country"))
    kind = config.kind or words(columns.cell(row, "kind"))
    if not kind and layout == "wri" and texts["fuel"]:
        kind = f"{texts['fuel']} power"
    texts["kind"] = _slug(kind) or columns.kind
    record = Record(row.number, content, texts)
    record.year = _cell_value(year, columns.cell(row, "year"), "year")
    for name, scale in columns.scales.items():
        value = _cell_value(number, columns.cell(row, name), name.removesuffix("_t"))
        record.emissions[name] = _plausible(value * (scale or 1.0), name, bounded=scale is not None)
    for name, place in columns.factors.items():
        record.factors[name] = _cell_value(number, row.cells[place], f"factor of {name.removesuffix('_t')}")
    if columns.energy is not None:
        record.energy = _cell_value(number, row.cells[columns.energy], "prod_kw")
    _read_capacity(record, row, columns)
    if layout == "climate-trace":
        _read_gas(record, row, columns)
    return record


def _cell_value(read: Callable[[str], Any], cell: str, what: str) -> Any:
    """What `read` makes of a cell. Raises RowError where that is a ValueError."""
    try:
        return read(cell)
    except ValueError as error:
        raise RowError(f"{what}: {error}") from error


def _slug(text: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c == "-") else " " for c in text.lower())
    return " ".join(kept.split())[:40].strip()


def _plausible(value: float, name: str, bounded: bool = True) -> float:
    if value < 0:
        raise RowError(f"{name.removesuffix('_t')} is negative")
    if bounded and value > MOST_T.get(name, MOST_OTHER_T):
        raise RowError(f"{name.removesuffix('_t')} of {value:.3g} t in a year is more than any source emits")
    return value


def _read_capacity(record: Record, row: Row, columns: Columns) -> None:
    """Capacity and status: of a row that lists several units, those of the units with the foremost status."""
    cell = columns.cell(row, "capacity")
    found = statuses(columns.cell(row, "status"))
    split = split_quantities(cell)
    # commas without spaces: energy tells, or as many statuses as numbers where some commas have spaces
    if split and (_yields(sum(split), record.energy) or (", " in cell and len(split) == len(found))):
        listed, unit = split, ""
    else:
        listed, unit = _cell_value(quantities, cell, "capacity")
    if any(value < 0 for value in listed):
        raise RowError("capacity is negative")
    listed = [value if value > 0 else math.nan for value in listed]  # none is as good as not known
    record.texts["status"] = foremost(found)
    record.total = record.capacity = _total(listed)
    if len(found) == len(listed) > 1:
        record.capacity = _total([v for v, status in zip(listed, found, strict=True) if status == foremost(found)])
    named = words(columns.cell(row, "capacity_unit"))
    heading = key(columns.header[columns.places["capacity"][0]]) if "capacity" in columns.places else ""
    in_heading = heading.rpartition("capacity")[2]
    unit = unit or CAPACITY_UNITS.get(key(named), named) or CAPACITY_UNITS.get(in_heading, "")
    record.texts["capacity_unit"] = unit or harmless(columns.config.capacity_unit, 20)


def _yields(megawatts: float, kwh: float) -> bool:
    """Whether a power plant that never rests makes so much in a year, to 1 %."""
    return megawatts > 0 and abs(kwh / (megawatts * 8_760_000) - 1) < 0.01


def _total(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) if known else math.nan


def _read_gas(record: Record, row: Row, columns: Columns) -> None:
    """Gas, tonnes and days of a row of Climate TRACE."""
    record.gas = key(columns.cell(row, "gas"))
    if not record.gas:
        raise RowError("it names no gas")
    quantity = _cell_value(number, columns.cell(row, "quantity"), "emissions_quantity")
    unit = columns.cell(row, "quantity_unit")  # files of late have no such column: all is in tonnes
    scale = EMISSION_UNITS_T.get(key(unit)) if unit or "quantity_unit" in columns.places else 1.0
    if scale is None and not math.isnan(quantity):
        raise RowError(f"the unit of its emissions, {harmless(unit, 40)!r}, is not known")
    name = f"{GASES[record.gas]}_t" if record.gas in GASES else ""
    record.emissions = {name or "other": _plausible(quantity * (scale or 1.0), name or "co2_t")}
    try:
        first, last = (date.fromisoformat(columns.cell(row, name)[:10]) for name in ("start", "end"))
    except ValueError as error:
        raise RowError("start_time or end_time is no date") from error
    if last < first:
        raise RowError("it ends before it starts")
    record.span = first, last


def settle_emissions(records: list[Record], columns: Columns) -> tuple[list[Record], list[tuple[Record, str]]]:
    """Tonnes per year for emissions whose column names no unit; rows kept, and rows refused with the reason.

    The unit follows from the file itself: stated emission over factor times activity, median of all rows. Activity is
    energy in kWh (factors in g/kWh), or capacity (factors in kg/t): in tonnes if half the plants have 1,000 or more, in
    million tonnes if half have less than 100. A row that misses factor times activity by more than 5 % is refused.
    """
    open_ = [name for name, scale in columns.scales.items() if scale is None]
    if not open_:
        return records, []
    capacities = [record.total for record in records if record.total > 0]
    middle = float(np.median(capacities)) if capacities else math.nan
    tonnes, unit = (1.0, "t/yr") if middle >= 1000 else (1e6, "Mt/yr") if middle < 100 else (math.nan, "")
    energetic = columns.energy is not None

    def expected(record: Record, name: str) -> float:
        """Tonnes per year by factor and activity."""
        activity = record.energy / 1e6 if energetic else record.total * tonnes / 1e3
        return record.factors.get(name, math.nan) * activity

    ratios = [
        record.emissions[name] / expected(record, name)
        for record in records for name in open_ if record.emissions[name] > 0 and expected(record, name) > 0
    ]  # fmt: skip
    share = float(np.median(ratios)) if ratios else math.nan
    units = {1.0: 1.0, 1e-3: 1e3, 1e3: 1e-3, 1 / 365: 365.0, 1 / 365e3: 365e3}  # t, kt, kg a year; t, kt a day
    scale = next((by for ratio, by in units.items() if abs(share / ratio - 1) < 0.02), None)
    if energetic:
        right = [_yields(record.total, record.energy) for record in records if record.total > 0 and record.energy > 0]
        unit = "MW" if right and sum(right) > len(right) / 2 else ""
    kept, refused = [], []
    for record in records:
        try:
            _settle(record, open_, scale, expected)
        except RowError as reason:
            refused.append((record, str(reason)))
            continue
        if scale is not None and not record.texts["capacity_unit"]:
            record.texts["capacity_unit"] = unit
        kept.append(record)
    return kept, refused


def _settle(record: Record, names: list[str], scale: float | None, expected: Callable[[Record, str], float]) -> None:
    """Bring emissions without unit to tonnes per year. Raises RowError."""
    for name in names:
        stated, short = record.emissions[name], name.removesuffix("_t")
        if stated > 0 and scale is None:
            raise RowError(
                f"the unit of {short} is not known, and does not follow from factor and activity: name it by `columns`"
            )
        if math.isnan(stated) or (stated == 0 and not record.total > 0):
            record.emissions[name] = math.nan
            continue
        follows = expected(record, name)
        value = stated * (scale or 1.0)
        if scale is not None and not math.isnan(follows) and abs(value - follows) > _OFF * follows:
            raise RowError(f"{short} is {value:.4g} t a year, but factor times activity is {follows:.4g} t")
        record.emissions[name] = _plausible(value, name)


def running_share(record: Record) -> Record:
    """A record whose emissions are those of the units that its capacity and status are of."""
    if record.capacity < record.total:
        share = record.capacity / record.total
        record.emissions = {name: value * share for name, value in record.emissions.items()}
    return record


def plant_of(units: list[Record]) -> Record:
    """One source from the units of a plant, in the order of the file.

    Status: the foremost of the units'. Capacity and emissions: sums over the units of that status. Year: their first.
    """
    first = units[0]
    status = foremost([unit.texts["status"] for unit in units])
    chosen = [unit for unit in units if unit.texts["status"] == status]
    texts = {name: _filled(unit.texts[name] for unit in chosen) for name in first.texts}
    texts |= {"id": first.texts["plant"], "status": status, "name": _common([unit.texts["name"] for unit in units])}
    texts["fuel"] = ", ".join(sorted({unit.texts["fuel"] for unit in chosen} - {""}))[:200]
    plant = Record(first.number, first.content, texts, lon=first.lon, lat=first.lat)
    plant.capacity = _total([unit.capacity for unit in chosen])
    plant.year = min((unit.year for unit in chosen if not math.isnan(unit.year)), default=math.nan)
    plant.emissions = {name: _total([unit.emissions.get(name, math.nan) for unit in chosen]) for name in EMISSIONS}
    return plant


def _filled(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def _common(names: list[str]) -> str:
    """The words that names of units begin with, or the first name if they share none."""
    shared = []
    for parts in zip(*(name.split() for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    text = " ".join(shared).rstrip(" -:,(#")
    return text if len(text) >= 4 else names[0]


def last_whole_year(rows: list[Record]) -> Record:
    """One source from its rows by gas and time, with emissions of the latest year that some gas has whole.

    Raises RowError if there is none.
    """
    months: dict[tuple[int, str], dict[int, float]] = defaultdict(dict)
    for row in rows:
        first, last = row.span
        value = next(iter(row.emissions.values()))
        if (first.month, first.day) == (1, 1) and date(first.year, 12, 31) <= last <= date(first.year + 1, 1, 1):
            months[first.year, row.gas] = dict.fromkeys(range(1, 13), value / 12)
        elif first.day == 1 and 27 <= (last - first).days <= 31 and len(months[first.year, row.gas]) < 12:
            months[first.year, row.gas][first.month] = value
    whole = {when: math.fsum(parts.values()) for when, parts in months.items() if len(parts) == 12}
    if not whole:
        raise RowError("its source has no gas for a whole year")
    latest = max(when for when, _ in whole)
    source = next(row for row in rows if row.span[0].year == latest)
    source.emissions = {
        f"{GASES[gas]}_t": value for (when, gas), value in whole.items() if when == latest and gas in GASES
    }
    source.year = float(latest)
    return source


def usual(reasons: list[str]) -> str:
    """The reason that is given most often."""
    return Counter(reasons).most_common(1)[0][0]


def stem(path: str) -> str:
    """Name of a file without folder and endings."""
    return Path(path).name.split(".")[0]
