"""The configuration: what a region file may say, checked to the last key.

These models are the source; `python -m kilnscan.config_files` writes `config/config.default.yaml` and
`config/config.schema.json` from them.
"""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from kilnscan.config_change import Activity, Change
from kilnscan.config_footprint import Footprint
from kilnscan.config_impact import Areas, Emissions, Exposure, GroundReports, Map, Public, Siting, Source
from kilnscan.config_paper import Paper
from kilnscan.config_parts import Day, Name, Paths, Section, files_named, is_remote
from kilnscan.config_sure import Estimate, Inventories, Reconcile
from kilnscan.errors import ConfigError
from kilnscan.shipped import ShippedPath

RGB = ["B04", "B03", "B02"]
EARTH_SEARCH = "https://earth-search.aws.element84.com/v1"
BANDS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
PERCENTILE = r"p(?:[0-9]|[1-9][0-9]|100)"
BAND = re.compile(rf"(?:{'|'.join(BANDS)})(?:_{PERCENTILE})?")
"""A band of Sentinel-2, by itself or with a percentile over the season."""
SIX = ["B02", "B03", "B04", "B08", "B11", "B12"]


def _each_once(names: list[str]) -> list[str]:
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise ValueError(f"{twice[0]!r} is named twice")
    return names


def _with_a_percentile(name: str) -> str:
    """`name`, unless it is a band of Sentinel-2 with something other than a percentile behind it."""
    band, behind, _ = name.partition("_")
    if behind and band in BANDS and not BAND.fullmatch(name):
        raise ValueError(f"{name!r} names no percentile of {band}; write for example {band}_p90")
    return name


