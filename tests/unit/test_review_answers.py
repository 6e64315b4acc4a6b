"""What people answer comes back where they marked it, from every layout, and nothing hostile is believed."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely

from kilnscan.decisions import decide, in_region, write_decisions
from kilnscan.errors import AnswerError
from kilnscan.grid import Tile, to_crs
from kilnscan.obb import corners
from kilnscan.review_answers import Answer, Source
from kilnscan.review_layouts import write_review
from kilnscan.review_marks import Mark, Window, from_rectangle, to_line, to_rectangle
from kilnscan.store import Folder

WINDOW, OTHER, EMPTY = (Window(32645, 2812 + n, 13125) for n in range(3))
TYPES = ("FCBK", "zigzag", "clamp")
AREA = shapely.box(449_000, 2_099_000, 452_000, 2_102_000)
KNOWN = in_region([Tile("a", 32645, AREA.bounds, AREA)])
TURNS = np.radians(np.arange(0, 360, 7.3))


def boxes(window: Window) -> np.ndarray:
    """Boxes (n, 4, 2) in UTM metres in the middle of a window, turned every way."""
    left, bottom, right, top = window.bounds
    centre = (left + right) / 2, (bottom + top) / 2
    return corners([[*centre, 110.0, 47.0, turn] for turn in TURNS])


def read(path: Path, **more) -> list[Answer]:
    return Source(str(path), TYPES, KNOWN, **more).answers()


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported review of three windows: with one box, with one turned the other way round, and with none."""
    folder = tmp_path_factory.mktemp("review")
    (folder / "store").mkdir()
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": 64, "height": 64, "crs": "EPSG:32645"}
    with rasterio.open(folder / "store" / "k.tif", "w", **profile, transform=(2.5, 0, 0, 0, -2.5, 0)) as target:
        target.write(np.random.default_rng(0).integers(1, 255, (3, 64, 64), np.uint8))
    chips = [[i, j, "k"] for i in range(2811, 2815) for j in (13124, 13125)]
    imagery = [{"epsg": 32645, "chips": chips, "provider": "cog", "licence": "<b>secret</b>", "attribution": "A & B"}]
    ranked = pd.DataFrame([dict(w._asdict(), reason="uncertain") for w in (WINDOW, OTHER, EMPTY)])
    ranked = ranked.assign(score=0.5, detector_score=0.5, screen_score=0.5)
    quads = {window: window.shares(boxes(window)[5].reshape(-1, 2)) for window in (WINDOW, OTHER)}
    marks = {
        WINDOW.name: [Mark("zigzag", quads[WINDOW], 0.5)],
        OTHER.name: [Mark("clamp", quads[OTHER][::-1], 0.4)],
        EMPTY.name: [],
    }
    write_review(folder, ranked, marks, imagery, Folder(folder / "store"), TYPES, "/data/local-files/?d=images/")
    return folder


def exported(tasks: list[dict], who=7, when="2026-11-24T10:00:00.123456Z") -> list[dict]:
    """Tasks as Label Studio exports them after someone submitted the pre-annotations unchanged."""
    return [
        {
            "id": number, "data": task["data"], "predictions": [], "drafts": [], "file_upload": "",
            "annotations": [
                {
                    "id": number, "completed_by": who, "was_cancelled": False, "ground_truth": False,
                    "created_at": when, "updated_at": when, "result": task["predictions"][0]["result"],
                }
            ],
        }
        for number, task in enumerate(tasks, start=1)
    ]  # fmt: skip


