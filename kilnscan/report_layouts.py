"""Read what volunteers sent: exports of KoboToolbox (CSV, JSON), ODK Central (CSV) and plain tables.

Only the columns named here are taken out of a file; whatever else it holds (names, phones, e-mail addresses, devices'
serial numbers) is dropped while it is read. Columns are called as in the servers' exports with XML names as headers
(KoboToolbox: "XML values and headers"), as public programs read them in November 2026; no server was asked.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from kilnscan.errors import AnswerError

LARGEST = 50_000_000  # bytes of one file
MOST_ROWS = 100_000
LONGEST = 5_000  # characters of one cell
SAW = ("kiln", "no-kiln", "unsure")
TYPES = ("FCBK", "CFCBK", "zigzag", "clamp", "other", "unsure")
WORKING = ("yes", "no", "unsure")
CONSENT = "OK"
"""What KoboToolbox and ODK store for a ticked `acknowledge`."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Layout:
    """For each field of ours the columns of an export that hold it, the preferred one first."""

    columns: dict[str, tuple[str, ...]]
    required: tuple[tuple[str, ...], ...]
    """Fields without which the file is another one; of each group one will do."""

    def plain(self, header: str) -> str:
        """A column's name without the groups that its question lies in."""
        return header.strip()


class KoboLayout(Layout):
    """KoboToolbox: groups are separated by `/`, parts of a place are _place_latitude and so on."""

    def plain(self, header: str) -> str:
        """A column's name without groups, whether the underscore stands before the group or behind it."""
        name = header.strip().rsplit("/", 1)[-1]
        return f"_{name}" if name.startswith("place_") else name


class OdkLayout(Layout):
    """ODK Central: groups, and the parts of a place, are separated by `-`."""

    def plain(self, header: str) -> str:
        """A column's name without groups."""
        parts = header.strip().split("-")
        return "-".join(parts[-2:] if parts[-1] in ("Latitude", "Longitude", "Altitude", "Accuracy") else parts[-1:])


_ANSWERS = {name: (name,) for name in ("consent", "saw", "type", "working", "note", "photo")}
_PLACED = (("uuid",), ("saw",), ("lat", "place"))

LAYOUTS: dict[str, Layout] = {
    "kobo": KoboLayout(
        _ANSWERS
        | {
            "uuid": ("_uuid",), "date": ("date", "today", "_submission_time"), "time": ("start", "_submission_time"),
            "lat": ("_place_latitude",), "lon": ("_place_longitude",), "accuracy": ("_place_precision",),
            "place": ("place", "_geolocation"), "device": ("deviceid",), "status": ("_validation_status",),
        },
        _PLACED,
    ),
    "odk": OdkLayout(
        _ANSWERS
        | {
            "uuid": ("KEY", "instanceID"), "date": ("date", "today", "SubmissionDate"),
            "time": ("start", "SubmissionDate"), "lat": ("place-Latitude",), "lon": ("place-Longitude",),
            "accuracy": ("place-Accuracy",), "place": ("place",), "device": ("deviceid", "DeviceID"),
            "status": ("ReviewState",),
        },
        _PLACED,
    ),
    "csv": Layout(
        _ANSWERS
        | {
            "uuid": ("id",), "date": ("date",), "time": ("date",), "lat": ("lat",), "lon": ("lon",),
            "accuracy": ("accuracy_m",),
        },
        (("uuid",), ("saw",), ("date",), ("lat",), ("lon",)),
    ),
}  # fmt: skip

Raw = dict[str, str]
"""One report as text: each field of ours that the row fills. It is never written anywhere."""


@dataclass(frozen=True)
class Row:
    """A row of a file: what it says, or why it says nothing."""

    number: int
    """As a spreadsheet counts, the header being 1; in JSON from 1 on."""
    raw: Raw
    problem: str = ""


def read_rows(path: str | Path, layout: str) -> list[Row]:
    """All rows of an export, in its order. Raises AnswerError if the file as a whole cannot be used.

    Where a file asks for consent, a row without it says nothing: nothing of it is kept.
    """
    content = _text(Path(path))
    if content.lstrip()[:1] in ("[", "{"):
        if layout != "kobo":
            _refuse(path, "it is JSON, which only KoboToolbox's exports may be", "export it as CSV")
        return list(_json_rows(path, content, LAYOUTS[layout]))
    return list(_csv_rows(path, content, LAYOUTS[layout]))


def _with_consent(row: Row, asked: bool) -> Row:
    """The row, or what is left of it if its sender was asked and did not agree."""
    if not asked or row.problem or row.raw.get("consent", "").upper() == CONSENT:
        return row
    return Row(row.number, {}, "the sender did not consent")


def csv_rows(path: str | Path, wanted: tuple[str, ...]) -> Iterator[tuple[int, list[str], list[str]]]:
    """Number, header and cells of each row that is not empty, of a CSV with commas, semicolons or tabs.

    The separator is the one that makes most of the `wanted` columns. Raises AnswerError.
    """
    yield from _table(path, _text(Path(path)), wanted, str.strip)