def _spelled_out(value: Any) -> Any:
    """Names of bands with ranges such as A00..A63 written out."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return value
    names: list[str] = []
    for name in value:
        ends = re.fullmatch(r"([A-Za-z_]\w*?)(\d{1,3})\.\.([A-Za-z_]\w*?)(\d{1,3})", name, re.ASCII)
        if ends and ends[1] == ends[3] and int(ends[2]) < int(ends[4]):
            names += [f"{ends[1]}{n:0{len(ends[2])}d}" for n in range(int(ends[2]), int(ends[4]) + 1)]
        elif re.fullmatch(r"[A-Za-z]\w{0,31}", name, re.ASCII):
            names.append(_with_a_percentile(name))
        else:
            raise ValueError(f"{name!r} is no name of a band: use letters, digits and _, or a range such as A00..A63")
    return _each_once(names)


BandNames = Annotated[list[str], BeforeValidator(_spelled_out)]


class Region(Section):
    """What is mapped."""

    name: Name = Field(description="Short name; results go to results/<name>/.")
    title: str = Field("", description="Heading of the map; the name if empty.")
    aoi: ShippedPath | list[float] | None = Field(
        None,
        description="Area of interest: a vector file or [west, south, east, north] in degrees; a box with west > east "
        "crosses the antimeridian. With a mosaic it may be left out and is then the mosaic's footprint.",
    )
    countries: list[str] | None = Field(
        None,
        min_length=1,
        description="Instead of `aoi`: ISO 3166 alpha-3 codes or English names of countries, or continents; "
        "generalised boundaries of Natural Earth (facts/README.md).",
    )
    select: dict[str, list[str | int | float]] = Field(
        {}, description="Rows of the vector file `aoi` by the values of columns: {column: [values]}."
    )
    buffer_km: float = Field(0, ge=0, le=500, description="Widen the area of interest by so many kilometres.")
    synthetic: bool = Field(False, description="Mark every product as synthetic.")

    @field_validator("aoi")
    @classmethod
    def _four_numbers(cls, value: Any) -> Any:
        if isinstance(value, list) and len(value) != 4:
            raise ValueError("a box needs four numbers: [west, south, east, north]")
        return value

    @model_validator(mode="after")
    def _one_area(self) -> "Region":
        if self.aoi is not None and self.countries:
            raise ValueError("give either `aoi` or `countries`, not both")
        if self.select and not isinstance(self.aoi, str):
            raise ValueError("`select` chooses rows of a vector file: name one in `aoi`")
        if self.buffer_km and self.aoi is None and not self.countries:
            raise ValueError("`buffer_km` widens `aoi` or `countries`: give one of them")
        return self


class Stac(Section):
    """Sentinel-2 scenes described by a STAC catalogue, read where they lie."""

    source: Literal["stac"] = Field(description="Scenes of a STAC catalogue.")
    catalog: str = Field(
        EARTH_SEARCH,
        description="A STAC API, a static catalogue or an item collection (a frozen scene list): URL or file.",
    )
    collections: list[str] = Field(
        ["sentinel-2-c1-l2a", "sentinel-2-l2a"],
        min_length=1,
        description="Collections searched; a scene that several hold is taken from the first of them.",
    )
    start: date = Field(description="First day.")
    end: date = Field(description="Last day.")
    months: list[int] = Field(
        [], description="Only these months of every year between `start` and `end`; all if empty."
    )
    max_cloud: float = Field(60, ge=0, le=100, description="Scenes cloudier than this many per cent are left out.")
    max_dates: int = Field(
        8, ge=1, le=64, description="At most so many dates: clear over the tile's land and spread over the season."
    )
    min_clear: float = Field(
        0.5, ge=0, le=1, description="A tile with a smaller share of clearly seen pixels is reported as cloudy."
    )
    statistic: str = Field(
        "median", description="`median`, a percentile such as `p25`, or `least_cloud` (the clearest date's pixel)."
    )
    mask_classes: list[Annotated[int, Field(ge=0, le=11)]] = Field(
        [0, 1, 3, 8, 9, 10], description="Classes of the SCL band that are not land or water seen clearly."
    )
    mask_dilate_m: float = Field(
        40, ge=0, le=1000, description="Masked areas are widened by so many metres: cloud edges are thin cloud."
    )
    bands: list[str] = Field(
        SIX,
        min_length=3,
        description="Bands read, by Sentinel-2 name; those of the screen model if left out. A name may carry a "
        "percentile over the season instead of `statistic`: B08_p90.",
    )
    signed: bool = Field(False, description="Read s3:// links with your AWS credentials (a mirror of your own).")

    def days(self) -> list[date]:
        """Days of the season, in order: from `start` to `end`, in `months`."""
        every = (self.start + timedelta(n) for n in range((self.end - self.start).days + 1))
        return [day for day in every if not self.months or day.month in self.months]

    @property
    def section(self) -> str:
        """Where the configuration says so, for messages."""
        return "sentinel2"

    @property
    def raw_bands(self) -> list[str]:
        """The bands that scenes are asked for, each once, whatever statistics are made of them."""
        return list(dict.fromkeys(name.partition("_")[0] for name in self.bands))

    @field_validator("statistic")
    @classmethod
    def _known_statistic(cls, value: str) -> str:
        if not re.fullmatch(rf"median|least_cloud|p0[0-9]|{PERCENTILE}", value):
            raise ValueError(f"{value!r} is none of `median`, `least_cloud` or a percentile such as `p25`")
        return value

    @field_validator("months")
    @classmethod
    def _months_of_the_year(cls, value: list[int]) -> list[int]:
        wrong = [month for month in value if not 1 <= month <= 12]
        if wrong:
            raise ValueError(f"{wrong[0]} is no month: give numbers from 1 to 12")
        return value

    @field_validator("bands")
    @classmethod
    def _known_bands(cls, value: list[str]) -> list[str]:
        for name in value:
            if _with_a_percentile(name).partition("_")[0] not in BANDS:
                raise ValueError(f"{name!r} is no band of Sentinel-2; they are called {', '.join(BANDS)}")
        return _each_once(value)

    @model_validator(mode="after")
    def _some_day(self) -> "Stac":
        if self.start <= self.end and not self.days():
            raise ValueError(f"no day from {self.start} to {self.end} lies in `months` {self.months}")
        return self


class Mosaic(Section):
    """An existing composite instead of scenes."""

    source: Literal["mosaic"] = Field(description="An existing composite.")
    path: Paths = Field(
        description="GeoTIFF, VRT or COG, any CRS; a list or a glob of several. Whole numbers up to 16 bits, or floats."
    )
    bands: BandNames = Field(
        RGB,
        min_length=1,
        description="What its first bands are: Sentinel-2's names for reflectances, any other names for bands that are "
        'none, such as embeddings; "A00..A63" stands for 64 names.',
    )
    date: Day = Field("", description="When it was taken, YYYY-MM-DD, if known; shown as date of the kilns.")
    min_clear: float = Field(
        0.5, ge=0, le=1, description="A tile with a smaller share of valid pixels is reported as cloudy."
    )

    @property
    def paths(self) -> list[str]:
        """Files that `path` names, in a fixed order."""
        found = files_named(self.path)
        if not found:
            raise ConfigError(f"`sentinel2.path` {self.path!r} matches no file: check the folder and the spelling.")
        return found


class Tiling(Section):
    """How the region is cut into independent jobs."""

    size_km: Literal[100, 50, 25, 20, 10] = Field(
        100, description="Edge of a tile. Results do not depend on it; smaller tiles mean more, shorter jobs."
    )


class Screen(Section):
    """The first stage: a random forest over every 10 m pixel."""

    model: ShippedPath = Field(
        "models/s2-rgb-screen.npz", validate_default=True, description="Forest trained by `snakemake train`."
    )
    threshold: float | None = Field(
        None, gt=0, lt=1, description="Probability above which land is a candidate; the model's own if empty."
    )


SAFE = r"https://|http://(localhost|127\.0\.0\.1)[:/]"
"""How an address begins to which a key may go."""


class Imagery(Section):
    """The second stage's imagery."""

    provider: Literal["sentinel2", "cog", "stac", "xyz"] = Field(
        "sentinel2",
        description="`sentinel2`: the screen's own pixels, free; `cog`: files or URLs; `stac`: images of a STAC "
        "catalogue; `xyz`: a web tile service. For all but the first you need a licence of your own.",
    )
    paths: Paths = Field([], description="`cog`: RGB GeoTIFFs or URLs; globs allowed for files.")
    catalog: str = Field("", description="`stac`: a STAC API, a static catalogue or an item collection: URL or file.")
    collections: list[str] = Field([], description="`stac`: collections searched.")
    asset: str = Field("visual", description="`stac`: the asset that is a GeoTIFF in red, green and blue.")
    start: date | None = Field(None, description="`stac`: first day.")
    end: date | None = Field(None, description="`stac`: last day.")
    max_cloud: float = Field(10, ge=0, le=100, description="`stac`: cloudier images are left out (per cent).")
    url: str = Field(
        "", description="`xyz`: address of a tile with {z}, {x}, {y} and, where the key goes, {key}; https only."
    )
    zoom: int | None = Field(
        None, ge=0, le=24, description="`xyz`: zoom level; the one that suits `resolution_m` if empty."
    )
    tile_px: Literal[256, 512] = Field(256, description="`xyz`: pixels along a tile's edge.")
    requests_per_second: float = Field(2, gt=0, le=100, description="`xyz`: no more requests than this.")
    terms: str = Field("", description="`xyz`: where the terms stand by which you may fetch, keep and analyse tiles.")
    key_env: str = Field(
        "",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="`xyz`, `stac`: name of the environment variable that holds your key; never the key itself.",
    )
    resolution_m: float = Field(0.5, gt=0, le=10, description="Pixel size at which bought chips are stored, in metres.")
    licence: str = Field(
        "Contains modified Copernicus Sentinel data", description="Licence that travels with every chip to the map."
    )
    attribution: str = Field("Copernicus Sentinel data", description="Who must be named beside the pictures.")
    date: Day = Field("", description="`cog`, `xyz`: when it was taken, YYYY-MM-DD.")
    show: bool = Field(True, description="Whether the licence allows showing small pictures on the map.")
    price_per_km2: float = Field(
        0, ge=0, description="`cog`, `stac`: what you pay for a km2 of pixels; 0 if nothing, or if it is paid already."
    )
    price_per_1000_requests: float = Field(0, ge=0, description="`xyz`: what you pay for a thousand tiles.")
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="Of the prices and of `budget`.")
    budget: float | None = Field(
        None, ge=0, description="Acquisition stops before the region has cost more than this in all."
    )

    @model_validator(mode="after")
    def _provider_has_what_it_needs(self) -> "Imagery":
        needed = _NEEDED[self.provider]
        missing = [key for key in needed if key not in self.model_fields_set or not getattr(self, key)]
        if missing:
            raise ValueError(
                f"provider `{self.provider}` needs `imagery.{missing[0]}`"
                + (": it goes to the map" if missing[0] in ("licence", "attribution") else "")
            )
        given = {key for key in self.model_fields_set if getattr(self, key) != type(self).model_fields[key].default}
        foreign = sorted((given & set().union(*_OWN_KEYS.values())) - _OWN_KEYS[self.provider])
        if foreign:
            raise ValueError(f"`imagery.{foreign[0]}` is of no use to provider `{self.provider}`")
        return self

    @model_validator(mode="after")
    def _address_of_tiles(self) -> "Imagery":
        if self.url:
            lacking = [mark for mark in ("{z}", "{x}", "{y}") if mark not in self.url]
            if lacking:
                raise ValueError(f"`imagery.url` lacks {lacking[0]}")
            if not re.match(SAFE, self.url):
                raise ValueError("`imagery.url` must begin with https://: your key would travel in the clear")
            if ("{key}" in self.url) != bool(self.key_env):
                raise ValueError("`imagery.url` holds {key} just if `imagery.key_env` names where your key is")
        if self.start and self.end and self.end < self.start:
            raise ValueError("imagery.end lies before imagery.start")
        if self.key_env and is_remote(self.catalog) and not re.match(SAFE, self.catalog):
            raise ValueError("`imagery.catalog` must begin with https://: your key would travel in the clear")
        if self.budget is not None and not (self.price_per_km2 or self.price_per_1000_requests):
            raise ValueError("`imagery.budget` needs `imagery.price_per_km2` or `imagery.price_per_1000_requests`")
        return self

    @property
    def files(self) -> list[str]:
        """Files and URLs that `paths` names, in a fixed order."""
        return files_named(self.paths)


