"""Sections of a region file: what people looked at, and what is known already."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from kilnscan.config_parts import Paths, Section, each_once, files_named


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
        return value and each_once(value)

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
