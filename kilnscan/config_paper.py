"""The configuration of a paper: its text, what it was frozen from, and what its archive holds."""

import difflib
import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from kilnscan.config_parts import Section

LICENCES = (
    "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0", "CC0-1.0",
    "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0", "AGPL-3.0-or-later", "GPL-3.0-or-later", "Apache-2.0", "BSD-3-Clause", "MIT",
)  # fmt: skip
"""Identifiers of licences that data and texts are published under (https://spdx.org/licenses/, read 2026-12-01)."""
ADDRESS = re.compile(r"https://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:[/?#][!-~]*)?")


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
    licence: str = Field(
        "", description="Licence of the archive: a name as CC-BY-4.0 (docs/paper.md lists them) or an https address."
    )
    # YAML reads an unquoted day as a date
    published: Annotated[str, BeforeValidator(str)] = Field(
        "", description="Day of publication, YYYY-MM-DD, for the archive's record."
    )

    @field_validator("licence")
    @classmethod
    def _licence_by_name(cls, value: str) -> str:
        if not value or value in LICENCES or ADDRESS.fullmatch(value):
            return value
        plain = re.sub(r"[ _]+", "-", value.strip()).casefold()
        spelt = {name.casefold(): name for name in LICENCES}
        near = difflib.get_close_matches(plain, spelt, n=1)
        hint = f" (did you mean {spelt[near[0]]}?)" if near else ""
        raise ValueError(
            f"{value!r} is no licence that kilnscan knows by its SPDX name{hint}; write one of {', '.join(LICENCES)}, "
            "or the https address of another"
        )

    @field_validator("published")
    @classmethod
    def _day_of_the_calendar(cls, value: str) -> str:
        try:
            good = not value or date.fromisoformat(value).isoformat() == value
        except ValueError:
            good = False
        if not good:
            raise ValueError(f"{value!r} is no day of the calendar; write year, month and day, as in 2026-11-30")
        return value

    @property
    def files(self) -> list[str]:
        """Every file that is read, in a fixed order."""
        return [self.text, *([self.frozen] if self.frozen else []), *self.also]
