"""Reports of volunteers on the ground: read, matched with the atlas, reviewed by a person, and turned into decisions.

What comes in is hostile until checked, and full of personal data. Out come a place, a day and answers from fixed lists;
the note goes to the review file alone, and who sent a report goes nowhere. Every row read is accepted or rejected.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.config_impact import GroundReports
from kilnscan.errors import AnswerError
from kilnscan.files import replacing
from kilnscan.formulas import inert
from kilnscan.grid import NORTH_DEG, SOUTH_DEG, Tile
from kilnscan.report_decisions import decisions_of
from kilnscan.report_layouts import SAW, TYPES, WORKING, Raw, read_rows
from kilnscan.report_photos import PhotoError, Photos, checked, publish_photo
from kilnscan.report_places import WORST_M, match_reports, region_of
from kilnscan.report_review import Verdict, read_review, write_review
from kilnscan.tables import write_table

COLUMNS = (
    "id", "date", "saw", "type", "working", "kiln", "distance_m", "verdict", "decision", "photo", "show",
)  # fmt: skip
"""Columns of atlas/reports.parquet, beside the place (EPSG:4326)."""
REJECTED = ("file", "row", "reason", "date", "saw", "type", "working", "lon", "lat")
FIRST = date(2000, 1, 1)
USUAL_M = 20.0
"""Accuracy of a place of which none is told: a pin set by hand (0 in exports), or a table without it."""


class RejectedError(Exception):
    """A row is not used. Its text never quotes the row."""


@dataclass(frozen=True)
class Report:
    """One accepted report."""

    id: str
    date: str
    saw: str
    type: str
    working: str
    lon: float
    lat: float
    accuracy_m: float
    note: str
    photo: str
    """Name of its photo as sent."""
    photo_path: Path | None
    photo_problem: str
    config: int
    """Number of the section of `ground_reports` that it came by."""


def read_reports(
    configs: Sequence[GroundReports],
    kilns: gpd.GeoDataFrame,
    tiles: Sequence[Tile],
    types: Sequence[str],
    outputs: dict[str, str],
    today: date | None = None,
) -> str:
    """Read all reports, match them with `kilns` (EPSG:4326; id, type, box), and write what comes of them.

    `tiles` say what the region is and `types` which kiln types training knows. `outputs` names files: reports, review,
    rejected, decisions and the folder photos. `today` (UTC; the machine's if None) is what the future begins after.
    Returns the counts in words. Raises AnswerError if a file as a whole, or an answer of the review, cannot be used.
    """
    reports, rejected = accepted_and_rejected(configs, tiles, types, today)
    matched = match_reports(_table(reports), kilns, np.array([configs[report.config].match_m for report in reports]))
    files = sorted({config.review for config in configs if config.review})
    places = dict(zip(matched["id"], zip(matched.geometry.x, matched.geometry.y, strict=True), strict=True))
    verdicts = read_review(files, places)
    photos, problems = _publish_photos(reports, verdicts, configs, Path(outputs["photos"]))
    told = [verdicts.get(name, Verdict()) for name in matched["id"]]
    matched = matched.assign(
        decision=pd.Series([verdict.decision for verdict in told], index=matched.index, dtype="str"),
        photo_problem=pd.Series(problems, index=matched.index, dtype="str"),
    )
    write_review(outputs["review"], matched, told)
    show = [configs[r.config].publish and v.decision == "accept" for r, v in zip(reports, told, strict=True)]
    public = matched.assign(
        photo=pd.Series(photos, index=matched.index, dtype="str"), show=pd.Series(show, matched.index, dtype="bool")
    )
    write_table(outputs["reports"], public[[*COLUMNS, "geometry"]])
    with replacing(outputs["rejected"]) as temporary:
        rejected.to_csv(temporary, index=False)
    write_table(outputs["decisions"], decisions_of(matched, told, kilns, types))
    verdict = matched["verdict"].value_counts()
    counts = ", ".join(f"{verdict.get(name, 0)} {name}" for name in ("confirms", "disagrees", "new", "unsure"))
    decided = sum(v.decision != "" for v in told)
    return (
        f"{len(reports) + len(rejected)} read, {len(rejected)} rejected, {len(reports)} accepted: {counts}; "
        f"{sum(problem != '' for problem in problems)} photos refused, {decided} reports decided"
    )


def accepted_and_rejected(
    configs: Sequence[GroundReports], tiles: Sequence[Tile], types: Sequence[str], today: date | None = None
) -> tuple[list[Report], pd.DataFrame]:
    """Reports sorted by id, and the table of rows that are none, in the order of the files: together all rows read.

    A rejected row keeps what is valid of its answers, and its place to a hundredth of a degree.
    """
    last = (today or datetime.now(UTC).date()) + timedelta(days=1)  # it may be tomorrow where they are
    kinds = {name.casefold(): name for name in (*TYPES, *types)}
    in_area, seen = region_of(tiles), set()
    reports: list[Report] = []
    rejected: list[dict[str, Any]] = []
    for number, config in enumerate(configs):
        key, photos = _key(config.key), Photos(config.photos)
        for path in config.files:
            for row in read_rows(path, config.layout):
                told = _partial(row.raw, kinds) if row.raw else {}
                try:
                    if row.problem:
                        raise RejectedError(row.problem)
                    report = _report(row.raw, told, key, photos, number, last)
                    if not in_area(report.lon, report.lat):
                        raise RejectedError("the place is outside the region")
                    marks = _marks(row.raw, report)
                    if marks & seen:
                        raise RejectedError("it was sent before")
                    seen |= marks
                    reports.append(report)
                except RejectedError as reason:
                    rejected.append({"file": inert(Path(path).name), "row": row.number, "reason": str(reason)} | told)
    return sorted(reports, key=lambda report: report.id), pd.DataFrame(rejected, columns=list(REJECTED))


def _partial(raw: Raw, kinds: dict[str, str]) -> dict[str, Any]:
    """What is valid of a row, for the table of rejected rows; nothing that a person typed freely."""
    working = raw.get("working", "").casefold()
    place = _place(raw)
    return {
        "date": _day(raw.get("date", "")),
        "saw": _saw(raw.get("saw", "")),
        "type": kinds.get(raw.get("type", "").casefold(), ""),
        "working": working if working in WORKING else "",
        "lon": round(place[0], 2) if place else None,
        "lat": round(place[1], 2) if place else None,
    }


def _report(raw: Raw, told: dict[str, Any], key: bytes, photos: Photos, number: int, last: date) -> Report:
    """The report of a row whose valid parts are `told`. Raises RejectedError."""
    if raw.get("status", "").casefold().replace(" ", "_").removeprefix("validation_status_") in REFUSED:
        raise RejectedError("it was rejected on the server")
    if "uuid" not in raw:
        raise RejectedError("it has no id")
    if not told["date"]:
        raise RejectedError("the date is missing or not written as YYYY-MM-DD")
    if not FIRST <= date.fromisoformat(told["date"]) <= last:
        raise RejectedError("the date is before 2000 or in the future")
    for name, choices in (("saw", SAW), ("type", TYPES), ("working", WORKING)):
        if not told[name] and (name in raw or name == "saw"):
            raise RejectedError(f"`{name}` is none of {', '.join(choices)}")
    lon, lat, accuracy = _checked_place(raw)
    photo, path, problem = _photo(raw, photos)
    return Report(
        id="r" + hashlib.blake2b(raw["uuid"].removeprefix("uuid:").encode(), key=key, digest_size=8).hexdigest(),
        date=told["date"],
        saw=told["saw"],
        type="" if told["saw"] != "kiln" or told["type"] in ("other", "unsure") else told["type"],
        working="" if told["saw"] != "kiln" or told["working"] == "unsure" else told["working"],
        lon=round(lon, 6),
        lat=round(lat, 6),
        accuracy_m=accuracy,
        note=raw.get("note", ""),
        photo=photo,
        photo_path=path,
        photo_problem=problem,
        config=number,
    )


REFUSED = ("not_approved", "rejected")
"""What KoboToolbox and ODK Central say of a submission that somebody there turned down."""


def _marks(raw: Raw, report: Report) -> set[tuple]:
    """What no two reports share: the id, and device, place and minute together where a time is told."""
    marks: set[tuple] = {(report.id,)}
    moment = _moment(raw.get("time", ""))
    if moment and "T" in moment:
        marks.add((raw.get("device", ""), round(report.lon, 5), round(report.lat, 5), moment[:16]))
    return marks


def _moment(text: str) -> str:
    """A time in ISO 8601 as its writer's clock showed it; with T only if there is one; empty if it is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return moment.date().isoformat() if len(text) <= 10 else moment.replace(tzinfo=None).isoformat()


def _day(text: str) -> str:
    return _moment(text)[:10]


def _saw(text: str) -> str:
    text = text.casefold().replace("_", "-").replace(" ", "-")
    return text if text in SAW else ""


def _number(text: str) -> float | None:
    try:
        value = float(text) if len(text) < 40 and text.isascii() and "_" not in text else np.nan
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _parts(raw: Raw) -> tuple[str, str, str]:
    """Latitude, longitude and accuracy as text, from columns of their own or "lat lon altitude accuracy"."""
    if "lat" in raw or "lon" in raw:
        return raw.get("lat", ""), raw.get("lon", ""), raw.get("accuracy", "")
    lat, lon, _, accuracy = (*raw.get("place", "").strip("[]").replace(",", " ").split()[:4], "", "", "", "")[:4]
    return lat, lon, accuracy


def _place(raw: Raw) -> tuple[float, float] | None:
    """Longitude and latitude if they are numbers on the globe."""
    lat, lon, _ = (_number(text) for text in _parts(raw))
    return (lon, lat) if lat is not None and lon is not None and abs(lat) <= 90 and abs(lon) <= 180 else None


def _checked_place(raw: Raw) -> tuple[float, float, float]:
    """Longitude, latitude and accuracy in metres. Raises RejectedError."""
    place, told = _place(raw), _parts(raw)[2]
    if place is None:
        raise RejectedError("the place is missing, no number, or not on the globe")
    lon, lat = place
    if abs(lon) < 1e-4 and abs(lat) < 1e-4:
        raise RejectedError("the place is 0, 0, which devices say that do not know")
    if not SOUTH_DEG <= lat <= NORTH_DEG:
        raise RejectedError("the place is outside the region")
    accuracy = _number(told) if told else 0.0
    if accuracy is None or not 0 <= accuracy <= WORST_M:
        raise RejectedError(f"the place's accuracy is no number or worse than {WORST_M:.0f} m")
    return lon, lat, accuracy or USUAL_M


def _photo(raw: Raw, photos: Photos) -> tuple[str, Path | None, str]:
    """Name of a report's photo, where it lies, and why it is not used. A photo in doubt does not cost the report."""
    name = raw.get("photo", "")
    if not name:
        return "", None, ""
    try:
        path = photos.find(name, raw["uuid"])
        checked(path)
    except PhotoError as problem:
        return "", None, str(problem)
    return name, path, ""


def _publish_photos(
    reports: list[Report], verdicts: dict[str, Verdict], configs: Sequence[GroundReports], folder: Path
) -> tuple[list[str], list[str]]:
    """Published photos' names as in reports.parquet and what is wrong with photos, for each report.

    The folder afterwards holds the photos of accepted reports that may be published, and no other file of ours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names, problems = [], []
    for report in reports:
        name, problem = "", report.photo_problem
        decided = verdicts.get(report.id, Verdict()).decision
        if report.photo_path and configs[report.config].publish and decided == "accept":
            try:
                name = f"photos/{publish_photo(report.photo_path, folder)}"
            except PhotoError as error:
                problem = str(error)
        names.append(name)
        problems.append(problem)
    for path in folder.glob("*.jpg"):
        if f"photos/{path.name}" not in names:  # of an earlier run, since withdrawn
            path.unlink()
    return names, problems


def _key(path: str | None) -> bytes:
    """The secret that ids are hashed with; empty without one. Raises AnswerError."""
    if path is None:
        return b""
    try:
        secret = Path(path).read_bytes().strip()
    except OSError as error:
        raise AnswerError(f"`ground_reports.key` {path} cannot be read ({error.strerror}): check the path.") from error
    if not 16 <= len(secret) <= 10_000:
        raise AnswerError(f"`ground_reports.key` {path} is too short or too long: write 16 random letters or more.")
    return hashlib.blake2b(secret, digest_size=32).digest()


def _table(reports: list[Report]) -> gpd.GeoDataFrame:
    """Accepted reports as points; empty ones with the same types."""
    texts = ("id", "date", "saw", "type", "working", "note", "photo")
    columns = {name: pd.Series([getattr(report, name) for report in reports], dtype="str") for name in texts}
    columns["accuracy_m"] = pd.Series([report.accuracy_m for report in reports], dtype="float64")
    places = shapely.points([(report.lon, report.lat) for report in reports]) if reports else []
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(places, crs=4326), crs=4326)
