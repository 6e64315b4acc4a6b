from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image

from kilnscan import obb
from kilnscan.augment import Augmentation, Crops

pytest.importorskip("cv2", reason="needs the training environment: make train-env")

PLAIN = Augmentation(
    brightness=0, contrast=0, hue=0, saturation=0, gamma=0, haze=0, noise=0, blur=0, paste_share=0, hard_share=0
)
SIZE = 112


def write_chip(folder: Path, stem: str, box: list[float] | None) -> None:
    """A dark chip, with one red kiln if there is a `box` in pixels."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    picture = np.full((SIZE, SIZE, 3), 60, np.uint8)
    rows = ""
    if box:
        picture[shapely.contains_xy(obb.polygons([box])[0], x, y)] = (240, 60, 60)
        rows = "1 " + " ".join(f"{value / SIZE:.6f}" for value in obb.corners([box]).ravel()) + "\n"
    for part, suffix in (("images", "png"), ("labels", "txt")):
        (folder / part / "train").mkdir(parents=True, exist_ok=True)
        path = folder / part / "train" / f"{stem}.{suffix}"
        Image.fromarray(picture).save(path) if suffix == "png" else path.write_text(rows)


@pytest.fixture
def chips(tmp_path: Path) -> Path:
    write_chip(tmp_path, "kiln-here-00000", [56, 56, 30, 14, 0.4])
    write_chip(tmp_path, "kiln-here-00001", [50, 62, 26, 16, 2.0])
    write_chip(tmp_path, "background-here-00000", None)
    return tmp_path


def outside_the_boxes(window: np.ndarray, boxes: np.ndarray) -> float:
    """Area of red, in pixels, that lies farther than a pixel and a half from any box."""
    y, x = np.mgrid[: window.shape[0], : window.shape[1]] + 0.5
    near = shapely.union_all(obb.polygons(boxes)).buffer(1.5)
    return float(((window[..., 0] > 150) & ~shapely.contains_xy(near, x, y)).sum())


def test_boxes_stay_on_their_kilns_however_a_window_is_turned(chips: Path):
    crops = Crops(chips, 64, 1, seed=0, how=PLAIN)
    draws = [crops.draw() for _ in range(60)]
    assert all(outside_the_boxes(window, boxes) == 0 for window, boxes, _ in draws if len(boxes))
    for window, boxes, kinds in draws:
        assert kinds.tolist() == [1] * len(boxes)
        for x, y in boxes[:, :2].astype(int):
            assert window[y, x, 0] > 200
    assert {len(boxes) for _, boxes, _ in draws} == {0, 1}


def test_kilns_are_pasted_onto_other_ground_with_their_boxes(chips: Path):
    how = Augmentation(**{**vars(PLAIN), "kiln_share": 0, "paste_share": 1})
    crops = Crops(chips, 64, 1, seed=0, how=how)
    draws = [crops.draw() for _ in range(30)]
    assert all(len(boxes) == 1 for _, boxes, _ in draws)
    assert all(window[int(box[1]), int(box[0]), 0] > 150 for window, (box,), _ in draws)


def test_windows_differ_but_a_seed_repeats_them(chips: Path):
    one, two = (Crops(chips, 64, 1, seed=3, how=Augmentation()) for _ in range(2))
    first, second = one.draw()[0], one.draw()[0]
    assert not np.array_equal(first, second)
    assert np.array_equal(first, two.draw()[0])
    assert np.array_equal(second, two.draw()[0])