def rows_of(review: Path) -> list[dict[str, str]]:
    with (review / "review.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def answered(review: Path, layout: str, folder: Path) -> Path:
    """The review answered in one of the layouts by leaving everything as it is."""
    if layout == "yolo":
        return review / "labels"
    if layout == "coco":
        return review / "coco.json"
    if layout == "table":
        rows = rows_of(review)
        for row in rows:
            row["decision"] = "kiln" if row["boxes"] else "not-kiln"
        pd.DataFrame(rows).to_csv(folder / "mine.csv", index=False)
        return folder / "mine.csv"
    tasks = json.loads((review / "labelstudio.json").read_text())
    (folder / "ls.json").write_text(json.dumps(exported(tasks)))
    return folder / "ls.json"


@pytest.mark.parametrize("layout", ["labelstudio", "yolo", "coco", "table"])
def test_what_was_exported_comes_back_to_a_few_centimetres(review: Path, layout: str, tmp_path: Path):
    table = decide(read(answered(review, layout, tmp_path)))
    assert table[["window", "what", "decision", "type"]].to_numpy().tolist() == [
        [WINDOW.name, "box", "kiln", "zigzag"],
        [OTHER.name, "box", "kiln", "clamp"],
        [EMPTY.name, "window", "not-kiln", ""],
    ]
    for shape, window in zip(table.geometry, (WINDOW, OTHER), strict=False):
        drawn = shapely.Polygon(boxes(window)[5])
        assert to_crs(shape, 4326, 32645).hausdorff_distance(drawn) < 0.03
    middle = to_crs(table.geometry.iloc[2], 4326, 32645)
    assert (
        middle.area == pytest.approx(160**2) and middle.centroid.distance(shapely.Point(2814 * 160, 13125 * 160)) < 0.1
    )


def test_rectangles_of_label_studio_turn_clockwise_about_their_first_corner():
    ring = from_rectangle(50, 40, 20, 10, 90)
    assert ring == pytest.approx(np.array([[0.5, 0.4], [0.5, 0.6], [0.4, 0.6], [0.4, 0.4]]))
    for quad in boxes(WINDOW):
        for way in (quad, quad[::-1]):
            shares = WINDOW.shares(way)
            back = from_rectangle(**to_rectangle(shares))
            assert shapely.Polygon(WINDOW.metres(back)).hausdorff_distance(shapely.Polygon(quad)) < 1e-4


def test_labels_of_yolo_name_class_and_corners_with_y_downwards(review: Path):
    line = (review / "labels" / f"{WINDOW.name}.txt").read_text().split()
    names = (review / "labels" / "classes.txt").read_text().split()
    assert names[int(line[0])] == "zigzag" and len(line) == 9
    assert np.array(line[1:], float).reshape(4, 2) == pytest.approx(WINDOW.shares(boxes(WINDOW)[5]), abs=1e-6)


def test_every_layout_keeps_licence_and_attribution(review: Path):
    task = json.loads((review / "labelstudio.json").read_text())[0]["data"]
    licence = json.loads((review / "coco.json").read_text())["licenses"][0]
    row = rows_of(review)[0]
    for said in (task, row, {"licence": licence["name"], "attribution": licence["attribution"]}):
        assert (said["licence"], said["attribution"]) == ("<b>secret</b>", "A & B")
    assert "A & B" in (review / "dataset.yaml").read_text()


def test_the_classes_of_a_folder_are_those_it_names_itself(review: Path, tmp_path: Path):
    """Label Studio sorts them by name and puts the list above the labels."""
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("FCBK\nclamp\nnot-kiln\nunsure\nzigzag\n")
    (tmp_path / "labels" / f"{WINDOW.name}.txt").write_text(to_line(4, WINDOW.shares(boxes(WINDOW)[0])))
    assert read(tmp_path / "labels", who="Ann", when="2026-01-02")[0].marks[0].kind == "zigzag"
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(AnswerError, match=r"no classes\.txt"):
        read(tmp_path / "labels")


def test_who_and_when_are_kept_and_skipped_tasks_are_no_answers(review: Path, tmp_path: Path):
    tasks = exported(json.loads((review / "labelstudio.json").read_text()), {"id": 1, "email": "ann@example.org"})
    tasks[0]["annotations"][0]["was_cancelled"] = True
    tasks[1]["annotations"][0]["updated_at"] = "2026-11-24T15:30:00+05:30"
    (tmp_path / "ls.json").write_text(json.dumps(tasks))
    answers = read(tmp_path / "ls.json")
    assert [answer.window for answer in answers] == [OTHER, EMPTY]
    assert (answers[0].who, answers[0].when) == ("ann@example.org", "2026-11-24T10:00:00Z")


def test_a_plain_table_needs_only_window_and_decision(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text(f"window,decision,who,when\n{WINDOW.name},not-kiln,Ann,2026-11-24\n{OTHER.name},,,\n")
    table = decide(read(path))
    assert table[["window", "decision", "who", "when"]].to_numpy().tolist() == [
        [WINDOW.name, "not-kiln", "Ann", "2026-11-24T00:00:00Z"]
    ]
    write_decisions(table, tmp_path / "d.parquet", tmp_path / "d.csv")
    assert (tmp_path / "d.csv").read_text().startswith("window,what,decision,type,who,when,source,disputed,polygon\n")


VALUE = {"x": 40, "y": 40, "width": 20, "height": 10, "rotation": 30, "rectanglelabels": ["zigzag"]}


def task(value: dict | None = None, **annotation) -> list[dict]:
    part = {"type": "rectanglelabels", "value": VALUE | (value or {}), "original_width": 640, "original_height": 640}
    answer = {"completed_by": 1, "created_at": "2026-11-24T10:00:00Z", "result": [part], **annotation}
    return [{"data": {"window": WINDOW.name}, "annotations": [answer]}]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[" * 200_000, "nested too deeply"),
        ('[{"data": NaN}]', "NaN is no number"),
        ("{}", "no export that kilnscan knows"),
        ("[3]", "task 1: its `data` is missing"),
        (json.dumps([{"data": {"window": WINDOW.name}}]), "task 1: its `annotations` is missing"),
        (json.dumps([{"data": {"window": "32645_1_1"}, "annotations": []}]), "'32645_1_1' is no window of this region"),
        (json.dumps([{"data": {"window": "../../x.png"}, "annotations": []}]), "no window"),
        (json.dumps(task({"x": "1e9999"})), "'1e9999' is no usable number"),
        (json.dumps(task({"x": True})), "no usable number"),
        (json.dumps(task()).replace('"x": 40', '"x": 1e999'), "'inf' is no usable number"),
        (json.dumps(task({"x": 150})), "a box lies outside the picture; move it inside or delete it"),
        (json.dumps(task({"width": 0})), "narrower than 5 m"),
        (json.dumps(task({"rectanglelabels": ["<script>"]})), "no type '<script>'; use one of FCBK, zigzag, clamp"),
        (json.dumps(task({"rectanglelabels": []})), "a box has no label"),
        (json.dumps(task(completed_by="<img src=x>")), "'<img src=x>' is no name of a person"),
        (json.dumps(task(created_at="yesterday")), "'yesterday' is no time; write it as 2026-11-24T12:00:00Z"),
        (json.dumps(task(created_at="9999-12-31T23:59:59-10:00")), "is no time"),
        (json.dumps(task(result=[{"type": "textarea", "value": {}}])), "has the type 'textarea'"),
        (json.dumps(task(result=task()[0]["annotations"][0]["result"] * 60)), "more than 50 boxes"),
        (json.dumps(task()).replace('"original_width": 640', '"original_width": 800'), "its picture is not square"),
    ],
)  # fmt: skip
def test_hostile_files_of_label_studio_end_in_one_sentence(tmp_path: Path, content: str, says: str):
    path = tmp_path / "ls.json"
    path.write_text(content)
    with pytest.raises(AnswerError) as raised:
        read(path)
    sentence = str(raised.value)
    assert says in sentence and str(path) in sentence and "\n" not in sentence and len(sentence) < 500


def coco(**changes) -> str:
    ring = [200, 200, 300, 200, 300, 260, 200, 260]
    content = {
        "images": [{"id": 1, "file_name": f"images/{WINDOW.name}.png", "width": 640, "height": 640}],
        "categories": [{"id": 1, "name": "zigzag"}],
        "annotations": [{"image_id": 1, "category_id": 1, "segmentation": [ring]}],
    }
    for key, change in changes.items():
        content[key][0].update(change)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (coco(images={"width": 0}), "image 1: it is not square"),
        (coco(images={"file_name": 5}), "'5' is no window"),
        (coco(annotations={"segmentation": []}), "annotation 1: it has no image or not one polygon"),
        (coco(annotations={"segmentation": [[1, 2, 3]]}), "at least three corners"),
        (coco(annotations={"segmentation": [[200, 200, 300, 260, 300, 200, 200, 260]]}), "crosses itself"),
        (coco(annotations={"image_id": 9}), "no image"),
        (coco(annotations={"category_id": 9}), "there is no type 'None'"),
        (coco(categories={"name": "mosque"}), "there is no type 'mosque'"),
    ],
)
def test_hostile_coco_files_end_in_one_sentence(tmp_path: Path, content: str, says: str):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(AnswerError, match=says):
        read(tmp_path / "c.json")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 0.4 0.4 0.6 0.4 0.6 0.6", "line 1: it is not a class and four corners"),
        ("9 0.4 0.4 0.6 0.4 0.6 0.6 0.4 0.6", "there is no class 9"),
        ("-1 0.4 0.4 0.6 0.4 0.6 0.6 0.4 0.6", "not a class"),
        ("0 nan 0.4 0.6 0.4 0.6 0.6 0.4 0.6", "'nan' is no usable number"),
        ("0 a 0.4 0.6 0.4 0.6 0.6 0.4 0.6", "a corner is no number"),
        ("0 5 5 6 5 6 6 5 6", "outside the picture"),
    ],
)
def test_hostile_label_files_end_in_one_sentence(tmp_path: Path, text: str, says: str):
    (tmp_path / "classes.txt").write_text("FCBK\n")
    (tmp_path / f"{WINDOW.name}.txt").write_text(text)
    with pytest.raises(AnswerError, match=says):
        read(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "no columns `window` and `decision`"),
        (f"window,decision\n{WINDOW.name},maybe\n", "row 2: 'maybe' is no decision; write kiln, not-kiln or unsure"),
        (f"window,decision,who\n{WINDOW.name},kiln,=HYPERLINK(1)\n", "no name of a person"),
        (f"window,decision,boxes\n{WINDOW.name},kiln,zigzag 1 2\n", "at least three corners"),
        (f"window,decision,boxes\n{WINDOW.name},kiln,;;zigzag\n", "at least three corners"),
        ('window,decision\n"x', "no usable CSV"),
    ],
)
def test_hostile_tables_end_in_one_sentence(tmp_path: Path, text: str, says: str):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(AnswerError, match=says):
        read(tmp_path / "a.csv")


def test_files_that_are_too_large_or_no_text_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "x.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AnswerError, match="cannot be read"):
        read(path)
    monkeypatch.setattr("kilnscan.review_answers.LARGEST", 2)
    with pytest.raises(AnswerError, match="larger than"):
        read(path)
