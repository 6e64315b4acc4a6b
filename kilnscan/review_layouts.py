"""The windows for a person, laid out for the tools that people use: a table, Label Studio, YOLO-OBB and COCO.

One folder serves all of them: images/ and labels/ with dataset.yaml are a YOLO-OBB data set, labelstudio.json and
coco.json name the same images. All say which licence the pixels come under and who must be named.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pandas as pd
import shapely
import yaml
from PIL.PngImagePlugin import PngInfo

from kilnscan.detector import to_rgb
from kilnscan.files import replacing, write_json, write_text
from kilnscan.grid import transformer
from kilnscan.imagery import read_chips
from kilnscan.lattice import chip_bounds, chips_of_window
from kilnscan.pictures import stretched
from kilnscan.review_marks import CLASSES, NOT_KILN, PICTURE_M, UNSURE, Mark, Window, to_line, to_rectangle
from kilnscan.store import Store

LEAST_PX = 320  # edge of a chip in a picture: half a metre; finer imagery keeps its own pixels
COLUMNS = [
    "window", "rank", "reason", "lon", "lat", "score", "detector_score", "screen_score", "epsg", "i", "j", "left",
    "bottom", "right", "top", "picture", "boxes", "provider", "licence", "attribution",
]  # fmt: skip
COLOURS = ("#d7301f", "#fd8d3c", "#6a51a3", "#2171b5", "#238b45", "#ce1256")


def write_review(
    folder: Path,
    ranked: pd.DataFrame,
    marks: dict[str, list[Mark]],
    imagery: list[dict[str, Any]],
    store: Store,
    types: Sequence[str],
    pictures: str,
) -> None:
    """Write the windows of `ranked` (`kilnscan.review.rank`) with their `marks` under `folder`.

    `imagery` are the tiles' records of chips in `store`; `types` the kinds of kiln; `pictures` is what stands before a
    picture's name in Label Studio's tasks.
    """
    table = describe(ranked, marks, imagery)
    kinds = [*types, NOT_KILN, UNSURE]
    chips = {(record["epsg"], i, j): key for record in imagery for i, j, key in record["chips"]}
    sides = []
    for row in table.itertuples():
        window = Window(row.epsg, row.i, row.j)
        sides.append(_write_picture(folder / row.picture, window, chips, store, f"{row.attribution}; {row.licence}"))
        lines = [to_line(kinds.index(mark.kind), mark.ring) for mark in marks[row.window]]
        write_text(folder / "labels" / f"{row.window}.txt", "".join(f"{line}\n" for line in lines))
    write_text(folder / "labels" / CLASSES, "".join(f"{kind}\n" for kind in kinds))
    rights = {key: "; ".join(sorted(set(table[key]))) for key in ("licence", "attribution")}
    described = {"train": "images", "val": "images", "names": dict(enumerate(kinds)), **rights}
    write_text(folder / "dataset.yaml", yaml.safe_dump(described, sort_keys=False, allow_unicode=True))
    write_json(folder / "labelstudio.json", label_studio(table, marks, sides, pictures))
    write_text(folder / "labelstudio.xml", label_studio_form(kinds))
    write_json(folder / "coco.json", coco(table, marks, sides, kinds))
    with replacing(folder / "review.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    with replacing(folder / "review.csv") as temporary:
        table.assign(decision="", who="", when="").to_csv(temporary, index=False)


def describe(ranked: pd.DataFrame, marks: dict[str, list[Mark]], imagery: list[dict[str, Any]]) -> pd.DataFrame:
    """The table that all layouts follow: one row per window, best first.

    lon and lat are the window's centre, scores 0 to 1 or NaN where there is none, left to top its edges in UTM metres,
    boxes the marks: type and corners in shares of the picture.
    """
    source = {(record["epsg"], i, j): record for record in imagery for i, j, _ in record["chips"]}
    rows = []
    for place, row in enumerate(ranked.itertuples(), start=1):
        window = Window(int(row.epsg), int(row.i), int(row.j))
        left, bottom, right, top = window.bounds
        lon, lat = transformer(window.epsg, 4326).transform((left + right) / 2, (bottom + top) / 2)
        corners = [(window.epsg, *chip) for chip in chips_of_window((window.i, window.j))]
        record = next(source[chip] for chip in corners if chip in source)
        scores = {name: getattr(row, name) for name in ("score", "detector_score", "screen_score")}
        rows.append(
            {"window": window.name, "rank": place, "reason": row.reason, "lon": round(lon, 6), "lat": round(lat, 6)}
            | scores
            | {"epsg": window.epsg, "i": window.i, "j": window.j}
            | {"left": left, "bottom": bottom, "right": right, "top": top, "picture": f"images/{window.name}.png"}
            | {"boxes": "; ".join(to_line(mark.kind, mark.ring) for mark in marks[window.name])}
            | {name: record[name] for name in ("provider", "licence", "attribution")}
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _write_picture(
    path: Path, window: Window, chips: dict[tuple[int, int, int], str], store: Store, rights: str
) -> int:
    """Write a window as PNG, stretched to its own brightness, grey where there is no imagery; its edge in pixels."""
    keys = {
        chip: chips[window.epsg, *chip]
        for chip in chips_of_window((window.i, window.j))
        if (window.epsg, *chip) in chips
    }
    held = read_chips(keys.values(), store)
    parts = []
    for chip, key in keys.items():
        pixels, valid = held[key]
        parts.append((chip_bounds(chip), to_rgb(pixels).transpose(2, 0, 1), valid))
    left, _, _, top = window.bounds
    side = max(LEAST_PX, *(valid.shape[0] for _, _, valid in parts))
    said = PngInfo()
    said.add_itxt("Copyright", rights)
    with replacing(path) as temporary:
        stretched(parts, (left, top), 2, side, (160, 160, 160)).save(temporary, pnginfo=said)
    return 2 * side


def label_studio(
    table: pd.DataFrame, marks: dict[str, list[Mark]], sides: Sequence[int], pictures: str
) -> list[dict[str, Any]]:
    """Tasks of Label Studio with the marks as pre-annotations, for the form of `label_studio_form`."""
    told = ["window", "rank", "reason", "lon", "lat", "provider", "licence", "attribution"]
    tasks = []
    for row, side in zip(table.to_dict("records"), sides, strict=True):
        shape = {"original_width": side, "original_height": side, "image_rotation": 0}
        result = [
            {
                "id": f"{row['window']}_{number}", "type": "rectanglelabels", "from_name": "kiln", "to_name": "image",
                "value": {**to_rectangle(mark.ring), "rectanglelabels": [mark.kind]}, "score": mark.score, **shape,
            }
            for number, mark in enumerate(marks[row["window"]])
        ]  # fmt: skip
        data = {"image": f"{pictures}{row['window']}.png", **{name: row[name] for name in told}}
        score = max((mark.score or 0.0 for mark in marks[row["window"]]), default=0.0)
        tasks.append({"data": data, "predictions": [{"model_version": "kilnscan", "score": score, "result": result}]})
    return tasks


def label_studio_form(kinds: Sequence[str]) -> str:
    """Labelling configuration of Label Studio: the picture, rotatable boxes, and `unsure` for a whole window."""
    colours = [*(COLOURS[number % len(COLOURS)] for number in range(len(kinds) - 2)), "#525252", "#fed976"]
    labels = "".join(
        f"    <Label value={quoteattr(kind)} background={quoteattr(colour)}/>\n"
        for kind, colour in zip(kinds, colours, strict=True)
    )
    return (
        "<View>\n"
        '  <Header value="$reason, rank $rank: $lat, $lon ($attribution)"/>\n'
        '  <Image name="image" value="$image" zoom="true" rotateControl="false"/>\n'
        f'  <RectangleLabels name="kiln" toName="image" canRotate="true">\n{labels}  </RectangleLabels>\n'
        '  <Choices name="window" toName="image" choice="single">\n'
        f'    <Choice value="{UNSURE}"/>\n'
        "  </Choices>\n"
        "</View>\n"
    )


def coco(
    table: pd.DataFrame, marks: dict[str, list[Mark]], sides: Sequence[int], kinds: Sequence[str]
) -> dict[str, Any]:
    """The windows as a COCO data set: rings in pixels, their upright boxes, and a licence for each image."""
    rights = sorted(set(zip(table["licence"], table["attribution"], strict=True)))
    licences = [{"id": n, "name": licence, "url": "", "attribution": who} for n, (licence, who) in enumerate(rights, 1)]
    images, annotations = [], []
    for number, (row, side) in enumerate(zip(table.to_dict("records"), sides, strict=True), start=1):
        images.append(
            {
                "id": number, "file_name": row["picture"].removeprefix("images/"), "width": side, "height": side,
                "license": 1 + rights.index((row["licence"], row["attribution"])), "window": row["window"],
                "rank": row["rank"], "reason": row["reason"],
            }
        )  # fmt: skip
        for mark in marks[row["window"]]:
            ring = np.round(mark.ring * side, 3)
            low, size = ring.min(axis=0), np.ptp(ring, axis=0)
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": number, "category_id": 1 + list(kinds).index(mark.kind),
                    "segmentation": [ring.ravel().tolist()], "area": round(shapely.Polygon(ring).area, 3),
                    "bbox": np.round([*low, *size], 3).tolist(), "iscrowd": 0, "score": mark.score,
                }
            )  # fmt: skip
    return {
        "info": {
            "description": f"kilnscan review, windows of {PICTURE_M:.0f} m",
            "contributor": "",
            "date_created": "",
        },
        "licenses": licences,
        "images": images,
        "annotations": annotations,
        "categories": [{"id": n, "name": kind, "supercategory": "kiln"} for n, kind in enumerate(kinds, start=1)],
    }
