"""Section of a region file: `snakemake train`."""

from pydantic import Field, model_validator

from kilnscan.config_parts import Name, Section
from kilnscan.config_sentinel2 import BAND, RGB, BandNames


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
