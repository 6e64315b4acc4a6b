"""The configuration of a paper: its text, what it was frozen from, and what its archive holds."""

from typing import Literal

from pydantic import Field

from kilnscan.config_parts import Day, Section


class Paper(Section):
    """A paper whose numbers all come from the run (`snakemake paper`)."""

    text: str = Field(description="The paper's text: Markdown with {{ placeholders }} (docs/paper.md).")
    frozen: str | None = Field(
        None, description="What the paper was made from, as `inputs.json` of an earlier `snakemake paper` says it."
    )
    also: list[str] = Field(
        [], description="JSON files of yours whose values the text may name too, by the files' names."
    )
    edition: Literal["full", "public"] | None = Field(
        None, description="Edition of the atlas that the archive holds; if empty, the public one where there is one."
    )
    pictures: bool = Field(
        False, description="Whether pictures of the high-resolution imagery may be passed on in the archive."
    )
    authors: list[str] = Field([], description="Names, for the archive's record.")
    licence: str = Field("", description="Licence of the archive: an SPDX name or a URL.")
    published: Day = Field("", description="Day of publication, for the archive's record.")

    @property
    def files(self) -> list[str]:
        """Every file that is read, in a fixed order."""
        return [self.text, *([self.frozen] if self.frozen else []), *self.also]
