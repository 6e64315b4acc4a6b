"""The forest: scikit-learn's decisions without scikit-learn, in a file that cannot hurt."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from kilnscan.errors import ModelError
from kilnscan.features import compute_features, feature_names, layout_of
from kilnscan.forest import Forest
from kilnscan.trees import Trees
from tests.conftest import ROOT
from tests.reference_forest import reference_screen

BANDS = ["B04", "B03", "B02"]
WIDTH = len(feature_names(BANDS))


def town(size: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise with red blocks and a hole."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(60, 120, (3, size, size), dtype=np.uint8)
    for row, column in rng.integers(0, size - 10, (30, 2)):
        pixels[0, row : row + 10, column : column + 6] += 60
    valid = np.ones((size, size), bool)
    valid[70:90, 30:55] = False
    return pixels, valid


@pytest.fixture(scope="module")
def trained() -> tuple[RandomForestClassifier, np.ndarray]:
    features = compute_features(*town(), BANDS)
    features[:, 0] = np.round(features[:, 0], 1)  # many equal values, so that thresholds are hit exactly
    name = feature_names(BANDS).index
    kiln = features[:, name("brick_mean3")] + 0.2 * features[:, name("light_above52_5")] > 0.2
    model = RandomForestClassifier(25, max_depth=8, random_state=0, n_jobs=1).fit(features, kiln)
    return model, features


@pytest.fixture(scope="module")
def forest(trained) -> Forest:
    gate = np.quantile(trained[1][:, layout_of(BANDS).gate], 0.15, axis=0).astype(np.float32)
    glanced, kiln = trained[1][:, layout_of(BANDS).gate], trained[0].predict(trained[1])
    early = RandomForestClassifier(5, max_depth=4, random_state=0, n_jobs=1).fit(glanced, kiln)
    trees, early = Trees.from_sklearn(trained[0]), Trees.from_sklearn(early)
    return Forest(BANDS, trees, gate, early, operating_point=0.25, trained_on={"regions": {"somewhere": 3}})


@pytest.fixture
def saved(forest: Forest, tmp_path: Path) -> Path:
    forest.save(tmp_path / "screen.npz")
    return tmp_path / "screen.npz"


def test_it_decides_as_scikit_learn_does_to_the_last_bit(trained, forest: Forest):
    model, features = trained
    # between the samples too, and on the thresholds themselves
    cuts = np.concatenate([tree.tree_.threshold for tree in model.estimators_]).astype(np.float32)
    features = np.concatenate([features[:3000], np.repeat(cuts[:500, None], WIDTH, axis=1)])
    np.testing.assert_array_equal(forest.predict(features), model.predict_proba(features)[:, 1])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("how", [{}, {"floor": 0.0, "doubt": 0.0}, {"floor": 0.6}, {"doubt": 0.5}, {"floor": 1.0}])
def test_every_pixel_is_screened_as_scikit_learn_would(forest: Forest, how: dict, threads: int, monkeypatch):
    monkeypatch.setattr("kilnscan.features.BLOCK", 64)
    forest = replace(forest, **how)
    pixels, valid = town(seed=1)
    expected = reference_screen(forest, pixels, valid, origin=(3, 2))
    screened = forest.screen(pixels, valid, threads=threads, origin=(3, 2))
    assert (screened == 0).any()
    assert screened.any() or how == {"floor": 1.0}
    np.testing.assert_array_equal(screened, expected)


@pytest.mark.parametrize("name", ["s2-rgb", "demo"])
def test_shipped_models_decide_as_scikit_learn_does(name: str):
    shipped = Forest.load(ROOT / "models" / f"{name}-screen.npz")
    rng = np.random.default_rng(2)
    pixels = rng.integers(900, 1100, (len(shipped.bands), 160, 160)).astype(np.uint16)
    for row, column in rng.integers(0, 150, (12, 2)):  # red and bright, as kilns are
        pixels[[shipped.bands.index(band) for band in ("B04",)], row : row + 10, column : column + 6] += 900
        pixels[:, row : row + 10, column : column + 6] += 300
    valid = np.ones((160, 160), bool)
    valid[:9, :30] = False
    forest = replace(shipped, floor=0.01, doubt=0.01, gate=shipped.gate - 1)
    screened = forest.screen(pixels, valid, origin=(1, 2))
    assert screened.any()
    np.testing.assert_array_equal(screened, reference_screen(forest, pixels, valid, origin=(1, 2)))


def test_it_comes_back_as_it_was_saved(trained, forest: Forest, saved: Path):
    again = Forest.load(saved)
    assert (again.bands, again.operating_point, again.trained_on) == (BANDS, 0.25, {"regions": {"somewhere": 3}})
    np.testing.assert_array_equal(again.predict(trained[1]), forest.predict(trained[1]))
    np.testing.assert_array_equal(again.screen(*town()), forest.screen(*town()))


def test_the_same_forest_gives_the_same_bytes(forest: Forest, saved: Path, tmp_path: Path):
    forest.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == saved.read_bytes()


def test_screening_gives_nothing_where_nothing_is_valid(forest: Forest):
    pixels, valid = town()
    probability = forest.screen(pixels, valid)
    assert probability.dtype == np.uint8 and probability.shape == valid.shape
    assert (probability[~valid] == 0).all() and probability[valid].any()
    assert not forest.screen(pixels, np.zeros_like(valid)).any()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_window_is_screened_as_the_whole_is(forest: Forest, threads: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kilnscan.features.BLOCK", 64)
    window = (slice(20, 130), slice(50, 170))
    pixels, valid = town()
    np.testing.assert_array_equal(forest.screen(pixels, valid, window, threads), forest.screen(pixels, valid)[window])


def rewritten(saved: Path, name: str, content: bytes) -> Path:
    """The model with one member replaced."""
    with zipfile.ZipFile(saved) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = content
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return saved


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        Forest.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_model_is_named(tmp_path: Path):
    assert "snakemake train" in refused(tmp_path / "none.npz")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_model_is_refused(saved: Path, share: float):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * share)])
    assert "Use a model written by" in refused(saved)


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_model_is_refused_or_still_safe(saved: Path, seed: int):
    rng = np.random.default_rng(seed)
    content = bytearray(saved.read_bytes())
    for place in rng.integers(0, len(content), 8):
        content[place] = rng.integers(256)
    saved.write_bytes(bytes(content))
    try:
        forest = Forest.load(saved)
    except ModelError:
        return
    forest.predict(np.zeros((2, WIDTH), np.float32))
    forest.screen(*town(60))


def test_pickles_are_never_opened(saved: Path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    assert "`left` is damaged" in refused(rewritten(saved, "left.npy", buffer.getvalue()))


def test_a_foreign_file_is_refused(tmp_path: Path):
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    assert "not written by this version" in refused(tmp_path / "other.npz")


def test_a_bomb_is_not_unpacked(saved: Path):
    assert "unpacks to more than" in refused(rewritten(saved, "left.npy", bytes(70 * 2**20)))


def test_a_header_that_promises_too_much_is_refused(saved: Path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<i4", "fortran_order": False, "shape": (2**40,)})
    assert "`left` is damaged" in refused(rewritten(saved, "left.npy", buffer.getvalue()))


@pytest.mark.parametrize(
    ("array", "index", "value", "reason"),
    [
        ("left", 0, 10**6, "point outside"),
        ("left", 0, -1, "point outside"),
        ("left", 5, 1, "point outside"),
        ("feature", 0, 255, "do not exist"),
        ("threshold", 0, np.nan, "do not exist"),
        ("value", 3, 7.0, "leaves"),
        ("roots", 1, 0, "follow each other"),
        ("roots", -1, 10**9, "follow each other"),
    ],
)
def test_hostile_trees_are_refused(forest: Forest, tmp_path: Path, array: str, index: int, value: float, reason: str):
    hostile = getattr(forest.trees, array).copy()
    hostile[index] = value
    replace(forest, trees=replace(forest.trees, **{array: hostile})).save(tmp_path / "hostile.npz")
    assert reason in refused(tmp_path / "hostile.npz")


def test_hostile_early_trees_are_refused(forest: Forest, tmp_path: Path):
    feature = forest.early.feature.copy()
    feature[0] = 9  # the gate has nine features, 0 to 8
    replace(forest, early=replace(forest.early, feature=feature)).save(tmp_path / "hostile.npz")
    assert "do not exist" in refused(tmp_path / "hostile.npz")


@pytest.mark.parametrize("gate", [np.zeros(3, np.float32), np.full(9, np.nan, np.float32)])
def test_a_damaged_gate_is_refused(forest: Forest, tmp_path: Path, gate: np.ndarray):
    replace(forest, gate=gate).save(tmp_path / "hostile.npz")
    assert "gate" in refused(tmp_path / "hostile.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"bands": []},
        {"features": ["x"]},
        {"operating_point": 2},
        {"resolution_m": "ten"},
        {"floor": True},
        {"doubt": 1e999},
        {"extra": 1},
    ],
)
def test_a_damaged_description_is_refused(saved: Path, change: dict):
    with zipfile.ZipFile(saved) as archive:
        about = json.loads(archive.read("forest.json"))
    refused(rewritten(saved, "forest.json", json.dumps({**about, **change}).encode()))
