"""A paper: every number comes from the run, equal runs give equal bytes, and the archive tells no more than it may."""

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from kilnscan.archive import SOURCES, SUMS, files_below, groups_of, sources, sources_digest, write_archive
from kilnscan.archive_readme import what_is
from kilnscan.config_impact import Public
from kilnscan.crate import METADATA, WORKFLOW
from kilnscan.errors import ConfigError
from kilnscan.paper import read_told, write_values
from kilnscan.paper_figures import figures_of
from kilnscan.paper_inputs import TOOLS, check_frozen, for_the_record, inputs_of, same_as_frozen
from kilnscan.paper_numbers import interval, loose_numbers, number, percent
from kilnscan.paper_page import as_page
from kilnscan.paper_text import render, write_paper
from kilnscan.products import OPEN, files_in
from kilnscan.provenance import provenance
from tests.conftest import ROOT
from tests.published import SCENE, layers

EVALUATION = {
    "atlas": {"recall": {"value": 0.5, "ci95": [0.1, 0.9], "of": [1, 2]}},
    "screen": {"recall_acquired": {"value": 1.0, "ci95": [0.3, 1.0], "of": [2, 2]}},
}


def written(folder: Path, rows: int = 3, told: dict | None = None, public: Public | None = None) -> dict[str, bytes]:
    tables = {name: table for name, table in layers(rows).items() if name in ("kilns", "acquired", "candidates")}
    coverage = layers(1)["coverage"].assign(area_km2=100.0, acquired_km2=5.0)
    outputs = {"values": folder / "values.json", "tables": folder / "tables", "figures": folder / "figures"}
    write_values({**tables, "coverage": coverage}, [SCENE], told or {}, outputs, public)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# numbers


def test_equal_tables_give_equal_bytes(tmp_path):
    told = {"evaluation": EVALUATION}
    assert written(tmp_path / "a", told=told) == written(tmp_path / "b", told=told)


def test_values_are_of_the_atlas(tmp_path):
    values = json.loads(written(tmp_path)["values.json"])
    assert values["atlas"]["kilns"] == 3 and values["screen"]["candidates"] == 3
    assert values["coverage"]["acquired_share"] == 0.05 and values["coverage"]["kilns_per_1000_km2"] == 30
    assert values["scenes"] == {"days": 1, "first": "2024-03-01", "last": "2024-03-01", "granules": 1}


def test_an_atlas_without_kilns_has_a_paper(tmp_path):
    files = written(tmp_path, rows=0)
    values = json.loads(files["values.json"])
    assert values["atlas"]["kilns"] == 0 and values["atlas"]["score_median"] is None
    assert set(files) >= {"figures/map.svg", "figures/funnel.svg", "tables/types.csv", "tables/tiles.csv"}


def test_accuracy_is_told_where_it_was_measured(tmp_path):
    assert "tables/accuracy.csv" not in written(tmp_path / "a")
    files = written(tmp_path / "b", told={"evaluation": EVALUATION})
    rows = files["tables/accuracy.csv"].decode().splitlines()
    assert rows[0] == "measure,hits,of,value,low,high" and "recall of the atlas,1,2,0.5,0.1,0.9" in rows
    assert b"<svg" in files["figures/accuracy.svg"]


def test_the_map_for_everybody_does_not_show_where_kilns_are(tmp_path):
    exact, coarse = written(tmp_path / "a"), written(tmp_path / "b", public=Public(grid_m=10_000))
    assert exact["figures/map.svg"] != coarse["figures/map.svg"]
    assert {name for name in exact if exact[name] != coarse[name]} == {"figures/map.svg", "tables/tiles.csv"}


