"""Emission factors and what kilns make of them: facts/emission_factors.csv and kiln_activity.csv, or the user's own.

Every number carries its unit (pint). A brick, a kg of brick and a kg of fuel are dimensions of their own, so that a
factor per brick and one per kg of brick never meet: only the mass of a brick (kg_brick/brick) leads from one to the
other. Inventories have been three times too large for want of that.
"""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import pint
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from scipy.special import ndtri

from kilnscan.errors import ConfigError

FACTORS = Path(__file__).parent.parent / "facts" / "emission_factors.csv"
ACTIVITY = Path(__file__).parent.parent / "facts" / "kiln_activity.csv"
POLLUTANTS = ("pm25", "so2", "co", "bc", "co2")
ANY = "*"
LARGEST_TABLE = 1 << 20  # bytes

UNITS = pint.UnitRegistry()
for _name in ("brick", "kg_brick", "kg_fuel"):
    UNITS.define(f"{_name} = [{_name}]")

Unit = Literal["g/brick", "g/kg_brick", "g/MJ", "g/kg_fuel"]
NEEDED = {
    "g/brick": (),
    "g/kg_brick": ("brick_mass",),
    "g/MJ": ("brick_mass", "energy"),
    "g/kg_fuel": ("brick_mass", "energy", "heat_value"),
}
"""What leads from a factor of each unit to g/brick."""
QUANTITIES = {
    "bricks": "brick/year",
    "brick_mass": "kg_brick/brick",
    "energy": "MJ/kg_brick",
    "heat_value": "MJ/kg_fuel",
    "variation": "1",
}
"""What the activity table tells, and its unit: bricks per kiln and year; mass of a brick; heat to fire a kg of brick;
heat of a kg of fuel; standard deviation over mean of the yearly bricks of kilns of one type in one country."""

Text = Annotated[str, Field(min_length=1, max_length=1000)]
Kind = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9 -]{0,39}$")]
Number = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Amount = Annotated[Number | None, BeforeValidator(lambda cell: cell or None)]  # an empty cell says nothing


