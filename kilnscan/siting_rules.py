"""Rules on where kilns may stand: facts/siting_rules.csv or the user's own table."""

import csv
import re
from calendar import monthrange
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kilnscan.config_impact import PLACES
from kilnscan.errors import ConfigError

TABLE = Path(__file__).parent.parent / "facts" / "siting_rules.csv"
LARGEST_TABLE = 1 << 22  # bytes


def _when(cell: Any) -> str:
    """A day, or the month or year in which it lies where the day is not known; empty if nothing is."""
    text = str(cell or "").strip()
    if text:
        if not re.fullmatch(r"\d{4}(-\d{2}){0,2}", text, re.ASCII):
            raise ValueError("write a day as 2022-02-22, or the month or year in which it lies as 2022-02 or 2022")
        _first_day(text)
    return text


def _first_day(when: str) -> date:
    return date.fromisoformat((when + "-01-01")[:10])


def _last_day(when: str) -> date:
    first = _first_day(when)
    if len(when) == 4:
        return first.replace(month=12, day=31)
    return first.replace(day=monthrange(first.year, first.month)[1]) if len(when) == 7 else first


When = Annotated[str, BeforeValidator(_when)]
# an empty cell says that no distance is known
Distance = Annotated[Annotated[float, Field(gt=0, le=100_000)] | None, BeforeValidator(lambda cell: cell or None)]


class Rule(BaseModel):
    """One line of the table: how near to what, where, and whom it binds."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    country: str = Field(pattern=r"^[A-Z]{3}$")
    state: str = Field(max_length=200)
    """Name as in the table of areas; empty for the whole country."""
    to: Literal[(*PLACES, "kiln", "")]  # type: ignore[valid-type]
    distance_m: Distance
    """None in a row that says that no distance is known; `to` is empty then."""
    applies_to: Literal["new", "existing", "all"]
    kiln_types: str = Field(max_length=200)
    """Types it binds, separated by spaces; empty for all."""
    valid_from: When
    valid_to: When
    title: str = Field(min_length=1, max_length=200)
    citation: str = Field(min_length=1, max_length=500)
    source: str = Field(min_length=1, max_length=500)
    read_on: date
    confidence: Literal["law text", "secondary", "code of a research project", "doubtful"]
    note: str = Field(max_length=500)

    @model_validator(mode="after")
    def _fits_together(self) -> "Rule":
        if (self.distance_m is None) != (self.to == ""):
            raise ValueError("give both `to` and `distance_m`, or neither where no distance is known")
        if self.valid_from and self.valid_to and self.ends < self.starts[0]:
            raise ValueError("`valid_to` lies before `valid_from`")
        return self

    @property
    def starts(self) -> tuple[date, date] | None:
        """First and last day on which it may have come into force; None if nothing is known."""
        return (_first_day(self.valid_from), _last_day(self.valid_from)) if self.valid_from else None

    @property
    def ends(self) -> date:
        """Last day on which it may be in force."""
        return _last_day(self.valid_to) if self.valid_to else date.max

    def holds(self, day: str) -> bool:
        """Whether it may be in force on a day (YYYY-MM-DD); on an empty day, whether no end of it is known."""
        if not day:
            return not self.valid_to
        asked = date.fromisoformat(day)
        return (self.starts is None or self.starts[0] <= asked) and asked <= self.ends


def read_rules(path: str | Path = TABLE) -> list[Rule]:
    """The rules of a table, in its order.

    Raises ConfigError if the table is missing, or for the first line that is wrong.
    """
    table = Path(path)
    try:
        if table.stat().st_size > LARGEST_TABLE:
            raise ConfigError(f"The table of siting rules {table} is larger than any: check `siting.rules`.")
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"The table of siting rules {table} cannot be read: {error}. Give a CSV file in UTF-8 as `siting.rules`."
        ) from error
    rules: dict[str, Rule] = {}
    for number, row in enumerate(rows, 2):
        rule = _rule(row, table, number)
        if rule.id in rules:
            raise ConfigError(f"Row {number} of the siting rules {table} names {rule.id} again: give it its own id.")
        rules[rule.id] = rule
    return list(rules.values())


def _rule(row: dict[str, Any], table: Path, number: int) -> Rule:
    where = f"Row {number} of the siting rules {table}"
    if None in row:
        raise ConfigError(f"{where} has more cells than columns: put cells with a comma in quotes.")
    try:
        # a row that is cut short lacks its last cells
        return Rule.model_validate({key: value for key, value in row.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{where}, {f'column {place}: ' if place else ''}{first['msg']}: correct it there.") from None
