"""The data of the map: columns, details, words, lines of countries, and what the page may ask for."""

import base64
import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, MultiPolygon, Point, Polygon, box

from kilnscan.config_impact import Map, Satellite
from kilnscan.errors import ConfigError, KilnscanError, TableError, VectorError
from kilnscan.site import BUNDLE, write_site
from kilnscan.site_backdrop import allow, boundary_lines, satellite_host, simple_areas
from kilnscan.site_joins import gone, with_change, with_estimates
from kilnscan.site_tables import SHARD, columnar, details, feature_collection, records, slim
from kilnscan.site_words import CATEGORIES, LANGUAGES, placeholders, read_dictionary, words

HOSTILE = "</script><script>alert(1)</script>"
DTYPES = {"u8": "u1", "u16": "<u2", "u32": "<u4", "i8": "i1", "i16": "<i2", "i32": "<i4", "f64": "<f8"}


def unpacked(column: dict[str, Any]) -> list[Any]:
    """What the page makes of a packed column."""
    if "values" in column:
        return column["values"]
    raw = np.frombuffer(base64.b64decode(column["data"]), DTYPES[column["type"]])
    if "words" in column:
        return [column["words"][code] for code in raw]
    missing = np.isnan(raw) if column["type"] == "f64" else raw == np.iinfo(raw.dtype).min
    return [None if gap else value / column["scale"] for value, gap in zip(raw.tolist(), missing, strict=True)]


def kilns(rows: int = 3, **columns: Any) -> gpd.GeoDataFrame:
    shapes = [box(77 + 0.001 * row, -1, 77.0005 + 0.001 * row, -0.9995) for row in range(rows)]
    table = {"id": [f"k{row:05d}" for row in range(rows)], **columns}
    return gpd.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326")


def value_of(site: Path, file: str) -> Any:
    return json.loads((site / "data" / f"{file}.js").read_text().partition(" = ")[2].rstrip(";\n"))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, -127], "i8"),
        ([1, None, 300], "i16"),
        ([0.5, -0.25, 100000.125], "i32"),
        ([5e9, None, 1.5], "f64"),
        ([None, None, None], "i8"),
        ([float("inf"), 2.0, 3.0], "i8"),
        ([], "i8"),
    ],
)
def test_numbers_come_back_as_they_were_and_small(values: list[float | None], kind: str) -> None:
    packed = columnar(pd.DataFrame({"x": pd.array(values, dtype="Float64")}))["columns"]["x"]
    assert packed["type"] == kind
    assert unpacked(packed) == [None if value in (None, float("inf")) else value for value in values]


def test_numbers_that_repeat_are_stored_once() -> None:
    packed = columnar(pd.DataFrame({"pm25_t": [4.231, np.nan] * 50}))["columns"]["pm25_t"]
    assert packed["type"] == "u8"
    assert unpacked(packed) == [4.231, None] * 50


def test_words_are_sorted_and_other_text_stays_a_list() -> None:
    columns = columnar(
        kilns(4, type=["zigzag", "FCBK", None, "FCBK"], tile=["b", "a", "b", "a"], seen=[np.nan, "a", "b", "c"])
    )["columns"]
    assert columns["tile"]["words"] == ["a", "b"]
    assert unpacked(columns["tile"]) == ["b", "a", "b", "a"]
    assert unpacked(columns["type"]) == ["zigzag", "FCBK", "", "FCBK"]
    assert unpacked(columns["seen"]) == ["", "a", "b", "c"]
    assert "geometry" not in columns


def test_slim_table_takes_places_from_the_geometry_where_columns_lack() -> None:
    table = slim(kilns(2, attribution=["", ""]))
    assert list(table.columns) == ["id", "lon", "lat", "type"]
    assert table["lon"].iloc[0] == pytest.approx(77.00025)
    assert table["lat"].iloc[0] == pytest.approx(-0.99975)


