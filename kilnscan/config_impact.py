"""The configuration of what is told about kilns, and how: people near, emissions, rules, other sources, the map."""

import os
import re
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from kilnscan.config_parts import Day, Name, Paths, Section, files_named, is_remote
from kilnscan.dictionary import read_dictionary
from kilnscan.shipped import ROOT, ShippedPath

Column = Annotated[str, Field(min_length=1, max_length=200)]
LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


def _is_code(value: str) -> str:
    if not re.fullmatch(LANGUAGE, value):
        ours = ", ".join(sorted(path.stem for path in (ROOT / "site" / "languages").glob("*.json")))
        raise ValueError(
            f"{value!r} is no code of a language; kilnscan has {ours}, others are written like ta or zh-Hant and need "
            "a dictionary in `map.dictionaries`"
        )
    return value


Language = Annotated[str, AfterValidator(_is_code), Field(json_schema_extra={"pattern": LANGUAGE})]


class Exposure(Section):
    """Who lives, learns and is treated near kilns."""

    schools: Paths = Field([], description="Vector files of schools (points or areas).")
    clinics: Paths = Field([], description="Vector files of hospitals and clinics (points or areas).")
    population: Paths = Field([], description="Rasters of people per cell, in any CRS; cells of later files fill gaps.")
    credit: list[str] = Field([], description="Who must be named for these data, with licence; goes to the map.")

    @property
    def files(self) -> list[str]:
        """Every file, in a fixed order."""
        return [file for paths in (self.schools, self.clinics, self.population) for file in files_named(paths)]


AREA_COLUMNS = re.compile(
    "area|state|country|geometry|kilns|area_km2|mapped|breaks|key|row|broken|kilns_100km2"
    "|(pm25|so2|co|bc|co2)_(t|t_low|t_high|left_out)|(people|schools|clinics)_[125]km"
)
"""Columns of areas that kilnscan makes itself, and those that the map adds."""


class AreaTable(Section):
    """A table of yours with a row for each administrative area: exposure, air quality, or anything else by area."""

    path: str = Field(description="CSV, XLSX, or any table that OGR reads.")
    name: Column = Field("name", description="Column with the areas' names, as in `areas.name`.")
    parent: Column | None = Field(
        None, description="Column with their states, as in `areas.parent`, where several states have areas of one name."
    )
    columns: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Column] = Field(
        min_length=1, description="Columns of numbers to take over: {our_name: their column}."
    )
    labels: dict[str, str] = Field({}, description="What the map calls them, with unit: {our_name: words}.")
    credit: str = Field("", description="Source and licence; goes to the map.")


class Areas(Section):
    """Administrative areas: kilns are counted, added up and filtered by them, and rules are those of their state."""

    path: Paths = Field(description="Vector file of polygons.")
    name: Column = Field(description="Column with the area's name.")
    parent: Column | None = Field(None, description="Column with the state or province; rules are looked up by it.")
    country: Column | None = Field(
        None, description="Column with the country, ISO 3166 alpha-3; from facts/countries.geojson if empty."
    )
    tables: list[AreaTable] = Field([], description="Tables of yours by area, shown as layers of the map.")
    credit: str = Field("", description="Source and licence of the boundaries; goes to the map.")

    @property
    def files(self) -> list[str]:
        """Every file, in a fixed order."""
        return [*files_named(self.path), *(table.path for table in self.tables)]

    @model_validator(mode="after")
    def _columns_of_their_own(self) -> "Areas":
        names = [name for table in self.tables for name in table.columns]
        for place, name in enumerate(names):
            if AREA_COLUMNS.fullmatch(name):
                raise ValueError(f"`tables` call a column {name}, which kilnscan has itself: give it another name")
            if name in names[:place]:
                raise ValueError(f"`tables` call two columns {name}: give one another name")
        return self


class Emissions(Section):
    """What kilns emit in a year, as ranges."""

    factors: ShippedPath = Field(
        "facts/emission_factors.csv",
        validate_default=True,
        description="Emission factors by set, kiln type and pollutant.",
    )
    activity: ShippedPath = Field(
        "facts/kiln_activity.csv",
        validate_default=True,
        description="Bricks per kiln and year, and the mass of a brick.",
    )
    sets: list[str] = Field([], description="Factor sets to draw from; all of the table if empty.")
    draws: int = Field(10_000, ge=100, le=1_000_000, description="Draws of the Monte Carlo simulation.")
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the draws.")


PLACES = (
    "habitation", "school", "clinic", "worship", "orchard", "forest", "reserve", "river", "wetland", "highway", "road",
    "railway", "city",
)  # fmt: skip
"""What a siting rule may ask the distance to, besides other kilns."""


class SitingPlaces(Section):
    """Places that a siting rule keeps kilns away from."""

    to: Literal[PLACES] = Field(description="What they are.")  # type: ignore[valid-type]
    path: Paths = Field(description="Vector files of points, lines or areas.")
    completeness: float = Field(
        1, gt=0, le=1, description="Share of all such places that the file is thought to hold; 1: every one."
    )
    credit: str = Field("", description="Source and licence; goes to the map.")