def _refuse(path: str | Path, problem: str, remedy: str) -> NoReturn:
    raise AnswerError(f"The ground reports {path} cannot be read: {problem}; {remedy}.")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            _refuse(path, f"the file is larger than {LARGEST // 1_000_000} MB", "split it")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        _refuse(path, "it is no UTF-8 text", "export it as CSV in UTF-8")
    except OSError as error:
        raise AnswerError(f"The ground reports {path} cannot be read ({error.strerror}): check the path.") from error


def _table(path: str | Path, text: str, wanted: tuple[str, ...], plain: Any) -> Iterator:
    first = text.partition("\n")[0]
    if len(first) > 20 * LONGEST:
        _refuse(path, "its first row is no header", "export it as CSV")
    separator = max(
        ",;\t", key=lambda sign: len({*map(plain, next(csv.reader([first], delimiter=sign), []))} & {*wanted})
    )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    limit = csv.field_size_limit(LARGEST)  # a cell that is too long costs its row, not the file
    try:
        header = next(reader, [])
        count = 0
        for number, cells in enumerate(reader, start=2):
            if not any(cells):
                continue
            count += 1
            if count > MOST_ROWS:
                _refuse(path, f"it has more than {MOST_ROWS} rows", "split it")
            yield number, header, cells
    except csv.Error as error:
        _refuse(path, f"it is no usable CSV ({error})", "export it again")
    finally:
        csv.field_size_limit(limit)


def _csv_rows(path: str | Path, text: str, layout: Layout) -> Iterator[Row]:
    wanted = tuple(name for names in layout.columns.values() for name in names)
    first = text.partition("\n")[0]
    names: set[str] = set()
    for number, header, cells in _table(path, text, wanted, layout.plain):
        if not names:
            names = {layout.plain(name) for name in header}
            _check_columns(path, names, layout)
        if len(cells) > len(header):
            yield Row(number, {}, "it has more cells than there are columns")
            continue
        row = _row(number, [(layout.plain(name), cell) for name, cell in zip(header, cells, strict=False)], layout)
        yield _with_consent(row, "consent" in names)
    if not names:  # no rows: a header alone is a fine export of nothing
        names = {layout.plain(name) for sign in ",;\t" for name in next(csv.reader([first], delimiter=sign), [])}
        _check_columns(path, names, layout)


def _check_columns(path: str | Path, names: set[str], layout: Layout) -> None:
    for group in layout.required:
        columns = [name for field in group for name in layout.columns[field]]
        if not names & set(columns):
            _refuse(
                path,
                f"there is no column {' or '.join(f'`{name}`' for name in columns)}",
                "use the form config/ground-report-form.xlsx and export XML names as headers",
            )


def _json_rows(path: str | Path, text: str, layout: Layout) -> Iterator[Row]:
    def no_number(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number")

    try:
        content = json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError):
        _refuse(path, "it is no usable JSON", "export it again")
    submissions = content.get("results") if isinstance(content, dict) else content
    if not isinstance(submissions, list):
        _refuse(path, "it holds no list `results`", "take the answer of /api/v2/assets/<form>/data/?format=json")
    if len(submissions) > MOST_ROWS:
        _refuse(path, f"it has more than {MOST_ROWS} rows", "split it")
    told = [submission for submission in submissions if isinstance(submission, dict)]
    asked = any(layout.plain(name) == "consent" for submission in told for name in submission)
    for number, submission in enumerate(submissions, start=1):
        if isinstance(submission, dict):
            cells = [(layout.plain(name), _scalar(layout.plain(name), value)) for name, value in submission.items()]
            yield _with_consent(_row(number, cells, layout), asked)
        else:
            yield Row(number, {}, "it is no submission")


def _scalar(name: str, value: Any) -> str:
    """A value of JSON as a cell of a table would hold it; empty where there is no such cell."""
    if name == "_geolocation" and isinstance(value, list):
        return " ".join(str(part) for part in value[:4] if isinstance(part, int | float))
    if name == "_validation_status" and isinstance(value, dict):
        return str(value.get("uid", ""))
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _row(number: int, cells: list[tuple[str, str]], layout: Layout) -> Row:
    """The fields of ours that a row fills; of a question that moved between groups the first filled column counts."""
    filled: Raw = {}
    for name, value in cells:
        if value.strip():
            filled.setdefault(name, value.strip())
    raw = {}
    for field, names in layout.columns.items():
        value = next((filled[name] for name in names if name in filled), "")
        if len(value) > LONGEST:
            return Row(number, {}, f"its {field} is longer than {LONGEST} characters")
        if _CONTROL.search(value):
            return Row(number, {}, f"its {field} holds control characters")
        if value:
            raw[field] = value
    return Row(number, raw)
