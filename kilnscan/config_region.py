"""Sections of a region file: what is mapped, and how it is cut."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from kilnscan.config_parts import Name, Section
from kilnscan.shipped import ShippedPath


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


class Tiling(Section):
    """How the region is cut into independent jobs."""

    size_km: Literal[100, 50, 25, 20, 10] = Field(
        100, description="Edge of a tile. Results do not depend on it; smaller tiles mean more, shorter jobs."
    )


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