_NEEDED = {
    "sentinel2": (),
    "cog": ("paths", "licence", "attribution"),
    "stac": ("catalog", "collections", "start", "end", "licence", "attribution"),
    "xyz": ("url", "terms", "licence", "attribution"),
}
"""Keys that must be given for each provider."""
_OWN_KEYS = {
    "sentinel2": set(),
    "cog": {"paths", "date", "price_per_km2"},
    "stac": {"catalog", "collections", "asset", "start", "end", "max_cloud", "key_env", "price_per_km2"},
    "xyz": {
        "url", "zoom", "tile_px", "requests_per_second", "terms", "key_env", "date", "price_per_1000_requests",
    },
}  # fmt: skip
"""Keys that mean something to some providers only."""


class Plan(Section):
    """`snakemake plan`: orders and what they would cost, before anything is acquired."""

    prices: ShippedPath | None = Field(
        None, description="Price table with the columns of facts/imagery_prices.csv, which is used if empty."
    )
    products: list[str] = Field([], description="Products of the table to plan for; all if empty.")
    extent_km: float = Field(
        20, ge=1, le=1000, description="No order is wider or higher than this, so that one scene can hold it."
    )
    owned: Paths = Field(
        [], description="Vector files of areas bought before, such as earlier orders: they are not ordered again."
    )

    @property
    def owned_files(self) -> list[str]:
        """Files that `owned` names, in a fixed order."""
        return files_named(self.owned)


