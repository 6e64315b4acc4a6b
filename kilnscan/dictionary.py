"""The data dictionary: what each column of each published layer means, from facts/columns.csv."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from kilnscan.errors import TableError

FACTS = Path(__file__).parent.parent / "facts" / "columns.csv"


@dataclass(frozen=True)
class Column:
    """A column of a published layer, as the dictionary tells it."""

    layer: str
    column: str
    type: str
    unit: str
    meaning: str
    source: str
    uncertainty: str
    public: str
    """`yes` where a public edition may have it, `no` where it would tell a kiln's place or what is not ours to tell."""

    @property
    def words(self) -> str:
        """Meaning, unit and uncertainty in a line."""
        unit = f" [{self.unit}]" if self.unit else ""
        return f"{self.meaning}{unit}" + (f". {self.uncertainty}" if self.uncertainty else "")


FIELDS = tuple(field.name for field in fields(Column))


def read_dictionary(path: str | Path = FACTS) -> list[Column]:
    """Every row of the dictionary. Raises TableError if a row is incomplete or comes twice."""
    with Path(path).open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    known: dict[tuple[str, str], Column] = {}
    for number, row in enumerate(rows, start=2):
        if tuple(row) != FIELDS or None in row.values():
            raise TableError(f"Line {number} of {path} has not the columns {', '.join(FIELDS)}: correct it.")
        entry = Column(**row)
        if not (entry.type and entry.meaning and entry.public in ("yes", "no")):
            raise TableError(f"Line {number} of {path} lacks type, meaning, or yes or no under `public`: fill them in.")
        if (entry.layer, entry.column) in known:
            raise TableError(f"Line {number} of {path} tells {entry.layer}.{entry.column} again: remove one.")
        known[entry.layer, entry.column] = entry
    return list(known.values())


def area_columns(areas: Mapping[str, Any] | None) -> list[Column]:
    """The columns that the user's own tables add to the areas, as the section `areas` of the configuration tells."""
    return [
        Column(
            *("areas", name, "number", ""),
            table["labels"].get(name, theirs),
            table["credit"] or f"the column {theirs} of a table of the user",
            *("", "yes"),
        )
        for table in (areas or {}).get("tables", [])
        for name, theirs in table["columns"].items()
    ]


def inventory_columns(tables: Mapping[str, pd.DataFrame]) -> list[Column]:
    """The columns that the tables of other inventories have for each of them, by the inventory's name."""
    told = []
    for layer, mark, kind, words in (
        ("reconciled", "in_{}", "yes/no", "Whether {} has it"),
        ("reconciled", "id_{}", "text", "Its id in {}; empty if that has none there"),
        ("disagreement", "{}_kilns", "integer", "Kilns that {} has in the cell"),
    ):
        before, after = mark.split("{}")
        names = [str(name) for name in tables[layer].columns] if layer in tables else []
        for name in names:
            if name.startswith(before) and name.endswith(after):
                whose = name.removeprefix(before).removesuffix(after)
                told.append(Column(layer, name, kind, "", words.format(whose), f"reconcile: {whose}", "", "no"))
    return told


def check_columns(layer: str, table: pd.DataFrame, extra: Iterable[Column] = ()) -> list[Column]:
    """The entries of the columns of a table, in its order; `extra` are entries that only this region has.

    Raises TableError that names the columns without an entry.
    """
    known = {entry.column: entry for entry in (*read_dictionary(), *extra) if entry.layer == layer}
    unknown = [str(column) for column in table.columns if column not in known]
    if unknown:
        raise TableError(
            f"The table of {layer} has the column(s) {', '.join(unknown)}, which the data dictionary does not know: "
            f"describe them in {FACTS.name} of facts/."
        )
    return [known[column] for column in table.columns]


def dictionary_of(tables: Mapping[str, pd.DataFrame], extra: Iterable[Column] = ()) -> list[Column]:
    """The entries of all columns of all tables, in their order. Raises TableError for a column without an entry."""
    extra = list(extra)
    return [entry for layer, table in tables.items() for entry in check_columns(layer, table, extra)]


def as_table(entries: Iterable[Column]) -> pd.DataFrame:
    """The dictionary as a table of text."""
    return pd.DataFrame([astuple(entry) for entry in entries], columns=list(FIELDS), dtype=object)
