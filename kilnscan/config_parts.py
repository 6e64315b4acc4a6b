"""What every section of the configuration is made of: names, paths, days, and a model that refuses strange keys."""

import glob
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Paths = str | list[str]
# YAML reads an unquoted day as a date
Day = Annotated[str, BeforeValidator(str), Field(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]


class Section(BaseModel):
    """A part of the configuration that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def files_named(paths: Paths) -> list[str]:
    """Files and URLs that a path, a glob, or a list of them names, in a fixed order."""
    named = [paths] if isinstance(paths, str) else paths
    globbed = [sorted(glob.glob(name)) if _is_glob(name) else [name] for name in named]  # noqa: PTH207 (may be absolute)
    return [file for files in globbed for file in files]


def is_remote(path: str) -> bool:
    """Whether GDAL reads `path` over a network rather than from a file here."""
    return "://" in path or path.startswith("/vsi")


def each_once(names: list[str]) -> list[str]:
    """`names`, unless one stands there twice; pydantic makes a sentence of the ValueError."""
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise ValueError(f"{twice[0]!r} is named twice")
    return names


def _is_glob(name: str) -> bool:
    """Whether `name` stands for several files; a `?` in a URL or a bracket in a file's name does not."""
    return glob.has_magic(name) and not is_remote(name) and not Path(name).exists()
