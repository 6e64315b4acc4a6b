"""Sources of pollution come out of every layout as they are, and every row that does not is refused with a reason."""

import gzip
import json
import os
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from pandas.testing import assert_frame_equal

from kilnscan import source_files
from kilnscan.config_impact import Source
from kilnscan.countries import BOUNDARIES
from kilnscan.errors import ConfigError, VectorError
from kilnscan.source_cells import harmless, number, quantities, statuses, year
from kilnscan.source_places import countries
from kilnscan.sources import COLUMNS, REJECTED, read_source_files, read_sources

ASSETS = Path(__file__).parents[3] / "shared" / "data" / "assets"
KILNS = ASSETS.parent / "kiln_inventories" / "apad_bangladesh.csv"


def config(path: Path | str, layout: str = "columns", **more) -> Source:
    return Source(path=str(path), layout=layout, licence="CC BY 4.0", **more)


@pytest.fixture
def table(tmp_path):
    """Factory of text files: gives the path."""

    def make(text: str, name: str = "table.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return make


GOOD = "good,Good plant,23.8,90.4,Bangladesh,1,\n"
HEADER = "id,name,lat,lon,country,capacity,pm25_t\n"


def refused(table, line: str, **more) -> str:
    """Why the second row of a plain table is refused."""
    _, rejected = read_sources([config(table(HEADER + GOOD + line + "\n"), **more)])
    assert rejected["row"].tolist() == [3]
    return rejected["reason"][0]


def test_no_tables_give_empty_tables_with_their_columns_and_types():
    sources, rejected = read_sources([])
    assert [*sources.columns] == [*COLUMNS, "geometry"] and [*rejected.columns] == [*REJECTED]
    assert sources.crs == 4326 and sources["pm25_t"].dtype == float and sources["show"].dtype == bool
    assert not len(sources) and not len(rejected)


def test_sources_are_points_sorted_by_kind_and_id(table):
    text = "id,kind,lat,lon\nb,steel,-33.5,150.5\na,steel,23.8,90.4\nc,cement,1,179.99\n"
    sources, _ = read_sources([config(table(text), source="Me, 2026", show=False)])
    assert sources["id"].tolist() == ["c", "a", "b"]
    assert sources["country"].tolist() == ["", "BGD", "AUS"]
    assert sources.geometry.y.tolist() == [1, 23.8, -33.5]
    assert set(sources["licence"]) == {"CC BY 4.0"} and set(sources["source"]) == {"Me, 2026"}
    assert not sources["show"].any()


@pytest.mark.parametrize(
    "line, says",
    [
        ("a,A,,90.4,Bangladesh,1,", "no coordinates"),
        ("a,A,unknown,90.4,Bangladesh,1,", "no coordinates"),
        ("a,A,north,90.4,Bangladesh,1,", "are no numbers: 'north'"),
        ("a,A,nan(1),90.4,Bangladesh,1,", "are no numbers"),
        ("a,A,1e999,90.4,Bangladesh,1,", "no usable number"),
        ("a,A,95,190,,1,", "outside the world"),
        ("a,A,2848205,7836696,,1,", "look like metres: set `crs`"),
        ("a,A,0,0,,1,", "0, 0"),
        ("a,A,90.4,23.8,Bangladesh,1,", "swapped: the other way round it would lie in BGD"),
        ("a,A,70.1,24.5,IND,1,", "swapped: the other way round it would lie in IND"),
        ("a,A,100.4,23.8,,1,", "swapped: the other way round it would lie on Earth"),
        ("a,A,51.5,0,Bangladesh,1,", "km outside BGD"),
        ("good,A,24.8,90.4,Bangladesh,1,", "id good is that of row 2"),
        ("a,GOOD plant,23.8005,90.4005,Bangladesh,1,", "same name and stands within 100 m"),
        ("a,A,24.8,90.4,Bangladesh,much,", "capacity: 'much' is no number"),
        ("a,A,24.8,90.4,Bangladesh,-1,", "capacity is negative"),
        ("a,A,24.8,90.4,Bangladesh,1,-3", "pm25 is negative"),
        ("a,A,24.8,90.4,Bangladesh,1,3e9", "more than any source emits"),
        ("a,A,24.8,90.4,Bangladesh,1,=1+1", """pm25: "'=1+1" is no number"""),
        ("a,A,24.8,90.4,Bangladesh,1", "6 cells where the heading has 7"),
        ("a,A,24.8,90.4,Bangladesh,1,2,3", "8 cells where the heading has 7"),
        (",,,,,,", "the row is empty"),
        (f"a,{'x' * 10_001},24.8,90.4,Bangladesh,1,", "longer than 10000"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_the_reason(table, line, says):
    assert says in refused(table, line)


def test_a_cell_of_ten_megabytes_costs_its_row_only(table):
    assert "longer than" in refused(table, f"a,{'x' * 10_000_000},24.8,90.4,Bangladesh,1,")


def test_the_same_name_farther_away_and_no_name_at_all_are_no_duplicates(table):
    lines = "a,Good plant,23.802,90.4,Bangladesh,1,\nb,,24,90.4,Bangladesh,1,\nc,,24,90.4,Bangladesh,1,\n"
    sources, rejected = read_sources([config(table(HEADER + GOOD + lines))])
    assert len(sources) == 4 and not len(rejected)


def test_a_name_is_found_twice_across_the_antimeridian(table):
    text = "id,name,lat,lon\na,Reef,-16.5,179.9999\nb,Reef,-16.5,-179.9998\n"
    _, rejected = read_sources([config(table(text))])
    assert "within 100 m" in rejected["reason"][0]


def test_rejected_rows_are_told_by_line_also_behind_breaks_within_cells(table):
    text = HEADER + 'a,"two\nlines",23.8,90.4,Bangladesh,1,\n\nb,B,,,,,\n'
    sources, rejected = read_sources([config(table(text))])
    assert sources["name"].tolist() == ["two lines"]
    assert rejected[["row", "content"]].to_numpy().tolist() == [[5, "b, B, , , , ,"]]


def test_what_would_run_elsewhere_is_told_inert(table):
    evil = '=HYPERLINK("http://x";"y")'
    quoted = evil.replace('"', '""')
    text = HEADER + f'a,"{quoted}",23.8,90.4,,1,\n@b,<script>alert(1)</script>\x07\u202e,24.8,90.4,,1,\n'
    sources, rejected = read_sources([config(table(text + "+c,C,,,,,\n"))])
    assert sources["name"].tolist() == ["\u2039script\u203aalert(1)\u2039/script\u203a", f"'{evil}"]
    assert sources["id"].tolist() == ["'@b", "a"]
    assert rejected["content"][0].startswith("'+c")


def test_content_of_rejected_rows_ends_at_200_characters(table):
    long = "é\x00" * 999
    _, rejected = read_sources([config(table(HEADER + GOOD + f"a,{long},,,,,\n"))])
    assert len(rejected["content"][0]) == 200


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_usual_encodings_are_told_apart(table, encoding):
    sources, _ = read_sources([config(table("id,name,lat,lon\na,Usine d'été\0,48,2\n", encoding=encoding))])
    assert sources["name"].tolist() == ["Usine d'été"] and sources["id"].tolist() == ["a"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_usual_delimiters_are_told_apart(table, delimiter):
    text = "id,name,lat,lon\na,Plant,48,2\n".replace(",", delimiter)
    assert read_sources([config(table(text))])[0]["name"].tolist() == ["Plant"]


def test_a_missing_column_is_named_with_those_that_exist(table):
    path = table("id,name,y_coord,x_coord\na,A,1,2\n")
    with pytest.raises(ConfigError, match=r"no column 'latitude and longitude'; it has id, name, y_coord, x_coord"):
        read_sources([config(path)])
    with pytest.raises(ConfigError, match="no column 'nord'; it has id"):
        read_sources([config(path, columns={"lat": "nord", "lon": "x_coord"})])
    with pytest.raises(ConfigError, match="has no 'latitude'"):
        read_sources([config(path, columns={"latitude": "y_coord"})])


def test_headings_that_occur_twice_are_refused_where_they_matter(table):
    with pytest.raises(VectorError, match="two columns called 'lat'"):
        read_sources([config(table("id,lat,lat ,lon\na,1,2,3\n"))])
    assert len(read_sources([config(table("id,lat,lon,note,note\na,1,3,x,y\n"))])[0]) == 1


def test_a_file_without_a_usable_row_is_refused_with_the_usual_reason(table):
    with pytest.raises(
        VectorError, match="no usable row of 2; mostly: its coordinates lie outside the world; they look"
    ):
        read_sources([config(table("id,lat,lon\na,2848205,7836696\nb,2848206,7836697\n"))])


@pytest.mark.parametrize(
    "text, says",
    [("", "is empty"), ("id,lat,lon\n", "no rows"), ('id,lat,lon\na,"1,2\n', "from line 2 on"),
     ("id,lat,lon\na,1\x81,2\n".encode().decode("latin-1"), None)],
)  # fmt: skip
def test_damaged_files_are_refused(table, text, says):
    if says is None:
        path = table("id,lat,lon\na,1,2\n")
        path.write_bytes(b"id,lat,lon\n\x81\xff,1,2\n")
        says = "encoding that cannot be told"
    else:
        path = table(text)
    with pytest.raises(VectorError, match=says):
        read_sources([config(path)])


def test_missing_files_virtual_datasets_and_junk_are_refused(table, tmp_path):
    with pytest.raises(VectorError, match="cannot be read"):
        read_sources([config(tmp_path / "none.csv")])
    with pytest.raises(VectorError, match="matches no file"):
        read_sources([config(tmp_path / "*.csv")])
    with pytest.raises(VectorError, match="virtual dataset"):
        read_sources([config(table('<OGRVRTDataSource><OGRVRTLayer name="a"/></OGRVRTDataSource>', "a.geojson"))])
    with pytest.raises(VectorError, match="cannot be read"):
        read_sources([config(table("{", "b.geojson"))])
    with pytest.raises(VectorError, match="cannot be read"):
        read_sources([config(table("PK\x03\x04", "b.xlsx"))])


def test_files_that_name_other_files_and_services_are_refused_also_inside_a_zip(table, tmp_path):
    virtual = '<OGRVRTDataSource><OGRVRTLayer name="a"/></OGRVRTDataSource>'
    service = "<OGRWFSDataSource><URL>http://127.0.0.1/wfs</URL></OGRWFSDataSource>"
    steps = {"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read a.csv"}
    paths = [table(service, "a.gml"), table(json.dumps(steps), "a.geojson"), table(virtual, "a.xlsx")]
    for name, content in {"b.vrt": virtual, "b.gml": service}.items():
        paths.append(tmp_path / f"{name}.zip")
        with zipfile.ZipFile(paths[-1], "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, " " * 900 + content)
    for path in paths:
        with pytest.raises(VectorError, match="virtual dataset"):
            read_sources([config(path)])


@pytest.mark.enable_socket
def test_nothing_that_a_file_names_is_asked_of_the_network(table, monkeypatch):
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        link = f"http://127.0.0.1:{server.server_port}/crs"
        point = {"type": "Point", "coordinates": [90.4, 23.8]}
        features = [{"type": "Feature", "properties": {"name": "A"}, "geometry": point}]
        crs = {"type": "link", "properties": {"href": link, "type": "ogcwkt"}}
        text = json.dumps({"type": "FeatureCollection", "crs": crs, "features": features})
        sources, _ = read_sources([config(table(text, "a.geojson"), kind="steel")])
        server.shutdown()
    assert (sources["name"].tolist(), asked) == (["A"], [])
    assert os.environ["no_proxy"] == "127.0.0.1"
    assert pyogrio.get_gdal_config_option("GDAL_HTTP_PROXY") is None


def test_what_unpacks_to_more_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(source_files, "LARGEST", 100_000)
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 1_000_000)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"0" * 1_000_000))
    for name, says in (("bomb.xlsx", "unpacks to more"), ("bomb.csv.gz", "is larger")):
        with pytest.raises(VectorError, match=says):
            read_sources([config(tmp_path / name)])


def test_coordinates_may_be_in_another_crs(table):
    path = table("original_i,id,lat,lon\n{coal-mining},1,2848205,7836696\n")
    sources, _ = read_sources([config(path, crs="EPSG:3857", columns={"kind": "original_i"})])
    assert sources["kind"].tolist() == ["coal-mining"] and sources["country"].tolist() == ["PAK"]
    np.testing.assert_allclose(shapely.get_coordinates(sources.geometry), [[70.3982, 24.7749]], atol=1e-3)
    with pytest.raises(ConfigError, match="is no CRS"):
        read_sources([config(path, crs="metres")])


def test_areas_are_told_by_a_place_within_them(tmp_path):
    ring = shapely.box(300_000, 2_600_000, 301_000, 2_601_000).difference(
        shapely.box(300_100, 2_600_100, 300_900, 2_601_000)
    )
    frame = gpd.GeoDataFrame({"fid_": [1, 2]}, geometry=[ring, None], crs=32645)
    frame.to_file(tmp_path / "areas.gpkg")
    sources, rejected = read_sources([config(tmp_path / "areas.gpkg", columns={"id": "fid_"}, kind="solar")])
    assert shapely.contains(frame.to_crs(4326).geometry[0], sources.geometry[0])
    assert rejected[["row", "reason"]].to_numpy().tolist() == [[3, "it has no coordinates"]]


def test_the_first_filled_of_several_columns_counts_and_masses_are_brought_to_tonnes(table):
    path = table("a,b,Nord,Ost,dust\n,x,48,2,3\ny,z,49,2,\n")
    columns = {"id": ["a", "b"], "lat": "Nord", "lon": "Ost", "pm25_kg": "dust"}
    sources, _ = read_sources([config(path, columns=columns, capacity_unit="t/yr")])
    assert sources["id"].tolist() == ["x", "y"]
    np.testing.assert_allclose(sources["pm25_t"], [0.003, np.nan])
    assert set(sources["capacity_unit"]) == {"t/yr"}


def test_equal_ids_of_two_publishers_are_two_sources_but_equal_names_in_one_place_are_one(table):
    one = table("id,name,lat,lon\n1,A,48,2\n", "one.csv")
    two = table("id,name,lat,lon\n1,B,49,2\n2,A,48,2\n", "two.csv")
    sources, rejected = read_sources([config(one), config(two)])
    assert sources["id"].tolist() == ["1", "two-1"]
    assert rejected["file"].tolist() == [str(two)] and "one.csv has the same name" in rejected["reason"][0]


def test_a_file_whose_every_source_is_known_from_another_is_no_error(table):
    text = "id,name,lat,lon\n1,A,48,2\n"
    _, rejected, files = read_source_files([config(table(text, "one.csv")), config(table(text, "two.csv"))])
    assert len(rejected) == 1 and files["sources"].tolist() == [1, 0]


# layouts

APAD = "\ufeffid,name,lat,lon,type, fuel,region,country,status,capacity,emfpm25, \xa0pm25\n"


def apad(table, *lines: str, header: str = APAD):
    return read_sources([config(table(header + "".join(f"{line}\n" for line in lines)), "apad")])


def test_apad_capacity_in_million_tonnes_and_emissions_in_tonnes(table):
    sources, _ = apad(table, "1,A,23.7,90.5,grinding,,Dhaka,Bangladesh,operating,2.4,22.4,53760",
                      "2,B,23.8,90.5,grinding,,Dhaka,Bangladesh,operating,0,22.4,0")  # fmt: skip
    assert sources["capacity_unit"].tolist() == ["Mt/yr", "Mt/yr"] and sources["state"][0] == "Dhaka"
    np.testing.assert_allclose(sources["pm25_t"], [53760, np.nan])  # a capacity of 0 is one that is not known
    np.testing.assert_allclose(sources["capacity"], [2.4, np.nan])


def test_apad_capacity_in_tonnes_and_emissions_in_kilotonnes(table):
    sources, _ = apad(table, '1,A,23.7,90.5,FCBK,coal,Dhaka,Bangladesh,operating,"13,778",6.8,0.0936904')
    assert sources[["capacity", "capacity_unit", "kind", "fuel"]].to_numpy().tolist() == [
        [13778, "t/yr", "fcbk", "coal"]
    ]
    np.testing.assert_allclose(sources["pm25_t"], 93.6904)


def test_apad_a_factor_applied_to_the_wrong_unit_is_refused(table):
    lines = [f'{n},N{n},23.{n},90.5,FCBK,,,Bangladesh,operating,"10,000",1,10' for n in range(1, 6)]
    sources, rejected = apad(table, *lines, '6,N6,23.6,90.5,FCBK,,,Bangladesh,operating,"10,000",1,30')
    assert len(sources) == 5
    assert rejected["reason"].tolist() == ["pm25 is 30 t a year, but factor times activity is 10 t"]


def test_apad_emissions_whose_unit_does_not_follow_are_refused_and_rows_without_are_kept(table):
    sources, rejected = apad(table, "1,A,23.7,90.5,x,,,Bangladesh,operating,2.4,22.4,17",
                             "2,B,23.8,90.5,x,,,Bangladesh,operating,2.4,22.4,")  # fmt: skip
    assert sources["id"].tolist() == ["2"]
    assert "the unit of pm25 is not known" in rejected["reason"][0]


COAL = "id,name,lat,lon,country,status,capacity,prod_kw,emfpm25,pm25\n"


def test_apad_power_in_tonnes_per_day_and_lists_of_units(table):
    sources, _ = apad(
        table,
        '1,A,25.55,88.95,Bangladesh,"operating, operating, operating","125, 125, 275",4599000000,0.19,2.394',
        '2,B,22.0,90.3,Bangladesh,"operating, operating, construction, construction","660, 660, 660, 660",'
        "23126400000,0.19,12.0384",
        '3,C,22.5,88.3,India,operating,"210,210,210",5518800000,0.19,2.8728',
        '4,D,22.8,86.2,India,"operating, operating, operating","660,110, 250",8935200000,0.19,4.6512',
        header=COAL,
    )
    assert sources["capacity"].tolist() == [525, 1320, 630, 1020] and set(sources["capacity_unit"]) == {"MW"}
    assert set(sources["status"]) == {"operating"}
    # g/kWh times kWh in a year; of B only the half that runs
    np.testing.assert_allclose(sources["pm25_t"], [873.81, 4394.016 / 2, 1048.572, 1697.688], rtol=1e-3)


def test_apad_units_in_names_and_geometries(tmp_path):
    properties = {"id": "F", "name": "K", "capacity_power": 12, "units": "MW", "emfpm25": 2e-6, "pm25_t_yr": 153.4}
    feature = {"type": "Feature", "properties": properties, "geometry": {"type": "Point", "coordinates": [74.2, 31.3]}}
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    sources, _ = read_sources([config(tmp_path / "a.geojson", "apad")])
    assert sources[["capacity", "capacity_unit", "pm25_t", "country"]].to_numpy().tolist() == [[12, "MW", 153.4, "PAK"]]


GEM = (
    "GEM unit/phase ID,GEM location ID,Country/Area,Plant name,Unit name,Owner,Status,Start year,Capacity (MW),"
    "Subnational unit (province/state),Latitude,Longitude,Location accuracy,Coal type,"
    "Annual CO2 (million tonnes / annum)\n"
)


def test_gem_units_of_one_place_are_one_plant(table):
    text = GEM + (
        "G1,L1,India,Obra,1,Own [100%],operating,1990,200,Uttar Pradesh,24.44,82.98,exact,bituminous,1.2\n"
        "G2,L1,India,Obra,2,Own [100%],operating,1985,300,Uttar Pradesh,24.44,82.98,exact,lignite,1.5\n"
        "G3,L1,India,Obra,3,Own [100%],retired,1970,100,Uttar Pradesh,24.44,82.98,exact,bituminous,\n"
        "G3,L1,India,Obra,3,Own [100%],retired,1970,100,Uttar Pradesh,24.44,82.98,exact,bituminous,\n"
        "G4,L1,India,Obra,4,Own [100%],pre-permit,,600,Uttar Pradesh,25.44,82.98,approximate,bituminous,\n"
        "G5,L2,India,Far,1,Own,announced,2030,>0,Bihar,25.4,86.0,approximate,unknown,not found\n"
    )
    sources, rejected, files = read_source_files([config(table(text), "gem")])
    plant, far = (sources.set_index("id").loc[name] for name in ("L1", "L2"))
    assert (plant["status"], plant["capacity"], plant["capacity_unit"], plant["year"]) == ("operating", 500, "MW", 1985)
    assert (plant["fuel"], plant["kind"], plant["state"]) == ("bituminous, lignite", "coal power", "Uttar Pradesh")
    np.testing.assert_allclose(plant["co2_t"], 2.7e6)
    assert far["status"] == "planned" and np.isnan(far["capacity"]) and np.isnan(far["co2_t"]) and far["fuel"] == ""
    assert rejected["reason"].tolist() == ["it repeats row 4", "it has the id of row 2, but lies elsewhere"]
    assert files[["rows", "sources", "rejected", "merged"]].to_numpy().tolist() == [[6, 2, 2, 2]]


def test_gem_workbooks_are_read_at_the_sheet_that_fits(tmp_path):
    about = pd.DataFrame({"About": ["this tracker"], "More": ["words"]})
    data = pd.DataFrame(
        {"GEM Plant ID": ["P1", "P2"], "GEM Asset name (English)": ["Alpha", "Beta"],
         "Coordinates": ["23.7, 90.5", "unknown"], "Country/Area": ["Bangladesh", "Bangladesh"],
         "Cement Capacity (millions metric tonnes per annum)": ["1.5", "n/a"], "Operating status": ["operating", ""]}
    )  # fmt: skip
    path = tmp_path / "gem.xlsx"
    for name, frame in (("About", about), ("Plant Data", data)):
        pyogrio.write_dataframe(frame, path, layer=name, append=path.exists())
    sources, rejected = read_sources([config(path, "gem")])
    assert sources[["id", "name", "kind", "capacity", "capacity_unit"]].to_numpy().tolist() == [
        ["P1", "Alpha", "cement", 1.5, "Mt/yr"]
    ]
    assert rejected[["row", "reason"]].to_numpy().tolist() == [[3, "it has no coordinates"]]
    with pytest.raises(VectorError, match=r"no sheet 'Data'.*it has About, Plant Data"):
        read_sources([config(path, "gem", sheet="Data")])


TRACE = (
    "source_id,source_name,iso3_country,sector,subsector,lat,lon,start_time,end_time,gas,emissions_quantity,"
    "emissions_unit\n"
)
PLANT = "7,Plant,IND,power,electricity-generation,24.4,82.9"


def trace(table, *lines: str):
    return read_source_files([config(table(TRACE + "".join(f"{PLANT},{line}\n" for line in lines)), "climate-trace")])


def test_climate_trace_takes_the_latest_whole_year_of_each_source(table):
    months = [f"2024-{m:02}-01 00:00:00,2024-{m:02}-28 23:59:59,pm2_5,10,tonnes" for m in range(1, 13)]
    half = [f"2025-{m:02}-01,2025-{m:02}-28,pm2_5,99,tonnes" for m in range(1, 7)]
    years = ["2023-01-01,2023-12-31,so2,5,tonnes", "2024-01-01,2024-12-31,so2,7000,kg", "2024-01-01,2025-01-01,ch4,3,t"]
    sources, rejected, files = trace(table, *months, *half, *years)
    assert not len(rejected) and files["merged"].tolist() == [20]
    row = sources.iloc[0]
    assert (row["kind"], row["year"], row["country"]) == ("electricity-generation", 2024, "IND")
    np.testing.assert_allclose([row["pm25_t"], row["so2_t"], row["co2_t"]], [120, 7, np.nan])


def test_climate_trace_rows_with_strange_units_times_or_twice_are_refused(table):
    good = "2024-01-01,2024-12-31,so2,5,tonnes"
    _, rejected, files = trace(table, good, good, "2023-01-01,2023-12-31,so2,5,bushels", "soon,2023-12-31,so2,5,t",
                               "2023-12-31,2023-01-01,so2,5,t", "2024-01-01,2024-12-31,bc,,furlongs")  # fmt: skip
    assert rejected["reason"].tolist() == [
        "it repeats row 2", "the unit of its emissions, 'bushels', is not known", "start_time or end_time is no date",
        "it ends before it starts",
    ]  # fmt: skip
    assert files[["rows", "sources", "rejected", "merged"]].to_numpy().tolist() == [[6, 1, 4, 1]]


def test_climate_trace_sources_without_a_whole_year_are_refused(table):
    with pytest.raises(VectorError, match="no gas for a whole year"):
        trace(table, "2025-01-01,2025-01-31,so2,5,tonnes")


def test_wri_global_database_and_raw_tables(table):
    one = table("country,country_long,name,gppd_idnr,capacity_mw,latitude,longitude,primary_fuel,commissioning_year\n"
                "IND,India,Adit,WRI1,98.0,24.7663,74.609,Coal,2011.0\n", "one.csv")  # fmt: skip
    two = table("Power Plant ID,Name,Fuel,Capacity (MW),Commissioning Date,Operational Status,Latitude,Longitude,"
                "Country\n"
                "9,Ashuganj Unit 1,Natural Gas,50,1970-05,Operational,24.04,91.01,Bangladesh\n"
                "9,Ashuganj Unit 2,Natural Gas,150,1985,Operational,24.04,91.01,Bangladesh\n", "two.csv")  # fmt: skip
    sources, _ = read_sources([config(one, "wri"), config(two, "wri")])
    chosen = ["id", "name", "kind", "capacity", "capacity_unit", "status", "year"]
    assert sources[chosen].to_numpy().tolist() == [
        ["WRI1", "Adit", "coal power", 98, "MW", "", 2011],
        ["9", "Ashuganj Unit", "natural gas power", 200, "MW", "operating", 1970],
    ]


# cells


@pytest.mark.parametrize(
    "text, value",
    [("16,093.74", 16093.74), ("1,60,937.4", 160937.4), ("-2.5e3", -2500), (" 7 ", 7), (".5", 0.5), ("1,020", 1020)],
)  # fmt: skip
def test_numbers_as_people_write_them(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["1,5", "12,34", "1.2.3", "0x10", "1_000", "١٢", "inf", "9" * 41, "1 2", "=1"])
def test_what_only_looks_like_a_number_is_none(text):
    with pytest.raises(ValueError, match=r"no (usable )?number"):
        number(text)


def test_lists_units_statuses_and_years():
    assert quantities("125, 125, 275") == ([125, 125, 275], "") and quantities(" 225 MW") == ([225], "MW")
    assert quantities("1,020; 5") == ([1020, 5], "")
    for text in ("5 MW, 3 kW", "5 parsecs", "125 and 3"):
        with pytest.raises(ValueError, match=r"no number|mixes units"):
            quantities(text)
    assert statuses("Operational, pre-permit; Odd Word") == ["operating", "planned", "odd word"]
    assert statuses("operating_status") == [""]
    assert year("2011.0") == 2011 and year("5/1998") == 1998 and np.isnan(year("unknown"))
    with pytest.raises(ValueError, match="no year"):
        year("soon")


def test_scripts_that_need_joiners_keep_them():
    assert harmless("क्\u200dष") == "क्\u200dष"


def test_every_country_holds_its_own_places_also_where_it_has_several_features():
    known = countries()
    features = json.loads(BOUNDARIES.read_text(encoding="utf-8"))["features"]
    for feature in features:
        place = shapely.point_on_surface(shapely.from_geojson(json.dumps(feature["geometry"])))
        code = feature["properties"]["iso3"]
        assert not code or known.km_from(code, place.x, place.y) == 0, code
    assert known.km_from("AUS", 150.9, -32.4) == 0  # coal power in New South Wales


def test_countries_are_known_by_code_and_usual_names_and_measured_from_either_side_of_the_date_line():
    known = countries()
    names = {"Türkiye": "TUR", "United States": "USA", "czech republic": "CZE", "bgd": "BGD", "Atlantis": ""}
    assert {name: known.code(name) for name in names} == names
    assert known.km_from("IND", 77, 28) == 0
    assert known.km_from("FJI", -179.5, -16.8) < 100
    assert 100 < known.km_from("IND", 95.3, 15) < 2000


# real tables

REAL = {
    "apad_csv/cement_plants_main.csv": ("apad", 90, 90, 0),
    "apad_csv/coal_plants_main.csv": ("apad", 110, 110, 0),
    "apad_csv/oil_gas_refining_IGP.csv": ("apad", 30, 30, 0),
    "apad_csv/paper_pulp_main.csv": ("apad", 102, 102, 0),
    "apad_csv/steel_plants_main.csv": ("apad", 156, 145, 11),
    "apad_csv/waste_main.csv": ("apad", 213, 145, 68),
    "apad_csv/boilers.geojson": ("apad", 58, 58, 0),
    "apad_csv/power_generation_main.geojson": ("apad", 21, 21, 0),
    "apad_csv/fossil_fuel_IGP.csv": ("columns", 76, 76, 0),
    "wri_gppd/database_IND.csv": ("wri", 907, 861, 46),
    "wri_gppd/raw_Bangladesh.csv": ("wri", 120, 55, 13),
    "wri_gppd/raw_Pakistan.csv": ("wri", 84, 58, 25),
    "solar_india/solar_farms_india_2021_merged_simplified.geojson.gz": ("columns", 1363, 1363, 0),
}


@pytest.mark.skipif(not ASSETS.is_dir(), reason="needs ../shared/data/assets")
@pytest.mark.parametrize("name", REAL)
def test_every_row_of_real_tables_is_accounted_for(name):
    layout, rows, taken, refused_ = REAL[name]
    more = {"crs": "EPSG:3857"} if "fossil" in name else {}
    sources, rejected, files = read_source_files([config(ASSETS / name, layout, **more)])
    assert files[["rows", "sources", "rejected"]].to_numpy().tolist() == [[rows, taken, refused_]]
    assert len(sources) == taken and len(rejected) == refused_
    assert files["merged"][0] == rows - taken - refused_
    assert sources["id"].is_unique and sources.geometry.is_valid.all()
    assert set(sources["country"]) <= {"IND", "PAK", "BGD", "NPL"}


@pytest.mark.skipif(not KILNS.is_file(), reason="needs ../shared/data/kiln_inventories")
def test_the_brick_inventory_is_in_kilotonnes():
    sources, rejected = read_sources([config(KILNS, "apad", kind="brick kiln")])
    assert len(sources) == 4760 and not len(rejected)
    np.testing.assert_allclose(sources["pm25_t"].iloc[0], 93.6904)


@pytest.mark.skipif(not ASSETS.is_dir(), reason="needs ../shared/data/assets")
def test_reading_twice_gives_the_same():
    configs = [config(ASSETS / name, "wri") for name in ("wri_gppd/raw_Bangladesh.csv", "wri_gppd/raw_Pakistan.csv")]
    for one, two in zip(read_source_files(configs), read_source_files(configs), strict=True):
        assert_frame_equal(pd.DataFrame(one), pd.DataFrame(two))
