"""Many answers become one table, and the table corrects labels and references by one rule."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from kilnscan.corrections import answered_windows, apply_decisions, corrected_reference, read_decisions
from kilnscan.decisions import decide, in_region, write_decisions
from kilnscan.errors import VectorError
from kilnscan.grid import Tile, to_crs
from kilnscan.obb import corners
from kilnscan.review_answers import Answer
from kilnscan.review_marks import Mark, Window

WINDOW, NEXT = Window(32645, 2812, 13125), Window(32645, 2813, 13125)
X, Y = 2812 * 160.0, 13125 * 160.0


def mark(dx=0.0, dy=0.0, kind="zigzag", window=WINDOW) -> Mark:
    """A kiln's box centred so many metres east and north of WINDOW's centre, in the picture of `window`."""
    return Mark(kind, window.shares(corners([[X + dx, Y + dy, 100.0, 50.0, 0.3]])[0]))


def said(*marks: Mark, who="Ann", when="2026-01-01T00:00:00Z", verdict="", window=WINDOW) -> Answer:
    return Answer(window, marks, who, when, "a.json", verdict)


def labels(*places: tuple[float, float]) -> gpd.GeoDataFrame:
    """Labels so many metres from WINDOW's centre."""
    shapes = [to_crs(shapely.Point(X + dx, Y + dy).buffer(20), 32645, 4326) for dx, dy in places]
    return gpd.GeoDataFrame({"kiln_type": ["FCBK"] * len(shapes)}, geometry=shapes, crs=4326)


def offsets(table: gpd.GeoDataFrame) -> list[tuple[int, int]]:
    points = table.geometry.to_crs(32645).centroid
    return sorted((round(x - X), round(y - Y)) for x, y in zip(points.x, points.y, strict=True))


def corrected(given: gpd.GeoDataFrame, *answers: Answer):
    return apply_decisions(given, decide(answers))


def test_of_a_persons_answers_the_latest_counts_whatever_the_order_of_files():
    late = said(when="2026-02-01T00:00:00Z")
    for order in ([said(mark()), late], [late, said(mark())]):
        assert decide(order)["decision"].tolist() == ["not-kiln"]


def test_people_who_agree_are_one_answer_and_the_latest_draws_the_box():
    table = decide([said(mark(), when="2026-03-01T00:00:00Z"), said(mark(20, 10, "FCBK"), who="Bob")])
    assert table[["who", "type", "disputed"]].to_numpy().tolist() == [["Ann", "zigzag", False]]


@pytest.mark.parametrize("other", [said(who="Bob"), said(mark(70), who="Bob"), said(mark(), mark(70), who="Bob")])
def test_people_who_do_not_agree_are_both_kept_and_change_nothing(other: Answer):
    table = decide([said(mark(), when="2026-03-01T00:00:00Z"), other])
    assert table["disputed"].all() and set(table["who"]) == {"Ann", "Bob"}
    assert offsets(apply_decisions(labels((5, 5)), table).labels) == [(5, 5)]


def test_who_is_unsure_disputes_nothing():
    table = decide([said(mark()), said(who="Bob", when="2026-05-01T00:00:00Z", verdict="unsure")])
    assert table[["who", "decision", "disputed"]].to_numpy().tolist() == [["Ann", "kiln", False]]
    table = decide([said(mark()), said(mark(0, 0, "unsure"), who="Bob", when="2026-05-01T00:00:00Z")])
    assert table[["who", "decision", "disputed"]].to_numpy().tolist() == [["Ann", "kiln", False]]
    assert decide([said(verdict="unsure")])["decision"].tolist() == ["unsure"]


def test_the_table_does_not_depend_on_the_order_of_answers():
    answers = [said(mark()), said(who="Bob"), said(mark(160, window=NEXT), window=NEXT), said(who="Cy", verdict="kiln")]
    first = decide(answers)
    assert first.equals(decide(answers[::-1])) and list(first["window"]) == sorted(first["window"])


def test_a_confirmed_kiln_replaces_the_label_near_it_and_is_added_where_there_is_none():
    table = corrected(labels((30, 0), (500, 0)), said(mark()), said(mark(160, window=NEXT), window=NEXT)).labels
    assert offsets(table) == [(0, 0), (160, 0), (500, 0)]
    assert sorted(table["kiln_type"]) == ["FCBK", "zigzag", "zigzag"]


def test_a_rejected_box_drops_the_label_within_50_m_and_becomes_a_negative():
    table, negatives = corrected(labels((90, 0), (160, 0)), said(mark(100, 0, "not-kiln")))
    assert offsets(table) == [(160, 0)]
    assert offsets(corrected(labels((49, 100), (51, 100)), said(mark(0, 100, "not-kiln"))).labels) == [(51, 100)]
    assert offsets(negatives) == [(100, 0)]