RuleConfidence = Literal["law text", "secondary", "code of a research project"]


class Siting(Section):
    """Rules on where kilns may stand, and whether they do."""

    rules: ShippedPath = Field(
        "facts/siting_rules.csv", validate_default=True, description="Siting rules by jurisdiction."
    )
    day: Day = Field("", description="Rules in force on this day are asked; if empty, those without a known end.")
    trusted: list[RuleConfidence] = Field(
        ["law text", "secondary", "code of a research project"],
        description="How a rule must be known before a kiln is said to break it; by other rules it is unknown.",
    )
    places: list[SitingPlaces] = Field(
        [], description="What distances are measured to; schools and clinics of `exposure` count without being named."
    )
    position_error_m: float = Field(
        10, ge=0, le=1000, description="Standard error of a distance: where the kiln and where the other place stands."
    )
    schools_complete: float = Field(1, gt=0, le=1, description="Share of all schools that `exposure.schools` holds.")
    clinics_complete: float = Field(1, gt=0, le=1, description="Share of all clinics that `exposure.clinics` holds.")
    built: str | None = Field(
        None,
        description="Vector file of kilns known from earlier, points or polygons with the column `year`: the year by "
        "whose end each stood, and, if you have it, `absent`: the latest year in which it was seen not to stand. "
        "Without it a kiln is known to stand since its first image only, and none is known to be new.",
    )
    probable: float = Field(
        0.9, gt=0.5, lt=1, description="A rule is met or broken when that is at least so probable; otherwise unknown."
    )

    @field_validator("day")
    @classmethod
    def _day_of_the_calendar(cls, value: str) -> str:
        if value:
            date.fromisoformat(value)
        return value

    @property
    def files(self) -> list[str]:
        """Every file that is named besides the rules, in a fixed order."""
        named = [file for places in self.places for file in files_named(places.path)]
        return [*named, *([self.built] if self.built else [])]


class Source(Section):
    """A table of other sources of pollution: power plants, steel, cement, brick kilns of other inventories."""

    section: ClassVar[str] = "sources"
    """Where the region file has it, for messages."""

    path: Paths = Field(description="CSV, XLSX, GeoJSON or any file that OGR reads.")
    layout: Literal["gem", "climate-trace", "apad", "wri", "columns"] = Field(
        "columns",
        description="`gem` (Global Energy Monitor trackers), `climate-trace`, `apad`, `wri` (power plants), or "
        "`columns`: named in `columns`.",
    )
    kind: str = Field("", pattern=r"^[a-z0-9 -]{0,40}$", description="What they are: coal power, cement, steel...")
    columns: dict[str, Column | list[Column]] = Field(
        {}, description="Our column: theirs, or a list of theirs of which the first filled one counts."
    )
    crs: str | None = Field(None, description="CRS of the coordinates in columns, if not degrees: EPSG:3857.")
    sheet: str | None = Field(None, description="Sheet of a workbook; the first with the layout's columns if empty.")
    capacity_unit: str = Field("", max_length=20, description="Unit of capacities, where the table does not say.")
    source: str = Field("", description="Who made the table, and when.")
    licence: str = Field(description="Its licence; goes to the map.")
    show: bool = Field(True, description="Whether its licence allows publishing its rows.")

    @property
    def files(self) -> list[str]:
        """Files that `path` names, in a fixed order."""
        return files_named(self.path)


class GroundReports(Section):
    """Observations of volunteers: where, when, what they saw."""

    path: Paths = Field(description="Exports of KoboToolbox or ODK Central, or CSV.")
    layout: Literal["kobo", "odk", "csv"] = Field("csv", description="Who wrote the files.")
    photos: str | None = Field(None, description="Folder with the photos that the files name.")
    review: str | None = Field(
        None, description="review.csv of an earlier run with its column `decision` filled in (accept, reject)."
    )
    key: str | None = Field(
        None, description="File with a secret of yours, with which ids are hashed: needed if ids can be guessed."
    )
    match_m: float = Field(150, gt=0, le=2000, description="A report belongs to the nearest kiln within this distance.")
    publish: bool = Field(False, description="Whether accepted reports go to the map (day and answers only).")

    @property
    def files(self) -> list[str]:
        """Files that `path` names, in a fixed order."""
        return files_named(self.path)

    @model_validator(mode="after")
    def _nothing_of_its_own(self) -> "GroundReports":
        """A run that read what it wrote of reports would feed on itself."""
        for path in (*self.files, *filter(None, [self.review])):
            if not is_remote(path) and _made_of_reports(path):
                raise ValueError(
                    f"names {path}, which is made from the reports themselves: copy it out of results/ first"
                )
        return self


def _made_of_reports(path: str) -> bool:
    """Whether a file lies in results/<region>/reports/."""
    place = Path(os.path.relpath(path)).parts
    return place[:1] == ("results",) and place[2:3] == ("reports",)