class Line(BaseModel):
    """What the lines of both tables have."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    source: Text
    year: int = Field(ge=1900, le=2100)
    read_on: date
    note: str = Field(max_length=1000)


class Factor(Line):
    """One line of the factor table: what one set of factors says of one pollutant of one type of kiln."""

    set: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    kiln_type: Kind
    pollutant: Literal[POLLUTANTS]  # type: ignore[valid-type]
    distribution: Literal["point", "uniform", "triangular", "lognormal"]
    value: Amount
    """The value of a point, the mode of a triangle, the mean of a lognormal distribution."""
    low: Amount
    high: Amount
    sd: Amount
    unit: Unit

    @model_validator(mode="after")
    def _is_a_distribution(self) -> "Factor":
        needed = {"point": "value", "uniform": "low high", "triangular": "low value high", "lognormal": "value sd"}
        wanted = needed[self.distribution].split()
        given = [name for name in ("low", "value", "high", "sd") if getattr(self, name) is not None]
        if sorted(given) != sorted(wanted):
            raise ValueError(f"a {self.distribution} distribution takes {', '.join(wanted)} and nothing else")
        if "low" in wanted and not self.low <= (self.value if "value" in wanted else self.low) <= self.high:
            raise ValueError("low, value and high are not in this order")
        if self.distribution == "lognormal" and not (self.value and self.sd):
            raise ValueError("a lognormal distribution takes a mean and a standard deviation above 0")
        return self

    def quantile(self, at: np.ndarray) -> pint.Quantity:
        """The factor at these probabilities (any shape), with its unit."""
        if self.distribution == "point":
            number = np.full(np.shape(at), self.value)
        elif self.distribution == "uniform":
            number = self.low + at * (self.high - self.low)
        elif self.distribution == "triangular":
            number = triangular(at, self.low, self.value, self.high)
        else:
            spread = math.sqrt(math.log1p((self.sd / self.value) ** 2))
            number = self.value * np.exp(spread * ndtri(at) - spread**2 / 2)
        return UNITS.Quantity(number, self.unit)


class Activity(Line):
    """One line of the activity table: the range of a quantity for a type of kiln in a country, or for any (*)."""

    quantity: Literal[tuple(QUANTITIES)]  # type: ignore[valid-type]
    kiln_type: Kind | Literal["*"]
    country: Annotated[str, Field(pattern=r"^([A-Z]{3}|\*)$")]
    low: Number
    mode: Number
    high: Number
    unit: str

    @model_validator(mode="after")
    def _is_a_range(self) -> "Activity":
        if self.unit != QUANTITIES[self.quantity]:
            raise ValueError(f"the unit of {self.quantity} is {QUANTITIES[self.quantity]}, not {self.unit!r}")
        if not self.low <= self.mode <= self.high:
            raise ValueError("low, mode and high are not in this order")
        if self.quantity != "variation" and not self.low:
            raise ValueError("low must be above 0")
        if self.quantity == "variation" and (self.low != self.high or self.high > 2):
            raise ValueError("variation is one number up to 2: give it as low, mode and high")
        return self

    def quantile(self, at: np.ndarray) -> pint.Quantity:
        """The quantity at these probabilities (any shape), with its unit."""
        return UNITS.Quantity(triangular(at, self.low, self.mode, self.high), self.unit)


def triangular(at: np.ndarray, low: float, mode: float, high: float) -> np.ndarray:
    """Quantiles of the triangular distribution."""
    if low == high:
        return np.full(np.shape(at), low)
    rise, fall = (mode - low) * (high - low), (high - mode) * (high - low)
    at = np.asarray(at)
    return np.where(at * (high - low) <= mode - low, low + np.sqrt(at * rise), high - np.sqrt((1 - at) * fall))


def read_factors(path: str | Path | None = None, sets: Iterable[str] = ()) -> list[Factor]:
    """Lines of a factor table (None: the shipped one), of these `sets` or all.

    Raises ConfigError if the table is missing or wrong, or has no such set.
    """
    table = Path(path or FACTORS)
    factors = _read(table, Factor, "emissions.factors", lambda line: (line.set, line.kiln_type, line.pollutant))
    known = sorted({factor.set for factor in factors})
    unknown = sorted(set(sets) - set(known))
    if unknown or not factors:
        raise ConfigError(
            f"`emissions.sets` names {', '.join(unknown) or 'nothing'}, and the factor table {table} holds "
            f"{', '.join(known) or 'no line'}: check the spelling."
        )
    return [factor for factor in factors if not sets or factor.set in set(sets)]


def read_activity(path: str | Path | None = None) -> list[Activity]:
    """Lines of an activity table (None: the shipped one). Raises ConfigError if it is missing or wrong."""
    table = Path(path or ACTIVITY)
    lines = _read(table, Activity, "emissions.activity", lambda line: (line.quantity, line.kiln_type, line.country))
    missing = sorted(set(QUANTITIES) - {line.quantity for line in lines})
    if missing:
        raise ConfigError(f"The activity table {table} has no line of {', '.join(missing)}: add one for any kiln (*).")
    return lines


def per_brick(
    factor: pint.Quantity,
    brick_mass: pint.Quantity | None,
    energy: pint.Quantity | None,
    heat_value: pint.Quantity | None,
) -> pint.Quantity:
    """A factor of any unit in g/brick; what its unit does not need (`NEEDED`) may be None.

    Raises pint.DimensionalityError where the units do not lead there.
    """
    if factor.check("[mass]/[kg_fuel]"):
        factor = factor / heat_value
    if factor.check("[mass]/[energy]"):
        factor = factor * energy
    if factor.check("[mass]/[kg_brick]"):
        factor = factor * brick_mass
    return factor.to("g/brick")


@dataclass(frozen=True)
class LooksPerBrick:
    """A factor said to be per kg of brick that is a published one per brick."""

    pollutant: str
    factor: float
    """As given, said to be g/kg_brick."""
    published: float
    """The published value that it resembles, g/brick."""
    set: str
    times: float
    """By how much emissions are too large where the factor is applied per kg: kg of a brick."""

    def __str__(self) -> str:
        return (
            f"factor looks like g/brick: {self.factor:g} for {self.pollutant} is close to the published "
            f"{self.published:g} g/brick of {self.set}; applied per kg of brick it gives {self.times:.1f} times as much"
        )


CLOSE = 1.25  # ratio to a published factor per brick that still counts as the same
BEYOND = 1.5  # ratio to the largest published factor per kg that no other kiln explains


def looks_per_brick(
    value: float, pollutant: str, factors: list[Factor] | None = None, activity: list[Activity] | None = None
) -> LooksPerBrick | None:
    """Whether a factor that is said to be in g per kg of brick is really one per brick.

    It is when it equals a published factor per brick within a quarter, and is more than half as large again as every
    published factor when that is expressed per kg. None: no sign of it (which is no proof of the contrary).
    """
    lines = [line for line in factors or read_factors() if line.pollutant == pollutant]
    activity = activity or read_activity()
    half = np.array(0.5)
    mass, heat = (find(activity, name, ANY, ANY).quantile(half) for name in ("brick_mass", "heat_value"))
    whole = []
    for line in lines:
        energy = find(activity, "energy", line.kiln_type, ANY)
        if energy or "energy" not in NEEDED[line.unit]:
            heat_needed = energy.quantile(half) if energy else None
            whole.append(per_brick(line.quantile(half), mass, heat_needed, heat))
    bricks = [line for line in lines if line.unit == "g/brick"]
    if not bricks or value <= 0:
        return None
    near = min(bricks, key=lambda line: abs(math.log(value / max(float(line.quantile(half).magnitude), 1e-300))))
    published = float(near.quantile(half).to("g/brick").magnitude)
    largest = max(float((each / mass).to("g/kg_brick").magnitude) for each in whole)
    if max(value / published, published / value) > CLOSE or value <= BEYOND * largest:
        return None
    return LooksPerBrick(pollutant, value, published, near.set, float(mass.to("kg_brick/brick").magnitude))


FALLBACK = {"cfcbk": "fcbk"}
"""Types that take what another has: a circular fixed-chimney kiln is fired as an oval one, and the one source that
names it (space-to-policy-2024) gives both the same factors."""


def names_of(kiln_type: str) -> list[str]:
    """How a type may be written in the tables, the best match first; upper and lower case are one."""
    name = kiln_type.casefold()
    return [name, *([FALLBACK[name]] if name in FALLBACK else [])]


def find(activity: list[Activity], quantity: str, kiln_type: str, country: str) -> Activity | None:
    """The line that tells most of this kiln: its country's before any's, then its type's before any's."""
    lines = {(line.kiln_type.casefold(), line.country): line for line in activity if line.quantity == quantity}
    for place in (country, ANY):
        for name in (*names_of(kiln_type), ANY):
            if (name, place) in lines:
                return lines[name, place]
    return None


L = TypeVar("L", bound=Line)


def _read(table: Path, model: type[L], key: str, identity: Any) -> list[L]:
    """Lines of a table, each once."""
    try:
        if table.stat().st_size > LARGEST_TABLE:
            raise ConfigError(f"The table {table} is larger than any: check `{key}`.")
        with table.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text, strict=True)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise ConfigError(f"The table {table} cannot be read: {error}. Check `{key}`.") from error
    missing = [name for name in model.model_fields if name not in (reader.fieldnames or [])]
    if missing:
        raise ConfigError(
            f"The table {table} lacks the column {', '.join(missing)}: lay it out as facts/README.md says."
        )
    lines, seen = [], {}
    for number, row in enumerate(rows, 2):
        line = _line(row, model, table, number)
        if identity(line) in seen:
            raise ConfigError(
                f"Line {number} of {table} repeats line {seen[identity(line)]} ({', '.join(identity(line))}): "
                "keep one, or give the other a set of its own."
            )
        seen[identity(line)] = number
        lines.append(line)
    return lines


def _line(row: dict[Any, Any], model: type[L], table: Path, number: int) -> L:
    if None in row or None in row.values():
        raise ConfigError(
            f"Line {number} of {table} has more or fewer cells than the head: put text with commas in quotes."
        )
    try:
        return model.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        place = f"column {first['loc'][0]}" if first["loc"] else "as a whole"
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"Line {number} of {table}, column {place}: {said}. Correct the line or take it out."
        ) from None
