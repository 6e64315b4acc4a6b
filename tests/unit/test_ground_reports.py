"""Reports of volunteers: every layout is read, nothing hostile believed, and nobody's data come out."""

import csv
import json
import shutil
import zlib
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kilnscan.config_impact import GroundReports
from kilnscan.corrections import apply_decisions, read_decisions
from kilnscan.errors import AnswerError
from kilnscan.grid import Tile, to_crs, to_lonlat, transformer
from kilnscan.ground_reports import COLUMNS, accepted_and_rejected, read_reports
from kilnscan.report_form import form_sheets, write_form
from kilnscan.report_layouts import LAYOUTS, SAW, TYPES, WORKING
from kilnscan.report_places import match_reports
from kilnscan.tables import read_table

ROOT = Path(__file__).parents[2]
FORM = ROOT / "config" / "ground-report-form.yaml"
TODAY = date(2026, 11, 24)
KINDS = ("CFCBK", "FCBK", "zigzag")
EPSG, X, Y = 32645, 450_000.0, 2_100_000.0
AREA = shapely.box(X - 5000, Y - 5000, X + 5000, Y + 5000)
TILES = [Tile("a", EPSG, AREA.bounds, AREA)]
PHONE, NAME, MAIL, SERIAL, DEVICE = (
    "+919876543210",
    "Ravi Planted",
    "ravi@planted.example",
    "SN-PLANTED-77",
    "dev:PLANTED",
)
UUID = "3f2c1c1e-8b1f-4b0e-9a55-{:012d}"


def lonlat(east: float = 0, north: float = 0, epsg: int = EPSG, x: float = X, y: float = Y) -> tuple[float, float]:
    return transformer(epsg, 4326).transform(x + east, y + north)


def kilns_at(*places: tuple[float, float], epsg: int = EPSG, x: float = X, y: float = Y) -> gpd.GeoDataFrame:
    """Kilns with boxes of 100 x 50 m around places in metres."""
    boxes = [to_lonlat(shapely.box(x + e - 50, y + n - 25, x + e + 50, y + n + 25), epsg) for e, n in places]
    ids = [f"K{number}" for number in range(len(places))]
    return gpd.GeoDataFrame(
        {"id": pd.Series(ids, dtype="str"), "type": pd.Series(["FCBK"] * len(ids), dtype="str")},
        geometry=gpd.GeoSeries(boxes, crs=4326),
        crs=4326,
    )


def plain(folder: Path, *rows: dict, name: str = "reports.csv") -> Path:
    """A plain table; each row changes a good one."""
    lon, lat = lonlat()
    columns = ["id", "date", "lat", "lon", "accuracy_m", "saw", "type", "working", "note", "photo"]
    good = {
        "date": "2026-11-20",
        "lat": lat,
        "lon": lon,
        "accuracy_m": 5,
        "saw": "kiln",
        "type": "zigzag",
        "working": "yes",
    }
    table = pd.DataFrame([good | {"id": f"n{at}"} | row for at, row in enumerate(rows)], columns=columns)
    table.to_csv(folder / name, index=False)
    return folder / name


def config(path: Path | list[str], layout: str = "csv", **more) -> GroundReports:
    return GroundReports(path=str(path) if isinstance(path, Path) else path, layout=layout, **more)


def accepted(path: Path, layout: str = "csv", tiles=TILES, **more):
    return accepted_and_rejected([config(path, layout, **more)], tiles, KINDS, TODAY)


def outputs(folder: Path) -> dict[str, str]:
    names = {"reports": "atlas/reports.parquet", "review": "reports/review.csv", "rejected": "reports/rejected.csv",
             "decisions": "reports/decisions.parquet", "photos": "reports/photos"}  # fmt: skip
    return {key: str(folder / name) for key, name in names.items()}


def run(folder: Path, configs: list[GroundReports], kilns: gpd.GeoDataFrame, tiles=TILES) -> dict:
    read_reports(configs, kilns, tiles, KINDS, outputs(folder), TODAY)
    files = outputs(folder)
    with Path(files["review"]).open(newline="", encoding="utf-8") as stream:
        review = list(csv.DictReader(stream))
    tables = {name: read_table(files[name]) for name in ("reports", "decisions")}
    return tables | {"review": review, "rejected": pd.read_csv(files["rejected"])}