def test_details_are_cut_into_shards_that_keep_each_kilns_rules() -> None:
    table = kilns(SHARD + 2, chip=[f"c{row}" for row in range(SHARD + 2)], score=0.5)
    rows = [("k00501", "b"), ("k00000", "b"), ("k00000", "a"), ("stranger", "a")]
    siting = pd.DataFrame(rows, columns=["kiln", "rule"]).assign(distance_m=[1.0, 2.0, 3.0, 4.0])
    shards = list(details(table, siting))
    assert [shard["kilns"]["length"] for shard in shards] == [SHARD, 2]
    assert unpacked(shards[1]["kilns"]["columns"]["chip"]) == [f"c{SHARD}", f"c{SHARD + 1}"]
    assert "score" not in shards[0]["kilns"]["columns"]
    first, second = (shard["siting"]["columns"] for shard in shards)
    assert (unpacked(first["row"]), unpacked(first["rule"])) == ([0, 0], ["a", "b"])
    assert (unpacked(second["row"]), unpacked(second["distance_m"])) == ([501], [1.0])


@pytest.mark.parametrize("siting", [None, pd.DataFrame({"kiln": [], "rule": []})])
def test_details_without_rules_and_of_no_kiln(siting: pd.DataFrame | None) -> None:
    assert [shard["siting"]["length"] for shard in details(kilns(1), siting)] == [0]
    assert list(details(kilns(0), siting)) == []


def test_records_hold_nothing_that_json_lacks() -> None:
    table = pd.DataFrame({"a": [np.inf, np.nan], "b": [np.int64(3), None], "c": [["x", "y"], pd.Timestamp(0)]})
    assert records(table) == [{"a": None, "b": 3, "c": "x, y"}, {"a": None, "b": None, "c": "1970-01-01 00:00:00"}]
    json.dumps(records(table), allow_nan=False)


def test_geojson_is_rounded_where_asked() -> None:
    table = gpd.GeoDataFrame({"name": [HOSTILE]}, geometry=[Point(1.23456789, -2)], crs=4326)
    assert feature_collection(table, 3)["features"][0]["geometry"]["coordinates"] == [1.235, -2.0]


def forms(value: str | dict[str, str]) -> list[str]:
    return [*value.values()] if isinstance(value, dict) else [value]


@pytest.mark.parametrize("language", sorted(path.stem for path in LANGUAGES.glob("*.json")))
def test_every_dictionary_has_all_keys_and_placeholders(language: str) -> None:
    english = json.loads((LANGUAGES / "en.json").read_text(encoding="utf-8"))
    given = read_dictionary(LANGUAGES / f"{language}.json", english)
    assert list(given) == list(english)
    for key, value in given.items():
        assert isinstance(value, dict) == isinstance(english[key], dict), key
        for text in forms(value):
            assert placeholders(text) <= placeholders(english[key]), key
        assert placeholders(value) == placeholders(english[key]), key


def test_a_language_of_ones_own_says_the_rest_in_english(tmp_path: Path) -> None:
    path = tmp_path / "fa.json"
    path.write_text(json.dumps({"language": "فارسی", "kilns": {"other": "{n} کوره"}}), encoding="utf-8")
    spoken = words(Map(language="fa", languages=["fa", "hi"], dictionaries={"fa": str(path)}))
    persian, hindi = spoken["languages"]
    assert (spoken["first"], persian["name"], persian["dir"], hindi["dir"]) == ("fa", "فارسی", "rtl", "ltr")
    assert persian["words"]["kilns"] == {"other": "{n} کوره"}
    assert persian["words"]["close"] == "Close"
    assert persian["words"].keys() == hindi["words"].keys()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "no object"),
        ("{", "cannot be read as JSON"),
        ('{"nonsense": "x"}', "key 'nonsense'"),
        ('{"close": 3}', "something other than text"),
        ('{"close": ""}', "something other than text"),
        ('{"kilns": "x"}', "plural forms"),
        ('{"kilns": {"one": "x"}}', "plural forms"),
        ('{"kilns": {"other": "x", "several": "y"}}', "plural forms"),
        ('{"kilns": {"other": ["x"]}}', "something other than text"),
        ('{"close": "{secret}"}', "secret"),
        ("[" * 100_000, "cannot be read as JSON"),
        (" " * 1_000_001, "more than 1000000 bytes"),
    ],
)
def test_a_dictionary_that_is_none_is_refused_in_a_sentence(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ConfigError, match=said):
        words(Map(languages=["en"], dictionaries={"en": str(tmp_path / "x.json")}))