def test_the_paper_for_everybody_tells_no_more_than_the_public_edition(tmp_path):
    told = {"impact": {"people": {"people_1km": 17_936, "kilns_off_raster": 0}, "factors": []}}
    files = written(tmp_path, rows=7, told=told, public=Public(grid_m=10_000))
    assert files["tables/tiles.csv"].decode().splitlines()[0] == "tile,status,clear_share,dates,area_km2"
    people = json.loads(files["values.json"])["impact"]["people"]
    assert people == {"people_1km": 18_000, "kilns_off_raster": 0}
    assert told["impact"]["people"]["people_1km"] == 17_936
    few = json.loads(written(tmp_path, told=told, public=Public())["values.json"])
    assert few["impact"]["people"]["people_1km"] is None


DOLLAR = 'id="DejaVuSans-7"'
"""The glyph of a dollar sign, which a formula does not draw."""


@pytest.mark.parametrize("kind", ["$10 kiln", "a $x^2$ b", r"$\frac$", r"\$", "_hidden", "$"])
def test_a_type_in_a_legend_is_no_formula(kind):
    tables = layers(1)
    kilns = tables["kilns"].assign(type=[kind])
    told = {"coverage": {"area_km2": 9.0, "acquired_km2": 3.0, "boxes_km2": 1.0}}
    drawn = figures_of(kilns, tables["acquired"], tables["coverage"], {}, told)["map"].decode()
    assert f"{kind} (1) -->" in drawn and (DOLLAR in drawn) == ("$" in kind)


def test_a_pollutant_of_a_stranger_is_no_formula_and_ours_have_their_subscripts():
    rows = pd.DataFrame({"pollutant": ["co2", r"$\frac$"], "t_a_year": 2.0, "low": 1.0, "high": 3.0})
    tables, told = layers(1), {"coverage": {"area_km2": 9.0, "acquired_km2": 3.0, "boxes_km2": 1.0}}
    shown = [tables[name] for name in ("kilns", "acquired", "coverage")]
    drawn = figures_of(*shown, {"emissions": rows}, told)["emissions"].decode()
    assert DOLLAR in drawn and r"<!-- CO$_2$ -->" in drawn


@pytest.mark.parametrize("name", ["atlas", "impact", "my-costs", "2024"])
def test_own_values_hide_none_of_the_run(tmp_path, name):
    own = tmp_path / f"{name}.json"
    own.write_text("{}")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"also.*Rename the file"):
        read_told({"impact": str(tmp_path / "run.json")}, [str(own)])


# text


@pytest.mark.parametrize(
    "text",
    [
        "Sentinel-2 sees PM2.5, F1 and AP50; B04, CO2, L2A.",
        "{{ atlas.kilns }} kilns, {# 5 #} {% if a > 3 %}x{% endif %}",
        "as Guttikunda 2014 and others (Weyant et al. 2014) say, since 2019",
        "## 2. Methods\n1. first\n2) second",
        "[a link](https://example.org/12/7) `code 7` https://example.org/99",
    ],
)
def test_names_years_and_placeholders_are_no_numbers(text):
    assert loose_numbers(text) == []


def test_numbers_of_nobody_are_named_with_their_line():
    assert loose_numbers("## 1. A\n12,000 kilns,\n\n3.5 % of 7") == [(2, "12,000"), (4, "3.5 %"), (4, "7")]
    with pytest.raises(ConfigError, match=r"^paper\.md, line 2: `12,000` is a number that no rule makes\. A number"):
        render("a\n12,000 kilns", {}, {}, {}, "paper.md")


@pytest.mark.parametrize("text", ["found 2015 kilns", "of 2015 kilns", "it is 2015"])
def test_a_number_that_looks_like_a_year_is_a_number(text):
    assert [what for _, what in loose_numbers(text)] == ["2015"]


