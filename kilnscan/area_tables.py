"""Users' tables with a row for each administrative area, joined by name however it is spelt."""

import math
import unicodedata
from collections import defaultdict

import numpy as np
import pandas as pd

from kilnscan.config_impact import AreaTable
from kilnscan.errors import VectorError
from kilnscan.source_cells import harmless, number
from kilnscan.source_files import SourceTable, read_source_table

MOST_SAID, EXAMPLES = 20, 3
"""Sentences on one table, the others are counted; names of each side of a table that matches nothing."""
_ACCENTS = range(0x300, 0x370)


def read_tables(
    areas: pd.DataFrame, tables: list[AreaTable], wanted: np.ndarray
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Columns (by row of `areas`; NaN where nothing is told) of users' tables, and sentences on what was left out.

    Of `areas` (area, state) those in `wanted` (rows) ought to have a line. Raises VectorError if a table cannot be
    read, lacks a column, or has no line for any area.
    """
    columns: dict[str, np.ndarray] = {}
    said: list[str] = []
    for given in tables:
        joined, sentences = _read_table(given, areas, wanted)
        columns |= joined
        said += sentences[:MOST_SAID]
        if len(sentences) > MOST_SAID:
            said.append(f"{given.path}: {len(sentences) - MOST_SAID} more such lines.")
    return columns, said


def plain(name: str) -> str:
    """A name without case, accents, signs, and zeros before a number; empty for a name of nothing else.

    The vowel signs of South Asian scripts are letters here, the joiners between theirs nothing.
    """
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    kept = ""
    for letter in letters:
        category = unicodedata.category(letter)
        if ord(letter) not in _ACCENTS and category != "Cf":
            kept += letter if category[0] in "LMN" else " "
    words = kept.split()
    return " ".join((word.lstrip("0") or "0") if word.isdecimal() else word for word in words)


class _Names:
    """Rows by name: as it is written if any is written so, else plainly."""

    def __init__(self, areas: pd.DataFrame) -> None:
        self.state = [plain(state) for state in areas["state"]]
        self.written: dict[str, list[int]] = defaultdict(list)
        self.plain: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(areas["area"]):
            self.written[name].append(row)
            self.plain[plain(name)].append(row)

    def find(self, name: str, state: str | None) -> list[int]:
        """The rows that a name may mean, in a state if that is told; a name without letters or numbers means none."""
        if not plain(name):
            return []
        for rows in (self.written.get(name, []), self.plain.get(plain(name), [])):
            here = [row for row in rows if state is None or self.state[row] == plain(state)]
            if here:
                return here
        return []


def _read_table(given: AreaTable, areas: pd.DataFrame, wanted: np.ndarray) -> tuple[dict[str, np.ndarray], list[str]]:
    needed = [given.name, *([given.parent] if given.parent else []), *given.columns.values()]
    table = read_source_table(given.path, lambda header: set(needed) <= set(_trimmed(header)))
    place = _places(table, needed)
    columns = {name: np.full(len(areas), np.nan) for name in given.columns}
    names = _Names(areas)
    said: list[str] = []
    found: set[int] = set()
    for row in table.rows:
        where = f"{given.path}, line {row.number}"
        if row.problem:
            said.append(f"{where}: {row.problem}; it is left out.")
            continue
        name = row.cells[place[given.name]].strip()
        at = names.find(name, row.cells[place[given.parent]] if given.parent else None)
        if len(at) != 1:
            why = f"is the name of {len(at)} areas" if at else "is no area of the map"
            said.append(f"{where}: {harmless(name, 60)!r} {why}; the line is left out.")
        elif at[0] in found:
            said.append(f"{where}: {harmless(name, 60)!r} stands twice; the first line counts.")
        else:
            found.add(at[0])
            for ours, theirs in given.columns.items():
                columns[ours][at[0]], problem = _value(row.cells[place[theirs]])
                said += [f"{where}: {theirs!r}: {problem}; it is left out."] if problem else []
    if not found:
        raise VectorError(_stranger(given, table, place, areas.iloc[[*wanted, *range(len(areas))]]))
    missing = len(wanted) - len(found & {*wanted.tolist()})
    if missing:
        said.insert(0, f"{given.path}: {missing} of {len(wanted)} areas have no line.")
    return columns, said


def _stranger(given: AreaTable, table: SourceTable, place: dict[str, int], areas: pd.DataFrame) -> str:
    """What to say of a table without a line for any of `areas`."""
    keys = [given.name, *([given.parent] if given.parent else [])]
    theirs = [[row.cells[place[name]] for name in keys] for row in table.rows if not row.problem]
    ours = areas[["area", "state"][: len(keys)]].to_numpy(object).tolist()
    has = _examples(theirs) or f"empty ({table.rows[0].problem or 'line 2'})"
    return (
        f"The table {given.path} has no line for any area: its {' and '.join(map(repr, keys))} are {has}, the areas "
        f"are {_examples(ours)}. Check `name` and `parent` in `areas.tables` against those of `areas`."
    )


def _examples(names: list[list[str]]) -> str:
    """The first names, each once, with the state in brackets where there is one."""
    said = dict.fromkeys(tuple(harmless(part.strip(), 60) for part in name) for name in names if name[0].strip())
    words = [repr(name) + "".join(f" ({part})" for part in state) for name, *state in said]
    return ", ".join(words[:EXAMPLES]) + (" and others" if len(words) > EXAMPLES else "")


def _value(cell: str) -> tuple[float, str]:
    """A cell as a number, NaN if it is unknown or none, and what is wrong with it."""
    try:
        return number(cell), ""
    except ValueError as error:
        return math.nan, str(error)


def _trimmed(header: list[str]) -> list[str]:
    return [name.strip("\ufeff \t\xa0") for name in header]


def _places(table: SourceTable, wanted: list[str]) -> dict[str, int]:
    """Where each wanted column is. Raises VectorError if one is missing or there twice."""
    header = _trimmed(table.header)
    for name in wanted:
        if header.count(name) != 1:
            there = ", ".join(harmless(one, 60) for one in header[:40])
            problem = "has two columns" if name in header else "has no column"
            raise VectorError(f"The table {table.path} {problem} {name!r}; it has: {there}. Check `areas.tables`.")
    return {name: header.index(name) for name in wanted}