def kobo_row(number: int = 1, group: str = "") -> dict:
    lon, lat = lonlat()
    return {
        "start": f"2026-11-20T10:{number:02d}:00.000+05:30", f"{group}date": "2026-11-20", f"{group}consent": "OK",
        f"{group}place": f"{lat} {lon} 12 4.5", f"{group}saw": "kiln", f"{group}type": "zigzag",
        f"{group}working": "no", f"{group}photo": "p.jpg", f"{group}note": "smoke", "username": NAME,
        "phonenumber": PHONE, "deviceid": DEVICE, "email": MAIL, "_id": 9, "_uuid": UUID.format(number),
        "_submission_time": "2026-11-20T05:00:00", "_submitted_by": NAME,
    }  # fmt: skip


def export(folder: Path, layout: str) -> tuple[Path, str]:
    """One good report as each server exports it, with the sender's data planted round it."""
    lon, lat = lonlat()
    row = kobo_row(group="kiln/" if layout.startswith("kobo") and "group" in layout else "")
    if layout.startswith("kobo-json"):
        row |= {"_geolocation": [lat, lon], "_validation_status": {}, "_attachments": [{"filename": f"{NAME}/p.jpg"}]}
        path = folder / "kobo.json"
        path.write_text(json.dumps({"count": 1, "next": None, "results": [row]}))
        return path, "kobo"
    if layout.startswith("kobo"):
        prefix = "kiln/_place_" if "group" in layout else "_place_"
        row |= {f"{prefix}latitude": lat, f"{prefix}longitude": lon, f"{prefix}altitude": 12, f"{prefix}precision": 4.5}
        pd.DataFrame([row]).to_csv(folder / "kobo.csv", index=False, sep=";" if "semicolon" in layout else ",")
        return folder / "kobo.csv", "kobo"
    if layout.startswith("odk"):
        group = "kiln-" if "group" in layout else ""
        names = {f"{group}{name}": row[name] for name in ("consent", "saw", "type", "working", "photo", "note")}
        place = {"Latitude": lat, "Longitude": lon, "Altitude": 12, "Accuracy": 4.5}
        row = (
            {"SubmissionDate": "2026-11-20T05:00:00.000Z", f"{group}date": "2026-11-20"}
            | {f"{group}place-{name}": value for name, value in place.items()}
            | names
            | {"meta-instanceID": "uuid:" + UUID.format(1), "KEY": "uuid:" + UUID.format(1), "SubmitterID": 5}
            | {"SubmitterName": NAME, "Status": "", "ReviewState": "", "DeviceID": DEVICE, "FormVersion": 1}
        )
        pd.DataFrame([row]).to_csv(folder / "odk.csv", index=False)
        return folder / "odk.csv", "odk"
    return plain(
        folder, {"id": UUID.format(1), "accuracy_m": 4.5, "working": "no", "note": "smoke", "photo": "p.jpg"}
    ), "csv"


EXPORTS = ["kobo", "kobo-semicolon", "kobo-group", "kobo-json", "kobo-json-group", "odk", "odk-group", "csv"]


@pytest.mark.parametrize("layout", EXPORTS)
def test_every_layout_says_the_same(layout: str, tmp_path: Path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "p.jpg")
    reports, rejected = accepted(*export(tmp_path, layout), photos=str(tmp_path / "photos"))
    assert rejected.empty
    (report,) = reports
    assert (report.date, report.saw, report.type, report.working) == ("2026-11-20", "kiln", "zigzag", "no")
    assert (report.lon, report.lat) == pytest.approx(lonlat(), abs=1e-6)
    assert (report.accuracy_m, report.note, report.photo, report.photo_problem) == (4.5, "smoke", "p.jpg", "")
    assert report.id == accepted(plain(tmp_path, {"id": UUID.format(1)}))[0][0].id  # the submission's, whoever wrote it


def test_the_place_of_a_submission_is_found_where_only_the_server_says_it(tmp_path: Path):
    row = kobo_row() | {"_geolocation": list(lonlat())[::-1]}
    del row["place"]
    (tmp_path / "k.json").write_text(json.dumps([row]))
    (report,), _ = accepted(tmp_path / "k.json", "kobo")
    assert report.accuracy_m == 20