@pytest.mark.parametrize(
    "text",
    ["{{ 42 }}", "{{ '42' }}", "{{ 42 | number }}", "{% set x = 5 %}{{ x }}", '{{ "%s" | format(7) }}',
     '{{ table("t", "42 kilns") }}', '{{ figure("map", caption="of " ~ "42") }}'],
)  # fmt: skip
def test_a_number_that_hides_in_a_placeholder_is_refused(text):
    with pytest.raises(ConfigError, match=r"^paper\.md, line 2: `\{.* (stands for no value|has a caption with)"):
        render(f"a\n{text}", {}, {"t": pd.DataFrame({"a": [1]})}, {"map": "m.svg"}, "paper.md")


def test_what_is_reckoned_from_values_may_be_written():
    text = '{% set km2 = a.m2 / 1e6 %}{{ km2 }} {{ a.m2 * 2 }} {{ table("t", "of " ~ a.m2) }}'
    assert render(text, {"a": {"m2": 4e6}}, {"t": pd.DataFrame({"a": [1]})}, {}).startswith("4.0 8000000.0 ")


def test_nothing_in_a_text_is_left_to_chance():
    for text in ("{{ lipsum() }}", "{{ [a.b, a.b] | random }}"):
        with pytest.raises(ConfigError):
            render(text, {"a": {"b": 1}}, {}, {}, "paper.md")


def test_a_number_from_elsewhere_is_listed_with_its_source():
    text = render('within {{ given(50, "*see* a") }} m of {{ given(50, "*see* a") }}', {}, {}, {})
    assert text.startswith("within 50 m of 50\n") and text.count("50: \\*see\\* a") == 1


@pytest.mark.parametrize(
    "text",
    [
        "{{ atlas.killns }}",
        "{{ nothing }}",
        '{{ table("types") }}',
        '{{ figure("map") }}',
        "{{ atlas }}",
        "{{ empty }}",
        "{{ atlas.items }}",
        "{{ ''.__class__.__mro__ }}",
        "{% for x in %}",
        "{{ atlas.kilns | percent | percent }}",
    ],
)
def test_what_the_run_does_not_have_is_refused_in_one_sentence(text):
    with pytest.raises(ConfigError, match=r"^paper\.md, line 1: `[^\n]*\.$"):
        render(text, {"atlas": {"kilns": 3}, "empty": None}, {}, {}, "paper.md")


def test_numbers_are_written_for_people():
    assert (number(12345.6), number(0.01234), number(3.14159, 2), number(0)) == ("12,346", "0.012", "3.14", "0")
    assert percent(0.1519) == "15.2 %"
    assert interval(EVALUATION["atlas"]["recall"], 2) == "0.50 (95 % interval 0.10 to 0.90)"


def test_strangers_words_stay_words():
    hostile = "<script>alert(1)</script>|`x`[y](z)"
    table = pd.DataFrame({"type": [hostile], "kilns": [1]})
    text = render('{{ name }}\n{{ table("t", "c") }}', {"name": hostile}, {"t": table}, {})
    page = as_page(text, hostile, {})
    assert "<script" not in page and "default-src 'none'" in page
    assert text.rstrip().splitlines()[-1].count(" | ") == 1


def test_a_type_called_na_keeps_its_name(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "figures").mkdir()
    (tmp_path / "tables" / "types.csv").write_text("type,kilns\nNA,3\n,2\n")
    (tmp_path / "values.json").write_text("{}")
    (tmp_path / "text.md").write_text('# A\n{{ table("types") }}')
    made = [str(tmp_path / name) for name in ("paper.md", "paper.html")]
    write_paper(*(tmp_path / name for name in ("text.md", "values.json", "tables", "figures")), *made)
    assert "| NA | 3 |\n|  | 2 |" in Path(made[0]).read_text()


def test_a_page_needs_no_other_file():
    text = render('{{ figure("map", "Where \\"we\\" are.") }}', {}, {}, {"map": "figures/map.svg"})
    page = as_page(text, "T", {"figures/map.svg": b"<svg/>"})
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in page and "<figcaption><strong>Figure 1.</strong> Where" in page
    assert "figures/map.svg" not in page


# frozen