class Satellite(Section):
    """A tile service for the map's background; the browser asks it, so the map then needs a network."""

    url: str = Field(pattern=r"^https://[^\s\"'<>{}]+(\{[zxy]\}[^\s\"'<>{}]*){3}$", description="With {z}, {x}, {y}.")
    attribution: str = Field(min_length=1, description="Who must be named.")
    max_zoom: int = Field(19, ge=1, le=24, description="Its deepest zoom.")


class Earlier(Section):
    """An earlier composite, of which a small picture of each kiln's place is shown beside the present one."""

    path: Paths = Field(description="GeoTIFF, VRT or COG, any CRS; a list or a glob of several. Any resolution.")
    bands: list[str] = Field(
        ["B04", "B03", "B02"], description="What its first bands are; B04, B03 and B02 must be among them."
    )
    date: Annotated[str, BeforeValidator(str), Field(min_length=1, max_length=40)] = Field(
        description="When it was taken, as the map shall say it: 2018-03-01, or 2018."
    )
    attribution: str = Field(min_length=1, description="Who must be named beside the pictures.")
    licence: str = Field(min_length=1, description="Its licence, which must allow showing small pictures of it.")

    @property
    def files(self) -> list[str]:
        """Files that `path` names, in a fixed order."""
        return files_named(self.path)

    @property
    def indexes(self) -> list[int]:
        """Numbers of red, green and blue among its bands, from 1."""
        return [self.bands.index(name) + 1 for name in ("B04", "B03", "B02")]

    @field_validator("bands")
    @classmethod
    def _has_colours(cls, value: list[str]) -> list[str]:
        lacking = [name for name in ("B04", "B03", "B02") if name not in value]
        if lacking:
            raise ValueError(f"{lacking[0]} is not among the bands: a picture needs B04, B03 and B02")
        return value


class Map(Section):
    """The web map."""

    base: Literal["light", "dark", "picture"] = Field(
        "picture", description="Background at first sight: plain light, plain dark, or the screen's own pixels."
    )
    satellite: Satellite | None = Field(None, description="A tile service offered as another background.")
    language: Language = Field("en", description="Language at first sight.")
    languages: list[Language] = Field(
        ["en", "hi", "ur", "bn"], min_length=1, description="Languages offered; each needs a dictionary."
    )
    dictionaries: dict[Language, str] = Field(
        {}, description="Dictionary files of yours, {language: file}, laid out as site/languages/en.json."
    )
    boundaries: ShippedPath | None = Field(
        "facts/countries.geojson",
        validate_default=True,
        description="Lines of countries in the background: a vector file, or null for none.",
    )
    boundaries_note: str | None = Field(
        None, description="What the map says about them; if null, that they are generalised and state nothing."
    )
    earlier: Earlier | None = Field(None, description="Earlier imagery, shown beside the present one.")

    @property
    def files(self) -> list[str]:
        """Files that the map shows or speaks by."""
        backdrop = [self.boundaries] if self.boundaries else []
        return [*self.dictionaries.values(), *backdrop, *(self.earlier.files if self.earlier else [])]

    @model_validator(mode="after")
    def _offers_its_language(self) -> "Map":
        if self.language not in self.languages:
            raise ValueError(f"`map.language` {self.language} is not among `map.languages`")
        return self


SHARED = (
    "id", "type", "lon", "lat", "country", "state", "area", "first_seen", "last_seen", "siting",
)  # fmt: skip
"""Columns of kilns that a public edition keeps, besides emissions."""


TAKEN = (
    *("activity", "atlas", "audit", "estimate", "footprint", "jobs", "paper", "plan"),
    *("reconcile", "reports", "review", "scenes", "site", "stac", "tiles"),
)
"""Folders that a region's results have."""


class Public(Section):
    """A second edition for everybody: coarse places, no pictures, no restricted columns."""

    grid_m: float = Field(
        1000,
        ge=100,
        le=50_000,
        description="Kilns are moved to the middle of a cell about this wide.",
    )
    columns: list[str] = Field(
        list(SHARED), description="Columns of kilns that are published, besides emissions; places always coarse."
    )
    min_score: float = Field(0, ge=0, le=1, description="Kilns that score less are left out.")
    name: Name = Field("public", description="The edition is written to results/<region>/<name>/.")

    @field_validator("name")
    @classmethod
    def _own_folder(cls, value: str) -> str:
        if value in TAKEN:
            raise ValueError(f"{value!r} is a folder of the results already: choose another name")
        return value

    @field_validator("columns")
    @classmethod
    def _column_names(cls, value: list[str]) -> list[str]:
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"{name!r} is no column of kilns")
        allowed = {entry.column for entry in read_dictionary() if entry.layer == "kilns" and entry.public == "yes"}
        refused = [name for name in value if name not in allowed - {"geometry"}]
        if refused:
            raise ValueError(
                f"{', '.join(refused)} would tell where a kiln stands or is no column of kilns: leave it out "
                "(facts/columns.csv says which columns may be public)"
            )
        return value