def test_a_rejected_window_drops_what_lies_in_its_middle_and_nothing_else():
    table, negatives = corrected(labels((-79, 79), (81, 0), (0, -81)), said())
    assert offsets(table) == [(0, -81), (81, 0)]
    assert negatives.to_crs(32645).area.tolist() == pytest.approx([160**2], rel=1e-6)


def test_what_a_person_did_not_mark_in_the_middle_of_a_window_is_no_kiln():
    assert offsets(corrected(labels((60, 60), (60, -100)), said(mark(-40, -40))).labels) == [(-40, -40), (60, -100)]


def test_what_a_person_is_unsure_of_stays_as_it_is():
    assert offsets(corrected(labels((0, 0)), said(mark(0, 0, "unsure"))).labels) == [(0, 0)]
    assert offsets(corrected(labels((0, 0)), said(verdict="unsure")).labels) == [(0, 0)]
    assert offsets(corrected(labels((0, 0)), said(verdict="kiln")).labels) == [(0, 0)]


def test_a_kiln_that_two_pictures_show_is_one_and_no_negative():
    table, negatives = corrected(labels(), said(mark(70)), said(mark(74, window=NEXT), window=NEXT))
    assert len(table) == 1
    table, negatives = corrected(labels(), said(), said(mark(70, window=NEXT), window=NEXT))
    assert offsets(table) == [(70, 0)] and negatives.empty


def test_labels_of_any_crs_and_an_empty_table_are_fine():
    given = labels((0, 0), (300, 0))
    assert offsets(corrected(given.to_crs(32645)).labels) == [(0, 0), (300, 0)]
    assert corrected(labels((0, 0)), said()).labels.empty


def test_tables_are_read_back_and_others_are_refused(tmp_path):
    write_decisions(decide([said(mark()), said(who="Bob")]), tmp_path / "d.parquet", tmp_path / "d.csv")
    assert len(read_decisions(tmp_path / "d.parquet")) == 2
    assert answered_windows([str(tmp_path / "d.parquet")]) == {WINDOW.name}
    assert len(pd.read_csv(tmp_path / "d.csv")) == 2
    write_decisions(decide([]), tmp_path / "none.parquet", tmp_path / "none.csv")
    assert read_decisions(tmp_path / "none.parquet").empty
    labels((0, 0)).to_parquet(tmp_path / "l.parquet")
    with pytest.raises(VectorError, match="no table of decisions"):
        read_decisions(tmp_path / "l.parquet")
    with pytest.raises(VectorError, match="do not exist"):
        read_decisions(tmp_path / "gone.parquet")


def test_windows_name_their_place_and_middles_tile_the_land():
    assert Window.named(WINDOW.name) == WINDOW and Window.named("32699_1_1") is None and Window.named("x") is None
    middles = [to_crs(window.middle, 4326, 32645) for window in (WINDOW, NEXT)]
    assert middles[0].intersection(middles[1]).area < 1e-3
    assert middles[0].distance(middles[1]) < 1e-3
    own = shapely.box(X - 1000, Y - 1000, X + 100, Y + 100)
    known = in_region([Tile("a", 32645, own.bounds, own)])
    assert (
        known(WINDOW)
        and known(NEXT)
        and not known(Window(32645, 2815, 13125))
        and not known(Window(32646, 2812, 13125))
    )
    assert np.allclose(WINDOW.metres(WINDOW.shares(np.array([[X, Y]]))), [[X, Y]])


def test_outlines_of_any_shape_become_boxes_that_everything_can_read():
    around = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    hexagon = Mark("zigzag", WINDOW.shares(np.column_stack([X + 50 * np.cos(around), Y + 25 * np.sin(around)])))
    triangle = Mark("FCBK", WINDOW.shares(np.array([[X + 70, Y + 60], [X + 100, Y + 60], [X + 70, Y + 80]])))
    table = decide([said(hexagon, triangle)])
    assert [len(shape.exterior.coords) for shape in table.geometry] == [5, 5]
    assert len(apply_decisions(labels(), table).labels) == 2


def test_who_agrees_without_drawing_takes_no_box_away():
    table = decide([said(mark()), said(who="Bob", when="2026-05-01T00:00:00Z", verdict="kiln")])
    assert table[["who", "what", "decision"]].to_numpy().tolist() == [["Ann", "box", "kiln"]]
    assert offsets(apply_decisions(labels(), table).labels) == [(0, 0)]


def test_what_people_marked_on_the_pixels_corrects_a_reference_that_lies_beside_them(tmp_path):
    table = decide([said(mark(4, -7, "FCBK"))])  # a kiln of the reference, where the pixels show it
    write_decisions(table, tmp_path / "d.parquet", tmp_path / "d.csv")
    labels((0, 0), (400, 0)).rename(columns={"kiln_type": "kind"}).to_file(tmp_path / "known.geojson")
    told = ([str(tmp_path / "known.geojson")], str(tmp_path / "d.parquet"), "kind", (4.0, -7.0))
    known = corrected_reference(*told)
    assert offsets(known) == [(0, 0), (400, 0)] and set(known["kind"]) == {"FCBK"}
