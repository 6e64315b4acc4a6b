"""The files of a report."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from .page import page
from .words import naive_csv, table_csv


def contents(report: dict[str, Any]) -> dict[str, bytes]:
    """Name and content of each file."""
    text = json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    made = {"footprint.json": text, "footprint.csv": table_csv(report), "report.html": page(report)}
    if report.get("naive"):
        made["naive.csv"] = naive_csv(report)
    return {name: content.encode("utf-8", "replace") for name, content in made.items()}


def write(folder: Path, report: dict[str, Any]) -> None:
    """Write the files, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents(report).items():
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(folder / name)
