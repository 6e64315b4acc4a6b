"""Section of a region file: Sentinel-2, from scenes or an existing composite, and the names of bands."""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from kilnscan.config_parts import Day, Paths, Section, each_once, files_named
from kilnscan.errors import ConfigError

RGB = ["B04", "B03", "B02"]
EARTH_SEARCH = "https://earth-search.aws.element84.com/v1"
BANDS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
PERCENTILE = r"p(?:[0-9]|[1-9][0-9]|100)"
BAND = re.compile(rf"(?:{'|'.join(BANDS)})(?:_{PERCENTILE})?")
"""A band of Sentinel-2, by itself or with a percentile over the season."""
SIX = ["B02", "B03", "B04", "B08", "B11", "B12"]


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
    return each_once(names)


BandNames = Annotated[list[str], BeforeValidator(_spelled_out)]


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
        return each_once(value)

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