def test_a_language_without_dictionary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="offers 'ta'"):
        words(Map(languages=["en", "ta"]))
    with pytest.raises(ConfigError, match="cannot be read"):
        words(Map(languages=["en"], dictionaries={"en": str(tmp_path / "none.json")}))


def test_plural_categories_are_those_of_cldr() -> None:
    for path in LANGUAGES.glob("*.json"):
        for value in json.loads(path.read_text(encoding="utf-8")).values():
            assert isinstance(value, str) or set(value) <= CATEGORIES


def test_policy_opens_for_one_host_only() -> None:
    page = (BUNDLE / "index.html").read_text(encoding="utf-8")
    satellite = Satellite(url="https://tiles.example.org:8443/{z}/{x}/{y}.jpg?a=1", attribution="Someone")
    opened = allow(page, satellite_host(satellite))
    added = " https://tiles.example.org:8443"
    assert opened.count("https://tiles.example.org:8443") == 2
    assert f"img-src 'self'{added}" in opened
    assert f"connect-src 'self'{added}" in opened
    assert opened.replace(added, "") == page
    with pytest.raises(KilnscanError, match="security policy"):
        allow("<html></html>", "https://tiles.example.org")


@pytest.mark.parametrize(
    "host", ["*", "a;script-src", "user@host", "a..b", "-a.org", "a.org:", "*.example.org", "é.org"]
)
def test_a_host_that_is_no_plain_name_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="satellite"):
        satellite_host(Satellite.model_construct(url=f"https://{host}/{{z}}/{{x}}/{{y}}"))


def write_lines(path: Path, shapes: list[Any], crs: Any = 4326) -> Path:
    gpd.GeoDataFrame({"name": range(len(shapes))}, geometry=shapes, crs=crs).to_file(path)
    return path


def test_country_lines_are_clipped_and_each_border_drawn_once(tmp_path: Path) -> None:
    shapes = [box(70, 20, 77, 30), box(77, 20, 84, 30), LineString([(77, 25), (78, 25)]), Point(77, 25)]
    shapes[1] = MultiPolygon([shapes[1]])
    lines = boundary_lines(write_lines(tmp_path / "b.gpkg", shapes), (76.5, 24.5, 77.5, 25.5))
    x, y = np.concatenate([np.array(line) for line in lines]).T
    assert (x.min(), x.max(), y.min(), y.max()) == (77, 78, 23.5, 26.5)
    assert sum(LineString(line).length for line in lines) == pytest.approx(3 + 1)


def test_no_line_near_is_no_layer_and_bad_files_are_refused(tmp_path: Path) -> None:
    far = write_lines(tmp_path / "far.gpkg", [box(0, 0, 1, 1)])
    assert boundary_lines(far, (76, 24, 77, 25)) == []
    with pytest.raises(VectorError, match="cannot be read"):
        boundary_lines(tmp_path / "none.gpkg", (76, 24, 77, 25))
    naked = tmp_path / "naked.csv"
    naked.write_text('WKT\n"POLYGON ((0 0, 0 1, 1 1, 0 0))"\n')
    with pytest.raises(VectorError, match="no CRS"):
        boundary_lines(naked, (76, 24, 77, 25))


def test_shipped_boundaries_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert boundary_lines("facts/countries.geojson", (72, 30, 76, 34))


def test_simplified_areas_keep_common_borders() -> None:
    wiggle = [(1, y / 100 + 0.00001 * (y % 2)) for y in range(101)]
    left = Polygon([(0, 0), *wiggle, (0, 1)])
    right = Polygon([(2, 0), *wiggle, (2, 1)])
    areas = simple_areas(gpd.GeoDataFrame({"area": ["l", "r"]}, geometry=[left, right], crs=4326))
    one, other = areas.geometry
    assert len(one.exterior.coords) < 10
    assert one.intersection(other).length == pytest.approx(1, abs=1e-3)
    assert one.intersection(other).area == 0
    assert simple_areas(areas.iloc[:0]).empty