LON, LAT = lonlat()
BAD = {
    "a coordinate is a word": ({"lat": "north"}, "place is missing"),
    "a coordinate is infinite": ({"lon": "inf"}, "place is missing"),
    "a coordinate is no number": ({"lon": "nan"}, "place is missing"),
    "a coordinate is missing": ({"lon": ""}, "place is missing"),
    "off the globe": ({"lat": 91}, "place is missing"),
    "null island": ({"lat": 0, "lon": 0}, "0, 0"),
    "lat and lon exchanged": ({"lat": LON, "lon": LAT}, "outside the region"),
    "another country": ({"lat": 51.5, "lon": -0.1}, "outside the region"),
    "the South Pole": ({"lat": -90}, "outside the region"),
    "a bad fix": ({"accuracy_m": 201}, "accuracy"),
    "a negative accuracy": ({"accuracy_m": -1}, "accuracy"),
    "tomorrow's tomorrow": ({"date": "2026-11-26"}, "future"),
    "last century": ({"date": "1999-12-31"}, "before 2000"),
    "no date": ({"date": ""}, "date is missing"),
    "a date with slashes": ({"date": "20/11/2026"}, "date is missing"),
    "a choice that there is not": ({"saw": "maybe <script>"}, "`saw` is none"),
    "no answer": ({"saw": ""}, "`saw` is none"),
    "an unknown type": ({"type": "volcano"}, "`type` is none"),
    "an unknown state": ({"working": "sometimes"}, "`working` is none"),
    "no id": ({"id": ""}, "no id"),
    "NUL": ({"note": "a\0b"}, "control characters"),
    "a giant cell": ({"note": "x" * 5001}, "longer than"),
    "a cell beyond all bounds": ({"note": "x" * 200_000}, "longer than"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_rejected_with_its_reason_and_the_others_stay(case: str, tmp_path: Path):
    change, reason = BAD[case]
    reports, rejected = accepted(plain(tmp_path, {}, change, {"date": "2026-11-21"}))
    assert len(reports) == 2
    assert rejected["row"].tolist() == [3] and reason in rejected["reason"].iloc[0]
    assert "script" not in rejected.to_csv() and "volcano" not in rejected.to_csv()


def test_what_was_sent_twice_counts_once(tmp_path: Path):
    twin = kobo_row(1) | {"_uuid": UUID.format(2)}  # same device, place and minute
    other = kobo_row(1) | {"_uuid": UUID.format(3), "deviceid": "dev:2"}
    later = kobo_row(4)
    (tmp_path / "k.json").write_text(json.dumps([kobo_row(1), kobo_row(1), twin, other, later]))
    reports, rejected = accepted(tmp_path / "k.json", "kobo")
    assert len(reports) == 3 and rejected["row"].tolist() == [2, 3]
    assert set(rejected["reason"]) == {"it was sent before"}
    first = plain(tmp_path, {}, name="a.csv")
    both = accepted_and_rejected([config(first), config(plain(tmp_path, {}, name="b.csv"))], TILES, KINDS, TODAY)
    assert len(both[0]) == 1 and both[1]["file"].tolist() == ["b.csv"]


def test_who_did_not_consent_or_was_turned_down_is_not_read(tmp_path: Path):
    rows = [
        kobo_row(1) | {"consent": "no"},
        kobo_row(2) | {"_validation_status": {"uid": "validation_status_not_approved"}},
    ]
    (tmp_path / "k.json").write_text(json.dumps([*rows, kobo_row(3), 7]))
    reports, rejected = accepted(tmp_path / "k.json", "kobo")
    assert len(reports) == 1
    assert rejected["reason"].tolist() == [
        "the sender did not consent", "it was rejected on the server", "it is no submission",
    ]  # fmt: skip


@pytest.mark.parametrize("layout", ["kobo", "kobo-json", "odk", "kobo-group"])
@pytest.mark.parametrize("answer", ["no", "", None])
def test_of_who_was_asked_and_did_not_consent_nothing_is_kept(layout: str, answer: str | None, tmp_path: Path):
    path, kind = export(tmp_path, layout)
    if path.suffix == ".json":
        (row,) = json.loads(path.read_text())["results"]
        other = {name: value for name, value in row.items() if name != "consent"} | {"_uuid": UUID.format(2)}
        path.write_text(json.dumps([row, other if answer is None else other | {"consent": answer}]))
    else:
        table = pd.read_csv(path, dtype=str)
        column = next(name for name in table if name.endswith("consent"))
        pd.concat([table, table.assign(**{column: answer})]).to_csv(path, index=False)
    reports, rejected = accepted(path, kind)
    assert len(reports) == 1
    assert rejected["reason"].tolist() == ["the sender did not consent"]
    assert rejected.drop(columns=["file", "row", "reason"]).isna().all(axis=None)


def test_where_nobody_is_asked_for_consent_reports_are_read(tmp_path: Path):
    path = tmp_path / "k.json"
    path.write_text(json.dumps([{name: value for name, value in kobo_row().items() if name != "consent"}]))
    assert len(accepted(path, "kobo")[0]) == 1


@pytest.mark.parametrize(
    ("content", "layout", "says"),
    [
        (b"\xff\xfei\0d\0", "csv", "UTF-8"),
        (b"PK\x03\x04\xff\xff", "kobo", "UTF-8"),
        (b"", "csv", "no column"),
        (b"name,phone\nA,1\n", "csv", "no column `id`"),
        (b"{", "kobo", "no usable JSON"),
        (b'[{"_uuid": NaN}]', "kobo", "no usable JSON"),
        (b"[" * 100_000, "kobo", "no usable JSON"),
        (b'{"results": 3}', "kobo", "no list"),
        (b"[]", "odk", "JSON"),
        (b'id,date,lat,lon,saw\n"a', "csv", "no usable CSV"),
    ],
)
def test_a_file_that_is_no_export_ends_in_one_sentence(content: bytes, layout: str, says: str, tmp_path: Path):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(AnswerError, match=says):
        accepted(tmp_path / "f", layout)


def test_files_too_large_or_long_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = plain(tmp_path, {}, {}, {})
    monkeypatch.setattr("kilnscan.report_layouts.MOST_ROWS", 2)
    with pytest.raises(AnswerError, match="more than 2 rows"):
        accepted(path)
    monkeypatch.setattr("kilnscan.report_layouts.LARGEST", 10)
    with pytest.raises(AnswerError, match="larger"):
        accepted(path)
    with pytest.raises(AnswerError, match="cannot be read"):
        accepted(tmp_path / "absent.csv")


def test_a_row_with_more_cells_than_columns_is_rejected(tmp_path: Path):
    path = plain(tmp_path, {}, {"id": "n9"})
    path.write_text(path.read_text().rstrip("\n") + ",x,y\n")
    reports, rejected = accepted(path)
    assert (len(reports), rejected["reason"].tolist()) == (1, ["it has more cells than there are columns"])


def test_ids_follow_the_secret_and_nothing_else(tmp_path: Path):
    path = plain(tmp_path, {})
    (tmp_path / "key").write_text("0123456789abcdef")
    (tmp_path / "short").write_text("abc")
    bare, keyed = (accepted(path, key=key)[0][0].id for key in (None, str(tmp_path / "key")))
    assert bare != keyed and keyed == accepted(path, key=str(tmp_path / "key"))[0][0].id
    for name in ("short", "absent"):
        with pytest.raises(AnswerError, match=r"ground_reports\.key"):
            accepted(path, key=str(tmp_path / name))


def points(*rows: tuple[float, float, str, float], epsg: int = EPSG, x: float = X, y: float = Y) -> gpd.GeoDataFrame:
    """Reports at metres east and north: what was seen, and accuracy."""
    places = [shapely.Point(lonlat(east, north, epsg, x, y)) for east, north, _, _ in rows]
    table = {"id": [f"r{at}" for at in range(len(rows))], "saw": [row[2] for row in rows]}
    return gpd.GeoDataFrame(table | {"accuracy_m": [float(row[3]) for row in rows]}, geometry=places, crs=4326)


ZONES = {"north": (EPSG, X, Y), "south": (32736, 300_000.0, 8_200_000.0), "equator": (32645, 450_000.0, 0.0)}


@pytest.mark.parametrize("zone", [*ZONES, "antimeridian"])
def test_a_report_belongs_to_the_nearest_box_in_reach(zone: str):
    epsg, x, y = ZONES.get(zone) or (32660, *transformer(4326, 32660).transform(180.0, 10.0))
    kilns = kilns_at((0, 0), (1000, 0), epsg=epsg, x=x, y=y)
    reports = points(
        (10, 5, "kiln", 5), (0, 125, "no-kiln", 5), (0, -178, "kiln", 5), (0, -178, "kiln", 30), (0, 900, "kiln", 5),
        (0, 900, "no-kiln", 5), (0, 0, "unsure", 5), epsg=epsg, x=x, y=y,
    )  # fmt: skip
    matched = match_reports(reports, kilns, 150)
    assert matched["kiln"].tolist() == ["K0", "K0", "K0", "K0", "", "", "K0"]
    assert matched["distance_m"].tolist() == pytest.approx([0, 100, 153, 153, np.nan, np.nan, 0], abs=0.3, nan_ok=True)
    assert matched["verdict"].tolist() == ["confirms", "disagrees", "confirms", "confirms", "new", "confirms", "unsure"]
    assert (matched["ambiguous"] == "").all()


def test_reach_is_the_distance_and_the_accuracy_together():
    reports = points((0, -180, "kiln", 4), (0, -180, "kiln", 6))
    assert match_reports(reports, kilns_at((0, 0)), 150)["verdict"].tolist() == ["new", "confirms"]


def test_a_second_kiln_is_named_where_the_place_cannot_tell():
    reports = points((95, 0, "kiln", 20), (95, 0, "kiln", 5), (0, 0, "kiln", 20))
    matched = match_reports(reports, kilns_at((0, 0), (200, 0)), 150)
    assert matched["kiln"].tolist() == ["K0", "K0", "K0"]
    assert matched["ambiguous"].tolist() == ["K1", "", ""]
    tied = match_reports(points((100, 0, "kiln", 5)), kilns_at((200, 0), (0, 0)), 150)
    assert (tied["kiln"].iloc[0], tied["ambiguous"].iloc[0]) == ("K0", "K1")


def test_a_large_match_equals_all_pairs():
    rng = np.random.default_rng(1)
    kilns = kilns_at(*rng.uniform(-3000, 3000, (300, 2)))
    reports = points(*[(e, n, "kiln", 20) for e, n in rng.uniform(-3000, 3000, (100, 2))])
    matched = match_reports(reports, kilns, 150)
    boxes = [to_crs(box, 4326, EPSG) for box in kilns.geometry]
    for place, kiln in zip(reports.geometry, matched["kiln"], strict=True):
        metres = np.array([box.distance(to_crs(place, 4326, EPSG)) for box in boxes])
        assert kiln == (kilns["id"].iloc[metres.argmin()] if metres.min() <= 170 else "")


def decided(folder: Path, review: list[dict], sep: str = ",", **cells: dict) -> Path:
    """The review with cells filled in: {report id: {column: value}}."""
    table = pd.DataFrame([row | cells.get(row["report"], {}) for row in review])
    table.to_csv(folder / "mine.csv", index=False, sep=sep)
    return folder / "mine.csv"


ACCEPT = {"decision": "accept", "who": "Ann", "when": "2026-11-24"}


@pytest.mark.parametrize("sep", [",", ";"])
def test_the_review_goes_round_and_feeds_labels(sep: str, tmp_path: Path):
    kilns = kilns_at((0, 0), (1000, 0), (1000, 90))
    seen = [(0, 60, "kiln"), (1000, 0, "no-kiln"), (0, 2000, "kiln"), (0, -2000, "kiln"), (0, 3000, "no-kiln")]
    rows = [dict(zip(("lon", "lat"), lonlat(e, n), strict=True)) | {"saw": saw} for e, n, saw in seen]
    path = plain(tmp_path, *rows)
    first = run(tmp_path, [config(path)], kilns)
    assert {row["verdict"] for row in first["review"]} == {"confirms", "disagrees", "new"}
    assert first["decisions"].empty and list(first["reports"].columns) == [*COLUMNS, "geometry"]
    by_place = {round(float(row["lat"]), 4): row["report"] for row in first["review"]}
    ids = [by_place[round(row["lat"], 4)] for row in rows]
    kiln_lon, kiln_lat = lonlat(30, 2050)
    cells = dict.fromkeys(ids, ACCEPT) | {ids[2]: ACCEPT | {"kiln_lon": kiln_lon, "kiln_lat": kiln_lat}}
    mine = decided(tmp_path, first["review"], sep, **cells)
    second = run(tmp_path, [config(path, review=str(mine))], kilns)
    assert set(second["reports"]["decision"]) == {"accept"} and not second["reports"]["show"].any()
    assert {row["who"] for row in second["review"]} == {"Ann"}  # what was decided stays
    table = read_decisions(outputs(tmp_path)["decisions"])
    assert table.value_counts(["what", "decision"]).to_dict() == {
        ("box", "kiln"): 2, ("box", "not-kiln"): 1, ("window", "unsure"): 3, ("window", "kiln"): 1,
    }  # fmt: skip
    labels = kilns.rename(columns={"type": "kiln_type"}).iloc[[1, 2]]  # the second stands near the rejected one
    corrected = apply_decisions(labels, table)
    middles = corrected.labels.geometry.to_crs(EPSG).centroid
    found = sorted((round(p.x - X, -1), round(p.y - Y, -1)) for p in middles)
    assert found == [(0, 0), (30, 2050), (1000, 90)]
    assert corrected.labels["kiln_type"].tolist() == ["FCBK", "zigzag", "zigzag"]
    assert corrected.negatives["what"].tolist() == ["box"]
    third = run(tmp_path, [config(path, review=outputs(tmp_path)["review"])], kilns)
    assert third["review"] == second["review"]


def test_reports_that_contradict_each_other_change_no_label(tmp_path: Path):
    path = plain(tmp_path, {}, {"saw": "no-kiln"})
    kilns = kilns_at((0, 0))
    mine = decided(
        tmp_path, rows := run(tmp_path, [config(path)], kilns)["review"], **{r["report"]: ACCEPT for r in rows}
    )
    table = run(tmp_path, [config(path, review=str(mine))], kilns)["decisions"]
    assert table.loc[table["what"] == "box", "disputed"].tolist() == [True, True]
    assert len(apply_decisions(kilns, table).labels) == 1


@pytest.mark.parametrize("zone", ["south", "antimeridian"])
def test_decisions_hold_everywhere(zone: str, tmp_path: Path):
    epsg, x, y = ZONES.get(zone) or (32660, *transformer(4326, 32660).transform(180.0, 10.0))
    area = shapely.box(x - 3000, y - 3000, x + 3000, y + 3000)
    kilns = kilns_at((0, 0), epsg=epsg, x=x, y=y)
    far, near = lonlat(0, 2000, epsg, x, y), lonlat(10, 0, epsg, x, y)
    path = plain(tmp_path, *({"lon": lon, "lat": lat} for lon, lat in (near, far)))
    tiles = [Tile("t", epsg, area.bounds, area)]
    rows = run(tmp_path, [config(path)], kilns, tiles)["review"]
    place = {"kiln_lon": far[0], "kiln_lat": far[1]}
    cells = {row["report"]: ACCEPT | (place if row["verdict"] == "new" else {}) for row in rows}
    mine = decided(tmp_path, rows, **cells)
    table = run(tmp_path, [config(path, review=str(mine))], kilns, tiles)["decisions"]
    boxes = table[table["what"] == "box"]
    assert len(boxes) == 2 and boxes.geometry.apply(lambda box: len(box.exterior.coords) == 5).all()
    areas = [to_crs(box, 4326, epsg).area for box in boxes.geometry]
    assert areas == pytest.approx([5000, 5000], rel=2e-3)
    assert len(apply_decisions(kilns.iloc[:0].rename(columns={"type": "kiln_type"}), table).labels) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"decision": "maybe"}, "row 2: 'maybe' is no decision"),
        ({"report": "r0", "decision": "accept"}, "row 2: there is no report 'r0'"),
        ({"decision": "accept", "when": "24/11/2026"}, "is no day"),
        ({"decision": "accept", "who": "=cmd()"}, "is no name"),
        ({"decision": "accept", "kiln_lon": "0", "kiln_lat": "0"}, "within 2000 m"),
        ({"decision": "accept", "kiln_lon": "nan", "kiln_lat": "x"}, "within 2000 m"),
    ],
)
def test_an_answer_that_cannot_be_is_named_by_its_row(change: dict, says: str, tmp_path: Path):
    path = plain(tmp_path, {})
    (row,) = run(tmp_path, [config(path)], kilns_at((0, 0)))["review"]
    mine = decided(tmp_path, [row | change])
    with pytest.raises(AnswerError, match=r"mine\.csv") as error:
        run(tmp_path, [config(path, review=str(mine))], kilns_at((0, 0)))
    assert says in str(error.value)


