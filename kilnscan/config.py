"""The configuration: what a region file may say, checked to the last key.

These models and those of `config_*.py`, one file for sections that belong together, are the source;
`python -m kilnscan.config_files` writes `config/config.default.yaml` and `config/config.schema.json` from them.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from kilnscan.config_change import Activity, Change
from kilnscan.config_footprint import Footprint
from kilnscan.config_imagery import Imagery, Plan
from kilnscan.config_impact import Areas, Emissions, Exposure, GroundReports, Map, Public, Siting, Source
from kilnscan.config_paper import Paper
from kilnscan.config_parts import Section
from kilnscan.config_region import Landscape, Region, Tiling
from kilnscan.config_review import Audit, Reference, Review
from kilnscan.config_sentinel2 import RGB, Mosaic, Stac
from kilnscan.config_sure import Estimate, Inventories, Reconcile
from kilnscan.config_train import Training
from kilnscan.errors import ConfigError
from kilnscan.shipped import ShippedPath


class Screen(Section):
    """The first stage: a random forest over every 10 m pixel."""

    model: ShippedPath = Field(
        "models/s2-rgb-screen.npz", validate_default=True, description="Forest trained by `snakemake train`."
    )
    threshold: float | None = Field(
        None, gt=0, lt=1, description="Probability above which land is a candidate; the model's own if empty."
    )


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