def frozen(**changes: str) -> dict:
    scenes = [{"tile": {"id": "43RGM"}, "fingerprint": changes.get("scenes", "f")}]
    config = {"screen": {"model": f"{changes.get('data', '/here')}/a.npz", "seed": changes.get("seed", 0)}, "data": "x"}
    return inputs_of(config, scenes, {str(ROOT / "LICENSE"): str(ROOT / "LICENSE")}, changes.get("data", "/here"))


def test_the_same_inputs_pass_wherever_the_data_lie():
    check_frozen(frozen(), json.loads(json.dumps(frozen(data="/there"))), "inputs.json")


def test_a_file_that_was_fetched_from_storage_is_told_by_its_own_name(tmp_path):
    (tmp_path / "fetched.csv").write_text("a")
    told = inputs_of({}, [], {"results/landscape/7/air.csv": str(tmp_path / "fetched.csv")})["files"]
    assert told == {"results/landscape/7/air.csv": hashlib.sha256(b"a").hexdigest()}


def test_files_of_kilnscan_are_named_alike_from_every_folder():
    assert list(frozen()["files"]) == ["LICENSE"]


def test_the_record_of_an_atlas_does_not_say_where_the_data_lie():
    scene = SCENE | {"mosaics": [{"path": "/home/me/d/c.tif", "content": "c"}]}
    config = {"data": "/home/me/d", "screen": {"model": "/home/me/d/a.npz"}}
    told = provenance([], config, {}, [scene])
    assert "/home/me" not in json.dumps(told) and told["config"]["content"] == {"screen": {"model": "{data}/a.npz"}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scenes": "g"}, "the scenes of tile 43RGM has changed"),
        ({"seed": 1}, r"`screen\.seed` was 0 and is 1"),
    ],
)
def test_other_inputs_are_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        check_frozen(frozen(**changes), frozen(), "inputs.json")


def test_a_changed_file_is_named():
    now = frozen() | {"files": {"a.gpkg": "1", "c.csv": "3"}}
    with pytest.raises(ConfigError, match=r"file a\.gpkg has changed; the file b\.csv is gone; the file c\.csv is new"):
        check_frozen(now, frozen() | {"files": {"a.gpkg": "2", "b.csv": "2"}}, "inputs.json")


def test_every_key_that_differs_is_named_with_both_values():
    config = {"screen": {"model": "a.npz"}, "detect": {"bands": ["B04"]}, "sources": [{"path": "a.csv"}]}
    then = inputs_of(config, [], {})
    now = inputs_of(
        {"screen": {"model": "b.npz", "threshold": 0.5}, "detect": {"bands": ["B08"]}, "sources": []}, [], {}
    )
    with pytest.raises(ConfigError) as told:
        check_frozen(now, then, "inputs.json")
    for words in (
        '`screen.model` was "a.npz" and is "b.npz"', "`screen.threshold` was not there and is 0.5",
        '`detect.bands` was ["B04"] and is ["B08"]', '`sources.0.path` was "a.csv" and is not there',
    ):  # fmt: skip
        assert words in str(told.value)


def test_other_versions_are_told_and_no_error():
    then = frozen() | {TOOLS: frozen()[TOOLS] | {"python": "3.11.0", "requirements.lock": "other"}}
    (words,) = check_frozen(frozen(), then, "inputs.json")
    assert words.endswith("the paper was frozen with 3.11.0")
    assert check_frozen(frozen(), frozen(), "inputs.json") == []


def test_a_list_of_an_earlier_kilnscan_says_how_to_freeze_anew():
    with pytest.raises(ConfigError, match="written by an earlier kilnscan"):
        check_frozen(frozen(), {part: frozen()[part] for part in ("config", "scenes", "files")}, "inputs.json")