def test_a_review_may_not_say_two_things_of_a_report(tmp_path: Path):
    path = plain(tmp_path, {})
    (row,) = run(tmp_path, [config(path)], kilns_at((0, 0)))["review"]
    mine = decided(tmp_path, [row | ACCEPT, row | {"decision": "reject"}])
    with pytest.raises(AnswerError, match="row 3: its report was decided otherwise"):
        run(tmp_path, [config(path, review=str(mine))], kilns_at((0, 0)))


@pytest.mark.parametrize("note", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_of_the_review_is_a_formula(note: str, tmp_path: Path):
    path = plain(tmp_path, {"note": note, "saw": "=1"}, {"note": note}, name="=evil.csv")
    result = run(tmp_path, [config(path)], kilns_at((0, 0)))
    assert result["review"][0]["note"] == "'" + note.strip()
    assert result["rejected"]["file"].tolist() == ["'=evil.csv"]
    for row in result["review"]:
        assert not any(value[:1] in "=+@-" for value in row.values() if value)


def photograph(path: Path, **more) -> Path:
    """A photo as phones write it: turned, with place, serial number, owner and a comment."""
    exif = Image.Exif()
    exif[0x0112], exif[0x013B], exif[0x010F] = 6, NAME, SERIAL
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (28.0, 31.0, 44.44)
    exif.get_ifd(0x8769)[0xA431] = SERIAL
    Image.new("RGB", (2000, 500), (200, 30, 30)).save(path, exif=exif, **more)
    return path


def published(tmp_path: Path, photo: str, publish: bool = True) -> dict:
    """What comes of an accepted report with a photo."""
    more = {"photos": str(tmp_path / "photos"), "publish": publish}
    path = plain(tmp_path, {"id": UUID.format(1), "photo": photo})
    (row,) = run(tmp_path, [config(path, **more)], kilns_at((0, 0)))["review"]
    assert not list((tmp_path / "reports" / "photos").iterdir())  # not before somebody accepted it
    mine = decided(tmp_path, [row | ACCEPT])
    return run(tmp_path, [config(path, review=str(mine), **more)], kilns_at((0, 0)))


@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_a_published_photo_is_small_upright_and_bare(kind: str, tmp_path: Path):
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    more = {"jpg": {"comment": PHONE}, "png": {"pnginfo": PngInfo()}, "webp": {}}[kind]
    if kind == "png":
        more["pnginfo"].add_text("Owner", PHONE)
    photograph(tmp_path / "photos" / "deep" / f"p.{kind}", **more)
    result = published(tmp_path, f"p.{kind}")
    (name,) = result["reports"]["photo"]
    assert result["reports"]["show"].all()
    with Image.open(tmp_path / "reports" / name) as photo:
        assert photo.format == "JPEG" and photo.size == (256, 1024)
        assert not photo.getexif() and "comment" not in photo.info
    content = (tmp_path / "reports" / name).read_bytes()
    assert not any(text.encode() in content for text in (NAME, PHONE, SERIAL, "Exif"))


def test_photos_that_are_not_to_be_published_are_not(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    photograph(tmp_path / "photos" / "p.jpg")
    result = published(tmp_path, "p.jpg", publish=False)
    assert result["reports"]["photo"].tolist() == [""] and not result["reports"]["show"].any()
    assert result["review"][0]["photo"] == "p.jpg"


def test_a_withdrawn_report_takes_its_photo_along(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    photograph(tmp_path / "photos" / "p.jpg")
    published(tmp_path, "p.jpg")
    assert list((tmp_path / "reports" / "photos").iterdir())
    run(tmp_path, [config(plain(tmp_path, {}))], kilns_at((0, 0)))
    assert not list((tmp_path / "reports" / "photos").iterdir())


def bomb(path: Path) -> None:
    """A PNG that says it has ten thousand million pixels."""
    Image.new("1", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../../etc/passwd", "path"),
        ("/etc/passwd", "path"),
        ("..\\secret.jpg", "path"),
        ("..", "path"),
        ("absent.jpg", "no such file"),
        ("link.jpg", "no such file"),
        ("inside-link.jpg", "no such file"),
        ("twice.jpg", "or several"),
        ("script.jpg", "no JPEG"),
        ("gif.jpg", "no JPEG"),
        ("bomb.png", "no JPEG, PNG or WebP|million pixels"),
        ("wide.png", "million pixels"),
    ],
)
def test_a_hostile_photo_is_refused_and_its_report_stays(name: str, says: str, tmp_path: Path):
    folder, secret = tmp_path / "photos", tmp_path / "secret"
    for path in (folder / "a", folder / "b", secret):
        path.mkdir(parents=True)
    photograph(secret / "secret.jpg")
    (folder / "link.jpg").symlink_to(secret / "secret.jpg")
    (folder / "linked").symlink_to(secret)
    shutil.copy(secret / "secret.jpg", secret / "inside-link.jpg")
    for at in "ab":
        photograph(folder / at / "twice.jpg")
    (folder / "script.jpg").write_text("<script>alert(1)</script>")
    Image.new("P", (8, 8)).save(folder / "gif.jpg", format="GIF")
    bomb(folder / "bomb.png")
    Image.new("1", (8000, 8000)).save(folder / "wide.png")
    reports, rejected = accepted(plain(tmp_path, {"photo": name}), photos=str(folder))
    assert len(reports) == 1 and rejected.empty
    assert reports[0].photo_path is None
    assert any(part in reports[0].photo_problem for part in says.split("|"))


def test_of_photos_with_one_name_it_is_that_of_the_submission(tmp_path: Path):
    for number in (1, 2):
        (tmp_path / "photos" / UUID.format(number)).mkdir(parents=True)
        photograph(tmp_path / "photos" / UUID.format(number) / "p.jpg")
    (report,), _ = accepted(plain(tmp_path, {"id": UUID.format(2), "photo": "p.jpg"}), photos=str(tmp_path / "photos"))
    assert report.photo_path.parent.name == UUID.format(2)


def test_a_damaged_photo_is_told_when_it_is_published(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    content = photograph(tmp_path / "photos" / "p.jpg").read_bytes()
    (tmp_path / "photos" / "p.jpg").write_bytes(content[: len(content) // 2])
    result = published(tmp_path, "p.jpg")
    assert result["reports"]["photo"].tolist() == [""]
    assert result["review"][0]["photo_problem"] == "it is damaged"


@pytest.mark.parametrize("layout", EXPORTS)
def test_nobody_is_found_in_any_output(layout: str, tmp_path: Path):
    """Bytes of every file, and tables read back, hold no name, phone, device, serial number or place of EXIF."""
    (tmp_path / "in" / "photos").mkdir(parents=True)
    photograph(tmp_path / "in" / "photos" / "p.jpg")
    path, kind = export(tmp_path / "in", layout)
    out = tmp_path / "out"
    more = {"photos": str(tmp_path / "in" / "photos"), "publish": True}
    (row,) = run(out, [config(path, kind, **more)], kilns_at((0, 0)))["review"]
    mine = decided(tmp_path, [row | ACCEPT])
    result = run(out, [config(path, kind, review=str(mine), **more)], kilns_at((0, 0)))
    assert result["reports"]["photo"].iloc[0]
    planted = (PHONE, NAME, MAIL, SERIAL, DEVICE, UUID.format(1), "10:01", "Exif", "GPS")
    written = [file for file in out.rglob("*") if file.is_file()]
    assert len(written) == 5
    told = [file.read_bytes() for file in written] + [
        result[name].to_csv().encode() for name in ("reports", "decisions")
    ]
    for text in planted:
        assert not any(text.encode() in content for content in told), text
    notes = [file.name for file in written if b"smoke" in file.read_bytes()]
    assert notes == ["review.csv"] and "smoke" not in result["reports"].to_csv() + result["decisions"].to_csv()


def test_what_a_rejected_row_says_freely_is_not_kept(tmp_path: Path):
    bad = {"saw": f"call {PHONE}", "type": NAME, "working": MAIL, "note": NAME, "photo": f"{NAME}.jpg", "date": PHONE}
    result = run(tmp_path, [config(plain(tmp_path, bad))], kilns_at((0, 0)))
    content = Path(outputs(tmp_path)["rejected"]).read_bytes()
    assert len(result["rejected"]) == 1 and not any(text.encode() in content for text in (PHONE, NAME, MAIL))
    assert result["rejected"]["lon"].iloc[0] == round(LON, 2)


@pytest.mark.parametrize("kilns", [kilns_at((0, 0)), kilns_at()])
def test_no_reports_make_valid_empty_tables(kilns: gpd.GeoDataFrame, tmp_path: Path):
    result = run(tmp_path, [config(plain(tmp_path))], kilns)
    assert result["reports"].empty and result["reports"].crs == 4326 and result["review"] == []
    assert result["decisions"].empty and result["rejected"].empty
    filled = run(tmp_path / "x", [config(plain(tmp_path, {}))], kilns)
    assert filled["reports"].dtypes.to_dict() == result["reports"].dtypes.to_dict()
    assert run(tmp_path, [], kilns)["reports"].empty


def test_the_same_reports_make_the_same_bytes_in_any_order(tmp_path: Path):
    rows = [{"id": f"n{at}", "note": "x"} for at in range(20)]
    kept = []
    for number, order in enumerate((rows, rows[::-1])):
        folder = tmp_path / str(number)
        folder.mkdir()
        run(folder, [config(plain(folder, *order))], kilns_at((0, 0)))
        kept.append([Path(outputs(folder)[name]).read_bytes() for name in ("reports", "review", "decisions")])
    assert kept[0] == kept[1]


def test_the_form_asks_what_the_reader_reads():
    sheets = form_sheets(FORM)
    survey = pd.DataFrame(sheets["survey"][1:], columns=sheets["survey"][0])
    choices = pd.DataFrame(sheets["choices"][1:], columns=sheets["choices"][0])
    asked = set(survey["name"])
    assert asked == {"date", "consent", "place", "saw", "type", "working", "photo", "note"}
    for layout in ("kobo", "odk"):
        read = {name for names in LAYOUTS[layout].columns.values() for name in names}
        assert asked <= read
    lists = choices.groupby("list_name")["name"].agg(tuple).to_dict()
    assert lists == {"saw": SAW, "type": TYPES, "working": WORKING}
    labels = [name for name in survey if name.startswith("label::")]
    assert len(labels) == 4
    assert (survey.loc[survey["type"] != "today", labels] != "").all(axis=None) and (choices[labels] != "").all(
        axis=None
    )


def test_the_form_is_what_its_source_makes(tmp_path: Path):
    pytest.importorskip("openpyxl")
    write_form(FORM, tmp_path / "form.xlsx")
    assert (tmp_path / "form.xlsx").read_bytes() == FORM.with_suffix(".xlsx").read_bytes()


def test_the_form_is_a_valid_xlsform():
    pyxform = pytest.importorskip("pyxform.xls2xform")
    result = pyxform.convert(str(FORM.with_suffix(".xlsx")))
    assert not result.warnings
    assert result.xform.count("<translation") == 4 and 'nodeset="/data/place" type="geopoint"' in result.xform