class Detect(Section):
    """The second stage: oriented boxes."""

    model: ShippedPath = Field(
        "models/s2-rgb-detector.onnx", validate_default=True, description="YOLO-OBB exported to ONNX."
    )
    confidence: float | None = Field(
        None, ge=0, le=1, description="Boxes below this score are dropped; the model's own if empty."
    )
    resolution_m: float | None = Field(
        None, gt=0, description="Metres per pixel of a model that ultralytics exported itself; kilnscan's own say it."
    )
    device: Literal["cpu", "cuda", "auto"] = Field(
        "cpu",
        description="Where the network runs; `cuda` needs the package onnxruntime-gpu, `auto` is CUDA where that "
        "works. Only on the CPU are results the same to the last bit.",
    )
    on_pixels: bool = Field(
        False,
        description="Leave boxes where the pixels show kilns. Otherwise they lie where the labels of training would "
        "have put them: the shipped detector's lay 4 m west and 7 m north of its pixels.",
    )


class Atlas(Section):
    """How detections become kilns."""

    merge_distance_m: float = Field(
        40, ge=15, le=200, description="Detections with centres closer than this are one kiln."
    )
    merge_overlap: float = Field(
        0.3, gt=0, le=1, description="Detections that overlap more than this (IoU) are one kiln."
    )
    calibration: ShippedPath | None = Field(
        None,
        description="Makes a probability of the two stages' scores; the file <name>-calibration.json beside the models "
        "<name>-screen.npz and <name>-detector.onnx if empty, and without one the score is their mean.",
    )
    min_score: float = Field(
        0.48, ge=0, le=1, description="Kilns that the two stages together score lower are left out."
    )