def test_links_with_keys_and_what_a_public_edition_hides_stand_as_hashes():
    """They are compared all the same."""
    now = inputs_of({"map": {"url": "https://a.org/t?key=secret"}, "region": {"name": "r", "aoi": "a.gpkg"}}, [], {})
    told, public = for_the_record(now), for_the_record(now, public=True)
    assert "secret" not in json.dumps(told) and "a.gpkg" in json.dumps(told)
    assert "a.gpkg" not in json.dumps(public) and public["config"]["region.name"] == "r"
    assert check_frozen(now, told, "inputs.json") == check_frozen(now, public, "inputs.json") == []


def test_an_archive_of_other_inputs_does_not_stay_under_its_name(tmp_path):
    (tmp_path / "frozen.json").write_text(json.dumps(frozen(seed=1)))
    (tmp_path / "archive.zip").write_text("of an earlier run")
    with pytest.raises(ConfigError, match=r"is now called .*archive-of-earlier-inputs\.zip"):
        same_as_frozen(frozen(), str(tmp_path / "frozen.json"), str(tmp_path / "inputs.json"))
    assert not (tmp_path / "archive.zip").exists()


@pytest.mark.parametrize("content", [[], {}, {"config": {}, "scenes": [], "files": {}}])
def test_a_file_that_froze_nothing_is_refused(content):
    with pytest.raises(ConfigError, match=r"inputs\.json"):
        check_frozen(frozen(), content, "inputs.json")


# archive

ABOUT = {"title": "T", "authors": ["A B"], "licence": "CC-BY-4.0", "published": "2026-11-30", "version": "1",
         "commit": "abc", "packages": {"snakemake": "9"}, "pictures": False, "region": "r"}  # fmt: skip


MADE = ("atlas/kilns.gpkg", "atlas/kilns.geoparquet", "atlas/kilns.csv", "atlas/data_dictionary.csv",
        "atlas/provenance.json", "atlas/layers/kilns.pmtiles", "atlas/layers/reports.pmtiles",
        "atlas/layers/sources.geoparquet", "stac/collection.json", "site/index.html", "site/chips/a.jpg",
        "paper/values.json", "paper/tables/t.csv", "paper/figures/f.svg", "paper/inputs.json", "paper/paper.md",
        "paper/paper.html", "model/a.onnx", "model/a.md")  # fmt: skip


def archive(folder: Path, name: str = "a.zip", more: tuple[str, ...] = (), **about: object) -> zipfile.ZipFile:
    for path in (*MADE, *more):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    names = {"values": "values.json", "tables": "tables", "figures": "figures", "inputs": "inputs.json",
             "markdown": "paper.md", "page": "paper.html"}  # fmt: skip
    inputs = {key: str(folder / "paper" / value) for key, value in names.items()}
    inputs |= {key: str(path) for key, path in files_in(folder).items()} | {"public": []}
    inputs["models"] = [str(folder / "model" / "a.onnx")]
    told = ABOUT | about
    write_archive(folder / name, groups_of(inputs, {"about": told}), told)
    return zipfile.ZipFile(folder / name)


