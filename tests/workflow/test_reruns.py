"""What runs again after a change: exactly what computes from what changed, and what follows it."""

import json
import os

from tests.workflow.conftest import BEYOND, MIDDLE, write_area

END = {"atlas": 1, "impact": 1, "publish": 1, "evaluate": 1}


def chain(first, tiles=5):
    """Jobs of the per-tile stages from `first` on, for so many tiles, and what follows."""
    stages = ["choose_scenes", "screen", "candidates", "imagery", "detect"]
    return dict.fromkeys(stages[stages.index(first) :], tiles) | END


def test_nothing_after_nothing(project):
    assert project.jobs() == {}


def test_nothing_after_touched_scripts_modules_models_and_imagery(project):
    for folder in ("scripts", "kilnscan", "rules", "models", "input"):
        for path in (project.folder / folder).rglob("*"):
            os.utime(path)
    assert project.jobs() == {}


def test_nothing_after_a_comment_and_a_docstring(project):
    project.edit("kilnscan/merge.py", '"""One row per kiln:', '# a comment\n"""Another docstring:')
    project.edit("scripts/screen_tile.py", '"""Screen one tile', '"""Screen a tile')
    assert project.jobs() == {}


def test_a_changed_algorithm_runs_its_stage_and_what_follows(project):
    project.edit("kilnscan/kilns.py", "SCREEN_REACH_M = 160.0", "SCREEN_REACH_M = 161.0")
    assert project.jobs() == END


def test_a_changed_detection_algorithm_leaves_screen_and_imagery_alone(project):
    project.edit("kilnscan/detect.py", "EDGE_M = 40.0", "EDGE_M = 41.0")
    assert project.jobs() == chain("detect")


def test_a_changed_screen_algorithm_does_not_search_scenes_again(project):
    project.edit("kilnscan/screen.py", "STRIP_ROWS = 512", "STRIP_ROWS = 256")
    assert project.jobs() == chain("screen")


def test_one_changed_scene_list_runs_its_tile(project):
    path = project.folder / "results/small/tiles/45QVA_10_49/scenes.json"
    scenes = json.loads(path.read_text())
    scenes["dates"].pop()
    path.write_text(json.dumps(scenes))
    assert project.jobs() == chain("screen", tiles=1)


def test_asking_the_catalogue_again_without_news_runs_nothing(project):
    catalog = project.folder / "input" / "catalog.json"
    catalog.write_text(json.dumps(json.loads(catalog.read_text())))
    assert project.jobs() == {}
    project.snakemake("scenes", "--forcerun", "choose_scenes")
    assert project.jobs() == {}


def test_a_new_tile_runs_its_own_chain(project):
    write_area(project.folder / "area.geojson", MIDDLE, BEYOND, (-25_000, 1_000, -24_000, 2_000))
    assert project.jobs() == chain("choose_scenes", tiles=1) | {"tiles": 1}


def test_a_removed_tile_runs_the_merging_only(project):
    write_area(project.folder / "area.geojson", MIDDLE)
    assert project.jobs() == END | {"tiles": 1}


def test_a_tile_whose_land_changes_runs_its_own_chain(project):
    write_area(project.folder / "area.geojson", MIDDLE, (-15_000, 1_000, -14_000, 3_000))
    assert project.jobs() == chain("choose_scenes", tiles=1) | {"tiles": 1}


def test_a_changed_detector_runs_detection(project):
    model = project.folder / "models" / "demo-detector.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    assert project.jobs() == chain("detect")


def test_a_changed_forest_runs_the_screen(project):
    model = project.folder / "models" / "demo-screen.npz"
    model.write_bytes(model.read_bytes() + b"\0")
    assert project.jobs() == chain("screen")


def test_replaced_imagery_is_acquired_again(project):
    sheet = project.folder / "input/imagery/nw.tif"
    sheet.write_bytes(sheet.read_bytes() + b"\0")
    assert project.jobs() == chain("imagery")


def test_another_threshold_keeps_the_screen(project):
    project.configure(screen={"threshold": 0.6})
    assert project.jobs() == chain("candidates")


def test_money_and_keys_make_no_pixel_anew(project):
    project.configure(imagery={"price_per_km2": 7, "budget": 1000}, plan={"extent_km": 10}, review={"most": 5})
    assert set(project.jobs()) <= {"publish"}, "provenance tells the price; nothing else hangs on it"