class Audit(Section):
    """`snakemake audit`: what the screen loses, from a sample of the land it rejects."""

    sample: int = Field(
        400, ge=1, le=1_000_000, description="Chips (160 m squares) of rejected land that are looked at."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Another seed draws another sample.")
    answers: str | None = Field(
        None, description="review.csv with its column `kilns` filled in by a person, instead of the detector."
    )


class AnswerFile(Section):
    """A file or folder of answers that does not say itself who answered and when."""

    path: str = Field(description="Label Studio JSON, COCO JSON, review.csv, or a folder of YOLO-OBB labels.")
    who: str = Field("", description="Who answered.")
    when: Annotated[str, BeforeValidator(str)] = Field("", description="When, ISO 8601.")

    @property
    def files(self) -> list[str]:
        """The file, or of a folder its label files in a fixed order and what names their classes."""
        folder = Path(self.path)
        if not folder.is_dir():
            return [self.path]
        return [str(path) for path in (*sorted(folder.glob("*.txt")), folder.parent / "classes.txt") if path.is_file()]


class Review(Section):
    """`snakemake review`: windows for people to look at, and what they answered."""

    most: int = Field(200, ge=1, le=100_000, description="At most so many windows, those most worth looking at.")
    types: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,31}$")]] | None = Field(
        None, min_length=1, description="Kiln types that people choose from; `train.classes` if empty."
    )
    pictures: str = Field(
        "/data/local-files/?d=images/", description="What stands before a picture's name in Label Studio's tasks."
    )
    answers: list[str | AnswerFile] = Field(
        [],
        description="Files with answers: Label Studio JSON, COCO JSON, review.csv filled in, or folders of YOLO-OBB "
        "labels; {path, who, when} where a file does not say who answered and when.",
    )

    @field_validator("types")
    @classmethod
    def _types_of_kilns(cls, value: list[str] | None) -> list[str] | None:
        if {"not-kiln", "unsure"} & {name.lower() for name in value or ()}:
            raise ValueError("`not-kiln` and `unsure` are decisions, no types")
        return value and _each_once(value)

    @property
    def answer_files(self) -> list[AnswerFile]:
        """The answers, each with who and when."""
        return [AnswerFile(path=item) if isinstance(item, str) else item for item in self.answers]


