"""Read what people answered: exports of Label Studio, YOLO-OBB label folders, COCO files, and plain tables.

The files come from outside and are not trusted: sizes, numbers, names, windows and types are checked before anything
is believed, and whatever is wrong ends in one sentence that says what, where, and what to do.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import shapely

from kilnscan.errors import AnswerError
from kilnscan.review_marks import CLASSES, NOT_KILN, PICTURE_M, UNSURE, Mark, Window, from_rectangle

LARGEST = 64_000_000  # bytes of one file
MOST_MARKS = 50  # in a picture of 320 m
LEAST_M = 5.0  # shortest side of a box: less is a slip of the mouse
_PICTURE = re.compile(r"(?:^|[/\\=-])(\d{5}_-?\d+_-?\d+)(?:\.png)?$", re.ASCII)
_WHO = re.compile(r"\w[\w .,@'+-]{0,79}")


@dataclass(frozen=True)
class Answer:
    """What one person said of one window. Without marks and `verdict` there is no kiln in it."""

    window: Window
    marks: tuple[Mark, ...]
    who: str
    """Empty if unknown."""
    when: str
    """ISO 8601 in UTC; empty if unknown."""
    source: str
    verdict: str = ""
    """Said of the whole window: `unsure`, or `kiln` for kilns without boxes."""

    @property
    def unsure(self) -> bool:
        """Whether it says nothing of any place."""
        return self.verdict == UNSURE or (bool(self.marks) and all(mark.kind == UNSURE for mark in self.marks))

    @property
    def kilns(self) -> np.ndarray:
        """Centres (n, 2) of the kilns marked, in UTM metres."""
        shares = [mark.centre for mark in self.marks if mark.kind not in (NOT_KILN, UNSURE)]
        return self.window.metres(np.reshape(shares, (-1, 2)))


@dataclass(frozen=True)
class Source:
    """A file or folder of answers, and what its content is checked against."""

    path: str
    types: tuple[str, ...]
    known: Callable[[Window], bool]
    """Whether a window lies in the region."""
    who: str = ""
    """Who answered and when, where the file does not say."""
    when: str = ""

    def refuse(self, where: str, problem: str, remedy: str) -> NoReturn:
        """Raise the AnswerError that says so."""
        raise AnswerError(f"`review.answers` {self.path}, {where}: {problem}; {remedy}.")

    def answers(self) -> list[Answer]:
        """All answers, in the order of the file. Raises AnswerError."""
        if Path(self.path).is_dir():
            return list(self._yolo())
        text = self._text(Path(self.path))
        if self.path.lower().endswith(".csv"):
            return list(self._csv(text))
        content = self._json(text)
        if isinstance(content, dict) and "images" in content:
            return list(self._coco(content))
        if isinstance(content, list):
            return list(self._label_studio(content))
        self.refuse("whole file", "it is no export that kilnscan knows", "export as Label Studio JSON, COCO, or CSV")

    def _text(self, path: Path) -> str:
        try:
            if path.stat().st_size > LARGEST:
                self.refuse(path.name, f"it is larger than {LARGEST // 1_000_000} MB", "export without pictures in it")
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise AnswerError(f"`review.answers` {path} cannot be read ({error}): save it as UTF-8.") from error

    def _json(self, text: str) -> Any:
        def no_number(name: str) -> NoReturn:
            raise ValueError(f"{name} is no number")

        try:
            return json.loads(text, parse_constant=no_number)
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            self.refuse("whole file", f"it is no usable JSON ({reason})", "export it again")

    def _label_studio(self, tasks: list[Any]) -> Iterator[Answer]:
        for number, task in enumerate(tasks, start=1):
            where = f"task {number}"
            data = self._get(task, "data", dict, where)
            window = self._window(data.get("window", data.get("image")), where)
            for answer in self._get(task, "annotations", list, where):
                if answer.get("was_cancelled") if isinstance(answer, dict) else False:
                    continue  # skipped: no answer
                result = self._get(answer, "result", list, where)
                marks, verdict = [], ""
                for part in result:
                    value = self._get(part, "value", dict, where)
                    kind = self._get(part, "type", str, where)
                    if kind == "choices" and value.get("choices") == [UNSURE]:
                        verdict = UNSURE
                    elif kind == "rectanglelabels":
                        marks.append(self._rectangle(part, value, where))
                    else:
                        self.refuse(where, f"a result has the type {kind[:40]!r}", "use labelstudio.xml as it is")
                by, when = answer.get("completed_by"), answer.get("updated_at") or answer.get("created_at")
                if isinstance(by, dict):
                    by = by.get("email") or by.get("id")
                by = f"user {by}" if type(by) is int else by
                yield self._answer(window, marks, by, when, where, verdict)

    def _rectangle(self, part: dict[str, Any], value: dict[str, Any], where: str) -> Mark:
        if part.get("original_width") != part.get("original_height") or part.get("image_rotation") not in (None, 0):
            self.refuse(where, "its picture is not square or was turned", "label the pictures as exported, unturned")
        kinds = value.get("rectanglelabels")
        if not isinstance(kinds, list) or len(kinds) != 1:
            self.refuse(where, "a box has no label or several", "give every box one")
        sizes = [self._number(value.get(key), where) for key in ("x", "y", "width", "height")]
        return self._mark(kinds[0], from_rectangle(*sizes, self._number(value.get("rotation", 0), where)), where)

    def _yolo(self) -> Iterator[Answer]:
        folder = Path(self.path)
        named = next((path for path in (folder / CLASSES, folder.parent / CLASSES) if path.is_file()), None)
        if named is None:
            self.refuse("whole folder", f"nothing says what its classes are, for there is no {CLASSES}", "add it")
        kinds = self._text(named).split()
        for path in sorted(path for path in folder.glob("*.txt") if path.name != CLASSES):
            window = self._window(path.stem, path.name)
            marks = []
            for number, line in enumerate(self._text(path).splitlines(), start=1):
                where = f"{path.name}, line {number}"
                first, *numbers = line.split() or [""]
                if len(numbers) != 8 or not (len(first) <= 3 and first.isascii() and first.isdigit()):
                    self.refuse(where, "it is not a class and four corners", "export as YOLO-OBB")
                if int(first) >= len(kinds):
                    self.refuse(where, f"there is no class {first}", f"{CLASSES} names {len(kinds)}, from 0 on")
                marks.append(self._mark(kinds[int(first)], self._ring(numbers, where), where))
            yield self._answer(window, marks, None, None, path.name)

    def _coco(self, content: dict[str, Any]) -> Iterator[Answer]:
        info = content.get("info") if isinstance(content.get("info"), dict) else {}
        kinds = {}
        for category in self._get(content, "categories", list, "categories"):
            kinds[self._get(category, "id", int, "categories")] = self._get(category, "name", str, "categories")
        images: dict[int, tuple[Window, float, list[Mark], str]] = {}
        for number, image in enumerate(self._get(content, "images", list, "images"), start=1):
            where = f"image {number}"
            side = self._number(image.get("width") if isinstance(image, dict) else None, where)
            if side <= 0 or side != image.get("height"):
                self.refuse(where, "it is not square", "label the pictures as exported")
            window = self._window(image.get("file_name"), where)
            images[self._get(image, "id", int, where)] = window, side, [], where
        for number, part in enumerate(self._get(content, "annotations", list, "annotations"), start=1):
            where = f"annotation {number}"
            image, rings = self._get(part, "image_id", int, where), self._get(part, "segmentation", list, where)
            if image not in images or len(rings) != 1 or not isinstance(rings[0], list) or len(rings[0]) > 200:
                self.refuse(where, "it has no image or not one polygon", "export polygons; Label Studio's come as JSON")
            ring = self._ring(rings[0], where) / images[image][1]
            images[image][2].append(self._mark(kinds.get(self._get(part, "category_id", int, where)), ring, where))
        for window, _, marks, where in images.values():
            yield self._answer(window, marks, info.get("contributor"), info.get("date_created"), where)

    def _csv(self, text: str) -> Iterator[Answer]:
        try:
            rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        except csv.Error as error:
            self.refuse("whole file", f"it is no usable CSV ({error})", "save it as CSV, separated by commas")
        if rows and not {"window", "decision"} <= set(rows[0]):
            self.refuse("first row", "there are no columns `window` and `decision`", "fill in review.csv")
        for number, row in enumerate(rows, start=2):
            where = f"row {number}"
            decision = (row["decision"] or "").strip()
            if not decision:
                continue  # not looked at
            window = self._window((row["window"] or "").strip(), where)
            if decision not in ("kiln", NOT_KILN, UNSURE):
                self.refuse(where, f"{decision[:40]!r} is no decision", f"write kiln, {NOT_KILN} or {UNSURE}")
            marks = []
            for line in (row.get("boxes") or "").split(";") if decision == "kiln" else []:
                *kind, numbers = line.strip().rsplit(maxsplit=8)[:1], line.split()[-8:]
                if line.strip():
                    marks.append(self._mark(kind[0][0], self._ring(numbers, where), where))
            verdict = "" if marks or decision == NOT_KILN else decision
            yield self._answer(window, marks, row.get("who"), row.get("when"), where, verdict)

    def _get(self, holder: Any, key: str, kind: type, where: str) -> Any:
        value = holder.get(key) if isinstance(holder, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool):
            self.refuse(where, f"its `{key}` is missing or of a wrong kind", "export it again")
        return value

    def _number(self, value: Any, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not -1e6 < value < 1e6:
            self.refuse(where, f"{str(value)[:40]!r} is no usable number", "export it again")
        return float(value)

    def _ring(self, numbers: list[Any], where: str) -> np.ndarray:
        """Corners (n, 2) from x and y in turns, as numbers or text."""
        if len(numbers) < 6 or len(numbers) % 2:
            self.refuse(where, "a box needs x and y of at least three corners", "draw it again")
        try:
            values = [float(value) if isinstance(value, str) and len(value) < 30 else value for value in numbers]
        except ValueError:
            self.refuse(where, "a corner is no number", "export it again")
        return np.array([self._number(value, where) for value in values]).reshape(-1, 2)

    def _mark(self, kind: Any, ring: np.ndarray, where: str) -> Mark:
        """A mark whose type is known and that lies in the picture (a tenth of it may stick out)."""
        names = {name.lower(): name for name in (*self.types, NOT_KILN, UNSURE)}
        known = names.get(kind.lower()) if isinstance(kind, str) else None
        if known is None:
            self.refuse(where, f"there is no type {str(kind)[:40]!r}", f"use one of {', '.join(names.values())}")
        shape = shapely.Polygon(ring)
        if not shape.is_valid or _shortest(shape) * PICTURE_M < LEAST_M:
            self.refuse(
                where, f"a box crosses itself or is narrower than {LEAST_M:.0f} m", "draw it again or delete it"
            )
        centre = shapely.get_coordinates(shape.centroid)[0]
        if ring.min() < -0.1 or ring.max() > 1.1 or centre.min() < 0 or centre.max() > 1:
            self.refuse(where, "a box lies outside the picture", "move it inside or delete it")
        return Mark(known, ring)

    def _window(self, name: Any, where: str) -> Window:
        """The window of a picture's name, whatever folder or number a tool put before it."""
        found = _PICTURE.search(name) if isinstance(name, str) and len(name) < 1000 else None
        window = Window.named(found[1]) if found else None
        if window is None or not self.known(window):
            self.refuse(where, f"{str(name)[-60:]!r} is no window of this region", "name windows as in review.csv")
        return window

    def _answer(self, window: Window, marks: list[Mark], who: Any, when: Any, where: str, verdict: str = "") -> Answer:
        if len(marks) > MOST_MARKS:
            self.refuse(where, f"there are more than {MOST_MARKS} boxes", "delete those that are no kilns")
        who, when = who or self.who, when or self.when
        if who and not (isinstance(who, str) and _WHO.fullmatch(who.strip())):
            self.refuse(where, f"{str(who)[:40]!r} is no name of a person", "use letters, digits and . , @ ' + - only")
        return Answer(window, tuple(marks), who.strip() if who else "", self._time(when, where), self.path, verdict)

    def _time(self, value: Any, where: str) -> str:
        """A time in UTC to the second; without a zone it is UTC."""
        if not value:
            return ""
        try:
            moment = datetime.fromisoformat(value.strip())
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, AttributeError, TypeError, OverflowError):
            moment = datetime.min.replace(tzinfo=UTC)
        if not 2000 <= moment.year < 2100:
            self.refuse(where, f"{str(value)[:40]!r} is no time", "write it as 2026-11-24T12:00:00Z")
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _shortest(shape: shapely.Polygon) -> float:
    """Shorter side of the smallest rectangle round a polygon."""
    rectangle = shapely.minimum_rotated_rectangle(shape)
    ring = shapely.get_coordinates(rectangle)
    return float(np.linalg.norm(np.diff(ring[:3], axis=0), axis=1).min()) if len(ring) >= 4 else 0.0