def test_equal_files_give_equal_archives_and_every_sum_holds(tmp_path):
    first, second = archive(tmp_path), archive(tmp_path, "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    sums = dict(reversed(line.split("  ")) for line in first.read(SUMS).decode().splitlines())
    assert set(sums) == set(second.namelist()) - {SUMS}
    assert all(hashlib.sha256(first.read(name)).hexdigest() == value for name, value in sums.items())


def test_a_readme_tells_of_every_file_and_how_to_make_it_again(tmp_path):
    held = archive(tmp_path, title="Kilns [of](x) here")
    text = held.read("README.md").decode()
    assert held.namelist()[0] == "README.md" and all(what_is(name) for name in held.namelist())
    for words in ("# Kilns \\[of\\](x) here: ", "Authors: A B", "CC-BY-4.0", "kilnscan 1, commit abc",
                  "| snakemake | 9 |",
                  "sha256sum -c SHA256SUMS", "snakemake paper --configfile region.yaml"):  # fmt: skip
        assert words in text
    assert "--configfile" not in archive(tmp_path, "b.zip", region="demo").read("README.md").decode()


def test_the_archive_holds_the_workflow_and_models_but_no_pictures_that_may_not_be_passed_on(tmp_path):
    names = set(archive(tmp_path).namelist())
    assert {WORKFLOW, "workflow/rules/paper.smk", "models/a.onnx", "models/a.md", "paper/figures/f.svg"} <= names
    assert {"atlas/kilns.gpkg", "site/index.html"} <= names
    assert "site/chips/a.jpg" not in names
    assert "site/chips/a.jpg" in archive(tmp_path, "b.zip", pictures=True).namelist()


def test_what_happens_to_lie_beside_the_published_atlas_stays_out(tmp_path):
    stray = ("atlas/impact.parquet", "atlas/reports.parquet", "atlas/reconciled.parquet", "atlas/sources_rejected.csv")
    assert archive(tmp_path).namelist() == archive(tmp_path, "b.zip", more=stray).namelist()


def test_rows_that_are_not_for_everybody_stay_out_of_the_full_edition(tmp_path):
    names = set(archive(tmp_path, more=(f"site/downloads/{OPEN}",)).namelist())
    assert {f"site/downloads/{OPEN}", "atlas/kilns.csv", "atlas/layers/kilns.pmtiles"} <= names
    closed = {"atlas/kilns.gpkg", "atlas/layers/reports.pmtiles", "atlas/layers/sources.geoparquet"}
    assert not closed & names and closed <= set(archive(tmp_path / "none").namelist())


def test_of_folders_that_users_fill_the_archive_holds_what_kilnscan_ships(tmp_path):
    parts = {part if part.startswith("site/") else part.partition("/")[0] for part in SOURCES}
    said = subprocess.run(["git", "-C", ROOT, "ls-files", *parts],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert {name.removeprefix("workflow/") for name in sources(ROOT)} == set(said.stdout.splitlines())
    copy = tmp_path / "kilnscan"
    for name, path in sources(ROOT).items():
        place = copy / name.removeprefix("workflow/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    before = sources_digest(copy)
    for own in ("config/regions/mine.yaml", "config/reports.csv", "profiles/ours/profile.yaml"):
        (copy / own).parent.mkdir(exist_ok=True)
        (copy / own).write_text("token: secret")
    assert sources_digest(copy) == before
    (copy / "rules" / "more.smk").write_text("")
    assert sources_digest(copy) != before


def test_the_record_tells_every_file_and_what_made_it(tmp_path):
    packed = archive(tmp_path)
    graph = {entity["@id"]: entity for entity in json.loads(packed.read(METADATA))["@graph"]}
    files = {part["@id"] for part in graph["./"]["hasPart"]}
    assert files == set(packed.namelist()) - {METADATA, SUMS} and files <= set(graph)
    assert graph["./"]["mainEntity"]["@id"] == WORKFLOW and "ComputationalWorkflow" in graph[WORKFLOW]["@type"]
    run = graph["#run"]
    assert {part["@id"] for part in run["object"]} == {"models/a.onnx", "models/a.md"}
    assert {"@id": "atlas/kilns.gpkg"} in run["result"] and run["instrument"]["@id"] == WORKFLOW
    assert graph["#author-0"]["name"] == "A B" and graph["./"]["license"]["@id"].endswith("CC-BY-4.0")


def test_nothing_hidden_and_no_link_goes_in(tmp_path):
    for name in ("a.txt", ".secret", "sub/b.txt", "sub/__pycache__/c.pyc", ".git/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "link.txt").symlink_to("/etc/hostname")
    assert set(files_below(tmp_path, "x")) == {"x/a.txt", "x/sub/b.txt"}
    assert not [name for name in sources(ROOT) if "__pycache__" in name or "/." in name]