class Reference(Section):
    """Known kilns to evaluate against."""

    path: Paths = Field(description="Vector file of points or polygons; a list or a glob of several.")
    match_m: float = Field(50, gt=0, le=1000, description="Centroids within this distance match, one to one.")
    type_column: str = Field("kiln_type", description="Column that holds the type, if any does.")
    decisions: str | None = Field(
        None, description="decisions.parquet of `snakemake review_answers`: corrects the known kilns first."
    )

    @property
    def files(self) -> list[str]:
        """Files that `path` names, in a fixed order."""
        return files_named(self.path)


class Landscape(Section):
    """A synthetic landscape, made by the workflow."""

    seed: int = Field(description="Every seed is another landscape.")
    later: bool = Field(
        False, description="The same landscape a year later, in which some kilns are new, gone, moved or retyped."
    )

    @property
    def folder(self) -> str:
        """Where the workflow makes it."""
        return f"results/landscape/{self.seed}{'-later' if self.later else ''}"


class TrainingRegion(Section):
    """One region with labels. Regions are left out in turn."""

    name: Name
    mosaic: str | None = Field(None, description="Composite to learn from.")
    labels: str | None = Field(
        None,
        description="Kilns as outlines, boxes or points in any vector format; the detector needs polygons with their "
        "type in a column.",
    )
    seed: int | None = Field(None, description="Instead of both: a synthetic landscape of this seed.")
    decisions: str | None = Field(
        None, description="decisions.parquet of `snakemake review_answers`: corrects the labels and adds negatives."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "TrainingRegion":
        if bool(self.mosaic and self.labels) == (self.seed is not None):
            raise ValueError("a training region needs either `mosaic` and `labels`, or `seed`")
        return self


class Training(Section):
    """`snakemake train`: models from labelled regions."""

    name: Name = Field(description="Models are written to results/models/<name>-screen.npz and -detector.onnx.")
    regions: list[TrainingRegion] = Field(min_length=1)
    bands: BandNames = Field(RGB, min_length=1, description="Bands of the screen, named as in `sentinel2.bands`.")
    target_recall: float = Field(
        0.99,
        gt=0.5,
        le=1,
        description="Share of kilns of left-out regions that the screen's threshold must keep; more means more area.",
    )
    kiln_weight: float = Field(
        1.0, gt=0, le=100, description="Weight of the kilns as a class, relative to all other land, for the screen."
    )
    rounds: int = Field(1, ge=0, le=5, description="Rounds in which the screen learns from its own mistakes.")
    classes: list[str] = Field(
        ["CFCBK", "FCBK", "zigzag"], description="Kiln types, in the order of the detector's classes."
    )
    type_column: str = Field("kiln_type", description="Column of the labels that holds the type.")
    resolution_m: float = Field(2.5, gt=0, description="Metres per pixel that the detector sees.")
    window_px: int = Field(128, ge=64, le=1024, description="Edge of the square that the detector sees, in pixels.")
    epochs: int = Field(
        30, ge=1, description="Epochs of 2,000 windows for the detector; the last 60 % also see its own mistakes."
    )
    label_shift_m: tuple[float, float] = Field(
        (0, 0), description="What to add to the labels, east and north in metres, to bring them onto the pixels."
    )
    confidence: float = Field(
        0.1, gt=0, lt=1, description="Score from which the detector reports a box; `atlas.min_score` decides later."
    )
    seed: int = Field(0, description="Seed of every random draw.")
    description: str = Field("", description="What the labels and pixels are, with licence; goes to the model card.")

    @model_validator(mode="after")
    def _landscapes_have_bands_of_sentinel2(self) -> "Training":
        scenes = any(region.seed is not None for region in self.regions)
        if scenes and (len(self.bands) < 3 or not all(map(BAND.fullmatch, self.bands))):
            raise ValueError(
                "`bands` must be three or more of Sentinel-2's, for regions with a `seed` are read as scenes"
            )
        return self


class Config(Section):
    """A region file."""

    data: str = Field("", description="Folder that `{data}` stands for in any path of this file.")
    region: Region
    sentinel2: Annotated[Stac | Mosaic, Field(discriminator="source")]
    tiling: Tiling = Tiling()
    screen: Screen = Field(default_factory=Screen)  # made anew each time: see `kilnscan.shipped`
    imagery: Imagery = Imagery()
    plan: Plan = Plan()
    detect: Detect = Field(default_factory=Detect)
    atlas: Atlas = Atlas()
    audit: Audit = Audit()
    review: Review = Review()
    estimate: Estimate = Estimate()
    inventories: Inventories = Field([], description="Lists of kilns that others made, to reconcile with.")
    reconcile: Reconcile = Reconcile()
    reference: Reference | None = None
    exposure: Exposure = Exposure()
    areas: Areas | None = None
    emissions: Emissions = Field(default_factory=Emissions)
    siting: Siting = Field(default_factory=Siting)
    sources: list[Source] = Field([], description="Other sources of pollution, shown and added up beside the kilns.")
    ground_reports: list[GroundReports] = Field([], description="Exports of observations that volunteers sent.")
    change: Change | None = None
    activity: Activity = Activity()
    map: Map = Field(default_factory=Map)
    public: Public | None = None
    paper: Paper | None = None
    footprint: Footprint = Footprint()
    landscape: Landscape | None = None
    train: Training | None = None

    @property
    def kiln_types(self) -> list[str]:
        """Types of kilns that people choose from."""
        return self.review.types or (self.train.classes if self.train else Training.model_fields["classes"].default)

    @model_validator(mode="after")
    def _stac_needs_area(self) -> "Config":
        if self.sentinel2.source == "stac" and self.region.aoi is None and not self.region.countries:
            raise ValueError(
                "region.aoi is missing, and so is region.countries: scenes of a catalogue need an area of interest"
            )
        if self.imagery.provider == "sentinel2" and not set(RGB) <= set(self.sentinel2.bands):
            raise ValueError(
                f"imagery.provider `sentinel2` needs the bands {', '.join(RGB)}, which `sentinel2.bands` lacks: add "
                "them, or choose the provider `cog`"
            )
        if self.sentinel2.source == "stac" and self.sentinel2.end < self.sentinel2.start:
            raise ValueError("sentinel2.end lies before sentinel2.start")
        return self


def load_config(raw: dict[str, Any]) -> Config:
    """Check a region file's content. Raises ConfigError naming every wrong key."""
    try:
        return Config.model_validate(_with_data(raw, str(raw.get("data", ""))))
    except ValidationError as error:
        raise ConfigError(
            "The configuration cannot be used: " + "; ".join(map(_sentence, error.errors())) + "."
        ) from None


def _with_data(value: Any, folder: str) -> Any:
    """`value` with `{data}` in every string replaced."""
    if isinstance(value, str):
        return value.replace("{data}", folder)
    if isinstance(value, dict):
        return {key: _with_data(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_data(item, folder) for item in value]
    return value


def _sentence(error: Any) -> str:
    """One validation error in plain words."""
    place = ".".join(str(part) for part in error["loc"] if part not in ("stac", "mosaic"))
    if error["type"] == "extra_forbidden":
        return f"`{place}` is not a key kilnscan knows (misspelt?); config/config.default.yaml lists the keys"
    if error["type"] == "missing":
        return f"`{place}` is missing"
    if error["type"] == "list_type":
        return f"`{place}` must be a list: put its values in brackets, as in [a, b]"
    if error["type"] == "too_short":
        return f"`{place}` must name at least {error['ctx']['min_length']}, but names {error['ctx']['actual_length']}"
    if error["type"] == "string_pattern_mismatch" and place.endswith("name"):
        return f"`{place}`: {error['input']!r} will be part of file names: use letters, digits, - and _ only"
    if error["type"].startswith("date"):
        return f"`{place}`: {error['input']!r} is no day; write it as 2023-11-01"
    if error["type"].startswith("union_tag"):
        return f"`{place}.source` must be `stac` or `mosaic`"
    message = error["msg"].removeprefix("Value error, ")
    return f"`{place}`: {message}" if place else message
