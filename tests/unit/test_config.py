"""A region file is checked to the last key, and the generated files follow the models."""

import re
import textwrap
from datetime import date
from pathlib import Path

import pytest
import yaml

from kilnscan.config import Config, load_config
from kilnscan.config_files import default_yaml, schema_json
from kilnscan.config_parts import files_named
from kilnscan.config_sentinel2 import SIX
from kilnscan.errors import ConfigError
from kilnscan.model_bands import with_model_bands

ROOT = Path(__file__).parents[2]
STAC = {"source": "stac", "catalog": "c.json", "start": "2024-01-01", "end": "2024-02-01"}
SMALLEST = {"region": {"name": "here"}, "sentinel2": {"source": "mosaic", "path": "rgb.tif"}}


def training(bands, **region):
    return {"train": {"name": "x", "regions": [{"name": "y", **region}], "bands": bands}}


def test_the_smallest_region_file_runs_on_the_models_for_real_rgb():
    config = load_config(SMALLEST)
    assert config.screen.model == "models/s2-rgb-screen.npz"
    assert config.detect.model == "models/s2-rgb-detector.onnx"
    assert config.imagery.provider == "sentinel2"
    assert config.sentinel2.bands == ["B04", "B03", "B02"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"regoin": {}}, "`regoin` is not a key"),
        ({"screen": {"treshold": 0.5}}, "`screen.treshold` is not a key"),
        ({"region": {}}, "`region.name` is missing"),
        ({"region": {"name": "../../etc"}}, "`region.name`"),
        ({"sentinel2": {"source": "mosaic"}}, "`sentinel2.path` is missing"),
        ({"sentinel2": {"source": "earth-engine"}}, "must be `stac` or `mosaic`"),
        ({"tiling": {"size_km": 30}}, "`tiling.size_km`"),
        ({"screen": {"threshold": 1.5}}, "`screen.threshold`"),
        ({"imagery": {"provider": "cog"}}, "needs `imagery.paths`"),
        ({"imagery": {"budget": 5}}, "`imagery.budget` needs"),
        ({"imagery": {"provider": "cog", "paths": ["a.tif"]}}, "needs `imagery.licence`"),
        ({"imagery": {"date": "last spring"}}, "`imagery.date`"),
        ({"train": {"name": "x", "regions": [{"name": "y", "mosaic": "y.tif"}]}}, "either `mosaic` and `labels`"),
        ({"region": {"name": "x", "aoi": [1, 2, 3]}}, "four numbers"),
        ({"sentinel2": STAC}, "need an area of interest"),
        ({"region": {"name": "x", "aoi": "a.gpkg", "countries": ["BGD"]}}, "either `aoi` or `countries`"),
        ({"region": {"name": "x", "countries": []}}, "`region.countries`"),
        ({"region": {"name": "x", "aoi": [1, 2, 3, 4], "select": {"a": ["b"]}}}, "rows of a vector file"),
        ({"region": {"name": "x", "buffer_km": 5}}, "give one of them"),
        ({"ground_reports": [{"path": "results/here/reports/review.csv"}]}, "made from the reports"),
        ({"ground_reports": [{"path": ["a.csv", "./results/there/reports/rejected.csv"]}]}, "which is made"),
        ({"ground_reports": [{"path": str(Path("results/here/reports/review.csv").absolute())}]}, "copy it out"),
        ({"ground_reports": [{"path": "a.csv", "review": "results/here/reports/review.csv"}]}, "copy it out"),
        ({"ground_reports": [{"path": "a.csv", "review": "x/../results/a/reports/b.csv"}]}, "copy it out"),
        ({"areas": {"path": "a", "name": "b", "tables": [{"path": "c", "columns": {"kilns": "d"}}]}}, "has itself"),
        ({"map": {"earlier": {"path": "a.tif", "date": "2018", "licence": "CC0"}}}, "earlier.attribution` is missing"),
        ({"map": {"language": "bengali"}}, "'bengali' is no code of a language; kilnscan has bn, en, hi, ur"),
        ({"map": {"languages": ["en", "ta\n"]}}, r"`map.languages.1`: 'ta\\n' is no code of a language"),
        ({"map": {"dictionaries": {"EN": "a.json"}}}, "'EN' is no code of a language"),
        ({"region": {"name": "My Place"}}, "use letters, digits, - and _ only"),
        ({"sentinel2": STAC | {"statistic": "mean"}}, "'mean' is none of `median`"),
        ({"sentinel2": STAC | {"months": [13]}}, "13 is no month"),
        ({"sentinel2": STAC | {"months": 11}}, "must be a list"),
        ({"sentinel2": STAC | {"months": [7]}}, "no day from 2024-01-01 to 2024-02-01"),
        ({"sentinel2": STAC | {"start": 2023.5}}, "write it as 2023-11-01"),
        ({"sentinel2": STAC | {"bands": ["B4", "B3", "B2"]}}, "'B4' is no band of Sentinel-2"),
        ({"sentinel2": STAC | {"bands": ["B02", "B03", "B04", "B04_90"]}}, "'B04_90' names no percentile of B04"),
        ({"sentinel2": STAC | {"bands": ["B02", "B03", "B04", "B04_p101"]}}, "'B04_p101' names no percentile of B04"),
        ({"sentinel2": STAC | {"bands": ["B02", "B03", "B04", "B04_p05"]}}, "'B04_p05' names no percentile of B04"),
        ({"sentinel2": STAC | {"bands": ["B04", "B03"]}}, "`sentinel2.bands` must name at least 3, but names 2"),
        ({"sentinel2": SMALLEST["sentinel2"] | {"bands": ["B08_90"]}}, "'B08_90' names no percentile of B08"),
        (training(["B04", "B08_p101"], mosaic="m.tif", labels="l.gpkg"), "'B08_p101' names no percentile of B08"),
        (training(["A00..A63"], seed=1), "`bands` must be three or more of Sentinel-2's"),
        ({"sentinel2": STAC | {"bands": ["B02", "B03", "B04", "B04"]}}, "'B04' is named twice"),
        ({"sentinel2": SMALLEST["sentinel2"] | {"bands": ["B04", "B03", "B02", "a b"]}}, "'a b' is no name of a band"),
        ({"sentinel2": SMALLEST["sentinel2"] | {"bands": ["A00..A63"]}}, "needs the bands B04, B03, B02"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_named(change, says):
    with pytest.raises(ConfigError, match=says):
        load_config(SMALLEST | change)


def test_scenes_are_read_in_the_bands_that_the_screen_model_wants():
    raw = {"region": {"name": "x", "aoi": [86, 18, 87, 19]}, "sentinel2": STAC}
    assert with_model_bands(load_config(raw)).sentinel2.bands == ["B04", "B03", "B02"]
    demo = raw | {"screen": {"model": "models/demo-screen.npz"}}
    assert len(with_model_bands(load_config(demo)).sentinel2.bands) == 6
    not_yet = raw | {"screen": {"model": "results/models/x-screen.npz"}}
    assert with_model_bands(load_config(not_yet)).sentinel2.bands == load_config(raw).sentinel2.bands


@pytest.mark.parametrize("section", [STAC | {"bands": ["B02", "B03", "B04"]}, SMALLEST["sentinel2"] | {"bands": SIX}])
def test_bands_that_the_screen_model_does_not_know_are_refused_before_anything_runs(section):
    raw = {"region": {"name": "x", "aoi": [86, 18, 87, 19]}, "sentinel2": section}
    with pytest.raises(ConfigError, match="was trained on \\[B04, B03, B02\\]"):
        with_model_bands(load_config(raw))


@pytest.mark.parametrize(
    ("bands", "says"),
    [
        (["B08", "B11", "B12"], "provider `sentinel2` needs the bands B04, B03, B02"),
        (["A00..A63"], "'A00' is no band of Sentinel-2"),
    ],
)
def test_bands_of_a_model_that_cannot_be_read_as_configured_are_refused_before_anything_runs(bands, says):
    raw = {"region": {"name": "x", "aoi": [86, 18, 87, 19]}, "sentinel2": STAC}
    raw |= training(bands, mosaic="m.tif", labels="l.gpkg") | {"screen": {"model": "results/models/x-screen.npz"}}
    with pytest.raises(ConfigError, match=f"x-screen.npz was trained on .*{says}"):
        with_model_bands(load_config(raw))


def test_reports_that_a_landscape_invents_are_read_where_it_writes_them():
    reports = [
        {"path": "results/landscape/7/reports.csv"},
        {"path": "my/reports/review.csv", "review": "my/review.csv"},
    ]
    assert len(load_config(SMALLEST | {"ground_reports": reports}).ground_reports) == 2


def test_data_stands_for_a_folder_in_every_path():
    raw = {"data": "/x", "region": {"name": "a"}, "sentinel2": {"source": "mosaic", "path": ["{data}/a.tif"]}}
    assert load_config(raw).sentinel2.paths == ["/x/a.tif"]


def test_a_glob_that_matches_nothing_is_refused(tmp_path):
    config = load_config({**SMALLEST, "sentinel2": {"source": "mosaic", "path": f"{tmp_path}/*.tif"}})
    with pytest.raises(ConfigError, match="matches no file"):
        _ = config.sentinel2.paths


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "regions").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_region_files_are_valid(path):
    load_config(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_generated_files_are_in_step_with_the_models():
    assert (ROOT / "config" / "config.default.yaml").read_text(encoding="utf-8") == default_yaml()
    assert (ROOT / "config" / "config.schema.json").read_text(encoding="utf-8") == schema_json()


def test_the_file_of_defaults_says_what_holds_without_it():
    assert load_config(yaml.safe_load(default_yaml()) | SMALLEST) == load_config(SMALLEST)


def test_the_file_of_defaults_has_every_section_and_what_is_in_it():
    text = default_yaml()
    for section in set(Config.model_fields) - {"data", "region", "landscape"}:
        assert f"\n{section}:\n" in text or f"\n# {section}:\n" in text, section
    for key in ("satellite", "earlier", "places", "tables", "grid_m", "match_m", "epochs"):
        assert f" {key}: " in text, key
    assert "None" not in text


def test_a_section_that_is_uncommented_is_yaml():
    text = default_yaml()
    places = text[text.index("  places: []") : text.index("  # Standard error")].replace("(needed)", "school")
    lines = [line.replace("  # ", "  ", 1) if line.startswith("  #   ") else line for line in places.splitlines()]
    (place,) = yaml.safe_load("\n".join(lines).replace("places: []", "places:"))["places"]
    assert place == {"to": "school", "path": "school", "completeness": 1, "credit": ""}


@pytest.mark.parametrize("page", ["config/README.md", "docs/exposure.md"])
def test_examples_can_be_copied(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    examples = re.findall(r"(?:\n\n|^)((?:    [a-z_]+:.*\n(?:     .*\n)*)+)", text)
    read = [yaml.safe_load(textwrap.dedent(example)) for example in examples]
    sections = [one for one in read if isinstance(one, dict) and set(one) <= set(Config.model_fields)]
    assert {"exposure", "areas"} <= {key for one in sections for key in one}
    for one in sections:
        load_config(SMALLEST | {"region": {"name": "x", "aoi": [0, 0, 1, 1]}} | one)


def test_an_unquoted_day_is_a_day():
    rights = {"licence": "CC0", "attribution": "nobody"}
    config = load_config(SMALLEST | {"imagery": {"provider": "cog", "paths": "a", "date": date(2024, 1, 31), **rights}})
    assert config.imagery.date == "2024-01-31"


def test_signed_urls_are_not_globs():
    assert files_named(["https://example.org/a.tif?sig=1", "/vsis3/b/c?.tif"]) == [
        "https://example.org/a.tif?sig=1",
        "/vsis3/b/c?.tif",
    ]


def test_bands_may_be_embeddings_and_carry_percentiles():
    cog = {"provider": "cog", "paths": "x.tif", "licence": "x", "attribution": "x"}
    mosaic = SMALLEST | {"sentinel2": SMALLEST["sentinel2"] | {"bands": ["A00..A63", "dem"]}, "imagery": cog}
    assert load_config(mosaic).sentinel2.bands == [*(f"A{n:02d}" for n in range(64)), "dem"]
    season = load_config(
        {
            **SMALLEST,
            "region": {"name": "x", "aoi": [0, 0, 1, 1]},
            "sentinel2": STAC | {"bands": [*SIX, "B08_p90", "B08_p10"]},
        }
    )
    assert season.sentinel2.raw_bands == SIX
