"""The configuration of change: which atlases came before, and when a kiln of theirs is the same as one of now."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from kilnscan.config_parts import Section

BESIDE = ("coverage", "unseen", "candidates", "acquired", "detections")
"""Tables that a run leaves beside its kilns and that tell what it looked at."""

Season = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./_-]{0,39}$")]


class EarlierAtlas(Section):
    """An atlas of an earlier season, or of another model or inventory."""

    path: str = Field(
        description="atlas/kilns.parquet of an earlier run, what it published (.geoparquet, .gpkg), or any vector file "
        "of kilns."
    )
    season: Season = Field(description="What reports call it: 2023.")
    coverage: str | None = Field(
        None,
        description="Polygons of the land it looked at; if empty, coverage.parquet beside `path` or the layer coverage "
        "in it. Without either nobody knows what it looked at, and no kiln is new.",
    )

    @property
    def files(self) -> dict[str, str]:
        """Its tables by name: kilns, and those of `BESIDE` that are there."""
        path = Path(self.path)
        found = {"kilns": self.path}
        if path.name in ("kilns.parquet", "kilns.geoparquet"):
            here = path.is_file()  # results kept in the cloud are not, and a run makes all tables together
            beside = {name: path.with_name(f"{name}.parquet") for name in BESIDE}
            found |= {name: str(file) for name, file in beside.items() if file.is_file() or not here}
        return found | ({"coverage": self.coverage} if self.coverage else {})


class Change(Section):
    """What changed since earlier atlases."""

    season: Season = Field("this run", description="What reports call the season of this run.")
    earlier: list[EarlierAtlas] = Field(
        min_length=1, description="Earlier atlases, the oldest first; a kiln keeps the id of the first that has it."
    )
    match_m: float = Field(
        50, gt=0, le=500, description="A kiln within this distance of an earlier one may be the same, one to one."
    )
    moved_m: float = Field(
        150, ge=0, le=2000, description="One that is farther off, up to this, has moved, if no other kiln is as near."
    )
    doubt: float = Field(
        0.1,
        ge=0,
        le=1,
        description="A kiln that scores less than `atlas.min_score` and this is not said to be new or gone, nor where "
        "a box scores at most so much below `atlas.min_score`.",
    )

    @property
    def kiln_files(self) -> list[str]:
        """The tables of kilns, the oldest first."""
        return [atlas.path for atlas in self.earlier]

    @property
    def files(self) -> list[str]:
        """Every file of earlier atlases, each once, in a fixed order."""
        return list(dict.fromkeys(file for atlas in self.earlier for file in atlas.files.values()))

    @model_validator(mode="after")
    def _seasons_differ(self) -> "Change":
        names = [*(atlas.season for atlas in self.earlier), self.season]
        twice = [name for place, name in enumerate(names) if name in names[:place]]
        if twice:
            raise ValueError(f"the season {twice[0]!r} is named twice")
        return self


MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]


class Activity(Section):
    """`snakemake activity`: what short-wave infrared tells of fires, on every date of the scenes."""

    firing: tuple[MonthDay, MonthDay] | None = Field(
        None, description="First and last day of the legal firing season, [11-15, 06-30]; it may go over New Year."
    )

    def legal(self, day: str) -> bool | None:
        """Whether firing is legal on a day (YYYY-MM-DD); None if the season is not known."""
        if self.firing is None:
            return None
        first, last = self.firing
        return first <= day[5:] <= last if first <= last else not last < day[5:] < first