def test_a_bare_edition_of_points_is_a_site(tmp_path: Path) -> None:
    points = kilns(2).set_geometry([Point(77, 28), Point(77, 28)], crs=4326)
    nothing = gpd.GeoDataFrame(geometry=[], crs=4326)
    write_site(tmp_path / "site", points, nothing, nothing, None, {}, settings=Map(boundaries=None))
    assert value_of(tmp_path / "site", "meta")["site"]["layers"] == []
    assert value_of(tmp_path / "site", "kilns")["length"] == 2
    assert sorted(path.name for path in (tmp_path / "site/data").iterdir()) == [
        *("details", "kilns.js", "meta.js", "words.js"),
    ]


def test_rejected_reports_photos_and_closed_sources_stay_out(tmp_path: Path) -> None:
    places = [Point(77.123456, 28.6), Point(77.2, 28.6)]
    reports = gpd.GeoDataFrame(
        {
            **{"id": ["a", "b"], "decision": ["accept", "reject"], "photo": "me.jpg", "date": "2026-01-02T10:11:12Z"},
            **{"kiln": "k00000", "distance_m": 17.3, "accuracy_m": 4.0},
        },
        geometry=places,
        crs=4326,
    )
    sources = gpd.GeoDataFrame({"name": ["open", "closed"], "show": [True, False]}, geometry=places, crs=4326)
    write_site(tmp_path / "site", kilns(1), None, None, None, {}, reports=reports, sources=sources)
    written = value_of(tmp_path / "site", "reports")["columns"]
    assert sorted(written) == ["date", "kiln", "lat", "lon"]
    assert (unpacked(written["date"]), unpacked(written["lon"])) == (["2026-01-02"], [77.123])
    assert unpacked(value_of(tmp_path / "site", "sources")["columns"]["name"]) == ["open"]
    everything = "".join(path.read_text() for path in (tmp_path / "site/data").glob("*.js"))
    assert not any(secret in everything for secret in ("me.jpg", "closed", "10:11", "123456"))


def test_hostile_text_stays_text_in_every_file(tmp_path: Path) -> None:
    places = [Point(77, 28)]
    table = kilns(1, type=[HOSTILE], chip=[""], note=[HOSTILE])
    area = gpd.GeoDataFrame({"area": [HOSTILE], HOSTILE: [1.0]}, geometry=[box(76, 27, 78, 29)], crs=4326)
    source = gpd.GeoDataFrame({"name": [HOSTILE], HOSTILE: [HOSTILE]}, geometry=places, crs=4326)
    siting = pd.DataFrame({"kiln": ["k00000"], "rule": [HOSTILE], "nearest": [HOSTILE]})
    rules = pd.DataFrame({"id": [HOSTILE], "title": [HOSTILE]})
    more = {"siting": siting, "rules": rules, "areas": area, "sources": source, "area_labels": {HOSTILE: HOSTILE}}
    write_site(tmp_path / "site", table, None, None, None, {"title": HOSTILE}, **more)
    for path in (tmp_path / "site/data").rglob("*.js"):
        assert "<" not in path.read_text(), path
    assert value_of(tmp_path / "site", "meta")["rules"] == [{"id": HOSTILE, "title": HOSTILE}]


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    table = kilns(2)
    table["id"] = "same"
    with pytest.raises(TableError, match="id twice"):
        write_site(tmp_path / "site", table, None, None, None, {})
    assert list(tmp_path.iterdir()) == []


def test_the_picture_of_an_earlier_year_travels_too(tmp_path: Path) -> None:
    (tmp_path / "old.jpg").write_bytes(b"picture")
    table = kilns(1, chip_before=["chips/old.jpg"])
    write_site(tmp_path / "site", table, None, None, None, {}, thumbs=tmp_path)
    assert (tmp_path / "site/chips/old.jpg").read_bytes() == b"picture"
    table["chip_before"] = "chips/../old.jpg"
    with pytest.raises(TableError, match="chip"):
        write_site(tmp_path / "other", table, None, None, None, {}, thumbs=tmp_path)


