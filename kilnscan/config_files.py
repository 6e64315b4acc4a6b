"""The generated files beside region files: every key with its default, and the schema that editors read.

`python -m kilnscan.config_files` writes both.
"""

import json
from pathlib import Path

from kilnscan.config import Config, Mosaic, Stac
from kilnscan.files import replacing


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
        for key, field in list(section.model_fields.items())[1:]:
            value = "(needed)" if field.is_required() else json.dumps(field.default)
            lines += [f"#   # {field.description}", f"#   {key}: {value}"]
    for name in ("tiling", "screen", "imagery", "plan", "detect", "atlas", "audit", "review", "estimate", "reconcile"):
        section = Config.model_fields[name].annotation
        lines += ["", f"# {section.__doc__}", f"{name}:"]
        for key, field in section.model_fields.items():
            lines += [f"  # {field.description}", f"  {key}: {json.dumps(field.default)}"]
    return "\n".join(lines) + "\n"


def schema_json() -> str:
    """`config/config.schema.json`: the JSON schema for editors and the Workflow Catalog."""
    return json.dumps(Config.model_json_schema(), indent=1) + "\n"


if __name__ == "__main__":
    for name, text in (("config.default.yaml", default_yaml()), ("config.schema.json", schema_json())):
        with replacing(Path("config") / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
