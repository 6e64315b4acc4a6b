"""The data dictionary: every published column has a meaning, and a column without one is refused by name."""

from pathlib import Path

import pandas as pd
import pytest

from kilnscan.dictionary import FACTS, Column, area_columns, as_table, check_columns, dictionary_of, read_dictionary
from kilnscan.errors import TableError
from kilnscan.geopackage import KINDS
from kilnscan.plan import COLUMNS as ORDER_COLUMNS
from kilnscan.publish import COLUMNS
from tests.published import layers

HEAD = "layer,column,type,unit,meaning,source,uncertainty,public\n"


def test_every_layer_and_every_column_it_must_have_is_described() -> None:
    known = {(entry.layer, entry.column) for entry in read_dictionary()}
    must = COLUMNS | {"orders": ORDER_COLUMNS}
    assert {(layer, column) for layer, columns in must.items() for column in columns} <= known
    assert {(layer, "geometry") for layer in KINDS} <= known


def test_every_number_that_is_estimated_tells_its_uncertainty() -> None:
    silent = [entry.column for entry in read_dictionary() if "_t" in entry.column[-6:] and not entry.uncertainty]
    assert silent == []


def test_the_table_is_plain_text_without_stray_spaces() -> None:
    assert [entry for entry in read_dictionary() if any(text != text.strip() for text in vars(entry).values())] == []
    assert FACTS.read_bytes().count(b"\r") == 0


def test_a_column_without_an_entry_is_refused_by_name() -> None:
    table = pd.DataFrame(columns=["kiln", "rule", "secret", "other"])
    with pytest.raises(TableError, match=r"siting has the column.*secret, other"):
        check_columns("siting", table)


def test_columns_of_the_users_own_tables_are_told_by_their_configuration() -> None:
    areas = {
        "tables": [
            {"columns": {"poor": "POV_1", "air": "PM"}, "labels": {"poor": "Poor (%)"}, "credit": "Census"},
            {"columns": {"more": "M"}, "labels": {}, "credit": ""},
        ]
    }
    extra = area_columns(areas)
    table = pd.DataFrame(columns=["area", "poor", "more"])
    told = check_columns("areas", table, extra)
    assert [entry.meaning for entry in told[1:]] == ["Poor (%)", "M"]
    assert told[1].source == "Census"
    assert area_columns(None) == []


def test_the_dictionary_of_an_atlas_has_its_columns_and_no_others() -> None:
    tables = {"siting": pd.DataFrame(columns=["rule", "kiln"])}
    assert [(entry.layer, entry.column) for entry in dictionary_of(tables)] == [("siting", "rule"), ("siting", "kiln")]
    assert len(as_table(dictionary_of(layers(0)))) == len(read_dictionary())
    assert list(as_table([]).columns) == HEAD.strip().split(",")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("kilns,id,text,,Name,atlas,,yes\nkilns,id,text,,Name,atlas,,yes\n", "again"),
        ("kilns,id,text,,,atlas,,yes\n", "lacks type, meaning"),
        ("kilns,id,text,,Name,atlas,,maybe\n", "yes or no"),
        ("kilns,id,text\n", "has not the columns"),
        ("kilns,id,text,,Name,atlas,,yes,more\n", "has not the columns"),
    ],
)
def test_a_wrong_dictionary_is_refused_with_its_line(tmp_path: Path, rows: str, problem: str) -> None:
    (tmp_path / "columns.csv").write_text(HEAD + rows)
    with pytest.raises(TableError, match=problem):
        read_dictionary(tmp_path / "columns.csv")


def test_words_hold_unit_and_uncertainty() -> None:
    assert Column("a", "b", "number", "m", "Length", "x", "One pixel", "yes").words == "Length [m]. One pixel"
    assert Column("a", "b", "text", "", "Name", "x", "", "yes").words == "Name"
