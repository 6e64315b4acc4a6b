"""The page that lists every key of a region file, written from config/config.schema.json when the site is built."""

import json
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).parents[2] / "config" / "config.schema.json"
INTRODUCTION = """# Every key

What a region file may say. [Region files](configuration.md) explains the usual ones with examples; a key that is not
here is an error. A default of *needed* means that the section cannot do without.
"""


def reference(schema: dict[str, Any]) -> str:
    """Markdown with a table for each section of the configuration, in the schema's order."""
    top = {name: about for name, about in schema["properties"].items() if not _sections(about, schema)}
    parts = [INTRODUCTION, _table(top, schema.get("required", []))]
    for name, about in schema["properties"].items():
        for section in _sections(about, schema):
            parts += _section(name, section, schema)
    return "\n".join(parts)


def _section(path: str, section: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Heading, meaning and table of a section, then those of the sections inside it."""
    kind = section["properties"].get("source", {}).get("const")
    parts = [
        f"## {path}{f' (source: {kind})' if kind else ''}\n",
        section.get("description", "").split("\n\n")[0] + "\n",
    ]
    parts.append(_table(section["properties"], section.get("required", [])))
    for name, about in section["properties"].items():
        for inner in _sections(about, schema):
            parts += _section(f"{path}.{name}", inner, schema)
    return parts


def _sections(about: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Sections that a key may hold: itself, one of several, or a list of them."""
    choices = [about, about.get("items", {}), *about.get("anyOf", []), *about.get("oneOf", [])]
    choices += [choice["items"] for choice in about.get("anyOf", []) if isinstance(choice.get("items"), dict)]
    names = [choice["$ref"].rpartition("/")[2] for choice in choices if "$ref" in choice]
    items = about.get("items", {})
    names += [choice["$ref"].rpartition("/")[2] for choice in items.get("anyOf", []) if "$ref" in choice]
    return [schema["$defs"][name] for name in dict.fromkeys(names)]


def _table(keys: dict[str, Any], required: list[str]) -> str:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, about in keys.items():
        default = "*needed*" if name in required else f"`{_cell(json.dumps(about.get('default'), ensure_ascii=False))}`"
        rows.append(f"| `{name}` | {default} | {_cell(about.get('description', ''))} |")
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    """Text that stays in its cell."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def on_files(files, config):
    """Add the page."""
    from mkdocs.structure.files import File

    text = reference(json.loads(SCHEMA.read_text(encoding="utf-8")))
    files.append(File.generated(config, "config-reference.md", content=text))
    return files
