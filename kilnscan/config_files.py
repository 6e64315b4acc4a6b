"""The generated files beside region files: every key with its default, and the schema that editors read.

`python -m kilnscan.config_files` writes both. The Snakemake Workflow Catalog finds the schema by a link in
workflow/schemas/.
"""

import json
from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from kilnscan.config import Config
from kilnscan.config_sentinel2 import Mosaic, Stac
from kilnscan.files import write_text

SECTIONS = (
    *("tiling", "screen", "imagery", "plan", "detect", "atlas", "audit", "review"),
    *("exposure", "emissions", "siting", "activity", "map", "footprint", "estimate", "reconcile"),
)
"""Sections that hold without being given."""
ASKED = ("reference", "areas", "sources", "inventories", "change", "ground_reports", "public", "paper", "train")
"""Sections that are there only if they are given."""


def default_yaml() -> str:
    """`config/config.default.yaml`: every optional key with its default and meaning."""
    lines = [
        "# yaml-language-server: $schema=config.schema.json",
        "# Every optional key with its default, written by `python -m kilnscan.config_files`; copy what you need into",
        "# your own region file, where `region` and one kind of `sentinel2` must be given too (config/README.md).",
    ]
    for section in (Stac, Mosaic):
        source = section.model_fields["source"].annotation.__args__[0]
        lines += ["", f"# {section.__doc__}", "# sentinel2:", f"#   source: {source}"]
        lines += _commented(
            [line for key, field in list(section.model_fields.items())[1:] for line in _key(key, field)]
        )
    for name in SECTIONS:
        section = Config.model_fields[name].annotation
        lines += ["", f"# {section.__doc__}", f"{name}:", *_indented(_keys(section))]
    for name in ASKED:
        section, listed = _section(Config.model_fields[name].annotation)
        lines += ["", f"# {section.__doc__} {'As many as you like.' if listed else ''}".rstrip(), f"# {name}:"]
        lines += _commented(_as_item(_keys(section)) if listed else _keys(section))
    return "\n".join(lines) + "\n"


def schema_json() -> str:
    """`config/config.schema.json`: the JSON schema for editors and the Workflow Catalog."""
    return json.dumps(Config.model_json_schema(), indent=1) + "\n"


def _keys(section: type[BaseModel]) -> list[str]:
    """Lines of a section's keys; below a key that takes sections, theirs, commented."""
    lines = []
    for key, field in section.model_fields.items():
        lines += _key(key, field)
        inner, listed = _section(field.annotation)
        if inner:
            more = _keys(inner)
            lines += _commented(_as_item(more) if listed else more)
    return lines


def _key(key: str, field: FieldInfo) -> list[str]:
    default = field.default if field.default is not PydanticUndefined else None
    value = "(needed)" if field.is_required() else json.dumps(default)
    return [*([f"# {field.description}"] if field.description else []), f"{key}: {value}"]


def _section(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The section that a key takes, if any, and whether it takes a list of them."""
    for kind in get_args(annotation) if isinstance(annotation, UnionType) else (annotation,):
        listed = getattr(kind, "__origin__", None) is list
        inner = get_args(kind)[0] if listed else kind
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner, listed
    return None, False


def _as_item(lines: list[str]) -> list[str]:
    """Lines as an item of a list: a dash before the first key."""
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return [("- " if number == first else "  ") + line for number, line in enumerate(lines)]


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _commented(lines: list[str]) -> list[str]:
    return [f"#   {line}" for line in lines]


if __name__ == "__main__":
    write_text("config/config.default.yaml", default_yaml())
    write_text("config/config.schema.json", schema_json())
