"""The configuration of how sure the atlas is: checks of kilns and land, groups, and other inventories."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from kilnscan.config_impact import Column, Source
from kilnscan.config_parts import Paths, Section, files_named


class LandCover(Section):
    """A map of land cover, by which precision and recall are told."""

    path: Paths = Field(description="Rasters of class numbers, or vector files of polygons; any CRS.")
    column: Column | None = Field(None, description="Of polygons: column with the name of the cover.")
    classes: dict[int, Annotated[str, Field(min_length=1, max_length=60)]] = Field(
        {}, description="Of rasters: what numbers are called, {10: trees, 40: cropland}; others keep their number."
    )
    credit: str = Field("", description="Source and licence.")

    @property
    def files(self) -> list[str]:
        """Files that `path` names, in a fixed order."""
        return files_named(self.path)


class Estimate(Section):
    """`snakemake estimate`: how many kilns there are, and how sure that is."""

    kilns: int = Field(200, ge=1, le=1_000_000, description="Kilns of the atlas that are drawn to be checked.")
    land: int = Field(
        200,
        ge=0,
        le=1_000_000,
        description="Chips (160 m squares) of acquired land drawn to be checked for more kilns.",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Another seed draws another sample.")
    answers: str | None = Field(None, description="check.csv with its column `kilns` filled in by a person.")
    least: int = Field(
        20,
        ge=1,
        le=1_000_000,
        description="Where fewer of a stratum were looked at in an area, it is given the whole region's rate, and its "
        "estimate is called model-based.",
    )
    few: int = Field(30, ge=1, description="Groups of which fewer kilns were checked, and not all, are marked as few.")
    land_cover: LandCover | None = Field(None, description="Map of land cover; precision and recall are told by it.")
    publish: bool | None = Field(
        None,
        description="Whether the estimates are part of the atlas and its map; if null, as soon as there are `answers`, "
        "unless the audit would pay for imagery.",
    )

    @property
    def files(self) -> list[str]:
        """Every file that is named, in a fixed order."""
        return [*filter(None, [self.answers]), *(self.land_cover.files if self.land_cover else [])]


class _Table(Source):
    """An inventory read as a table of `sources`."""

    section: ClassVar[str] = "inventories"


class Inventory(Section):
    """A list of brick kilns that others made."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")] = Field(description="Short name, in column names.")
    path: Paths = Field(description="CSV, XLSX, GeoJSON or any file that OGR reads.")
    layout: Literal["gem", "climate-trace", "apad", "columns"] = Field(
        "columns", description="As in `sources` (docs/sources.md)."
    )
    columns: dict[str, Column | list[Column]] = Field(
        {}, description="Our column: theirs, as in `sources`; `kind` is the type of the kiln."
    )
    types: dict[str, str] = Field({}, description="What their types are called here, {theirs: ours}.")
    crs: str | None = Field(None, description="CRS of the coordinates in columns, if not degrees.")
    sheet: str | None = Field(None, description="Sheet of a workbook.")
    covers: Paths = Field(
        [], description="Vector files of the land that it claims to cover; the whole region if empty."
    )
    licence: str = Field(description="Its licence.")
    attribution: str = Field(description="Who made it, and when.")

    @property
    def files(self) -> list[str]:
        """Tables that `path` names, in a fixed order."""
        return files_named(self.path)

    @property
    def covered(self) -> list[str]:
        """Files that `covers` names, in a fixed order."""
        return files_named(self.covers)

    @property
    def source(self) -> Source:
        """The same as a table of `sources`."""
        return _Table(
            path=self.path,
            layout=self.layout,
            columns=self.columns,
            crs=self.crs,
            sheet=self.sheet,
            source=self.attribution,
            licence=self.licence,
        )


class Reconcile(Section):
    """`snakemake reconcile`: which kilns which inventory has."""

    match_m: float = Field(50, gt=0, le=1000, description="Kilns of different lists within this distance may be one.")
    copies_m: float = Field(40, gt=0, le=1000, description="Kilns of one list within this distance are one.")
    cell_km: float = Field(10, ge=1, le=500, description="Width of the cells of the map of disagreement.")
    publish: bool = Field(True, description="Whether what inventories have is part of the atlas, if there are any.")


def _names_of_their_own(inventories: list[Inventory]) -> list[Inventory]:
    names = ["kilnscan", *(inventory.name for inventory in inventories)]
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise ValueError(f"two lists are called {twice[0]!r}, which is the atlas if it is kilnscan: name one otherwise")
    return inventories


Inventories = Annotated[list[Inventory], AfterValidator(_names_of_their_own)]