def change_of(kilns: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Three kilns of now, one of which moved and one of another type, and two of before."""
    table = pd.DataFrame(
        {
            "id": [*kilns["id"], "old1", "old2"],
            "status": ["persisting", "moved", "changed type", "gone", "uncertain"],
            "reason": ["", "no other kiln is near either place", "it was clamp in 2023", "none there", "cloudy"],
            "type": ["FCBK", "FCBK", "FCBK", "", ""],
            "type_before": ["FCBK", "FCBK", "clamp", "clamp", ""],
            "score": [0.9, 0.9, 0.9, np.nan, np.nan],
            "score_before": [0.9, 0.9, 0.9, 0.7, np.nan],
            "moved_m": [3.0, 90.2, 2.0, np.nan, np.nan],
            "first_seen": "2021-01-01",
            "last_seen": "2023-01-01",
            "last_found": "2023",
        }
    )
    places = [Point(77.0 + 0.01 * row, 28.0) for row in range(len(table))]
    return gpd.GeoDataFrame(table, geometry=places, crs=4326)


def test_kilns_are_told_what_became_of_them_where_it_differs() -> None:
    given = kilns()
    told = with_change(given, change_of(given)[::-1])
    assert told["change"].tolist() == ["persisting", "moved", "changed type"]
    assert told["type_before"].tolist() == ["", "", "clamp"]
    assert told["moved_m"].fillna(-1).tolist() == [-1, 90.2, -1]
    assert told["change_reason"].tolist()[2] == "it was clamp in 2023"
    strange = with_change(given.assign(id=["a", "b", "c"]), change_of(given))
    assert strange["change"].tolist() == strange["type_before"].tolist() == ["", "", ""]
    assert with_change(given, None) is given


def test_kilns_no_longer_found_have_the_columns_that_filters_ask_for() -> None:
    given = kilns()
    areas = gpd.GeoDataFrame({"area": ["A"], "state": ["S"], "country": ["IND"]}, geometry=[box(77, 27, 77.035, 29)])
    lost = gone(change_of(given), given, areas.set_crs(4326))
    assert lost["id"].tolist() == ["old1", "old2"]
    assert lost["change"].tolist() == ["gone", "uncertain"]
    assert lost["type"].tolist() == ["clamp", ""]
    assert lost["area"].tolist() == ["A", ""]
    assert lost["lon"].tolist() == pytest.approx([77.03, 77.04])
    assert gone(change_of(given).iloc[:3], given, areas) is gone(None, given, None) is None


def test_areas_take_over_their_estimates_by_name() -> None:
    areas = gpd.GeoDataFrame(
        {"area": ["A", "A", "B"], "state": ["S", "T", "S"], "country": "IND", "kilns": [1, 2, 3]},
        geometry=[box(row, 0, row + 1, 1) for row in range(3)],
        crs=4326,
    )
    estimates = areas.iloc[[1, 0]].assign(
        kilns=[20.0, 10.0], kilns_low=[18.0, 9.0], kilns_high=[np.inf, 12.0], basis="sample"
    )
    told = with_estimates(areas, estimates)
    assert told["kilns"].tolist() == [1, 2, 3]
    assert told["estimated"].fillna(-1).tolist() == [10, 20, -1]
    features = feature_collection(told)["features"]
    assert [feature["properties"]["estimated_high"] for feature in features] == [12, None, None]
    assert with_estimates(None, estimates) is None and with_estimates(areas, None) is areas


def test_only_a_site_with_change_has_kilns_no_longer_found(tmp_path: Path) -> None:
    given = kilns()
    write_site(tmp_path / "with", given, None, None, None, {}, change=change_of(given))
    write_site(tmp_path / "without", given, None, None, None, {})
    assert value_of(tmp_path / "with", "gone")["length"] == 2
    assert "gone" in value_of(tmp_path / "with", "meta")["site"]["layers"]
    assert "change" in value_of(tmp_path / "with", "kilns")["columns"]
    assert not (tmp_path / "without/data/gone.js").exists()
    assert "change" not in value_of(tmp_path / "without", "kilns")["columns"]
    none = change_of(given).iloc[:0]
    write_site(tmp_path / "none", given, None, None, None, {}, change=none)
    assert not (tmp_path / "none/data/gone.js").exists()
