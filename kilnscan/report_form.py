"""Write the volunteers' form as XLSForm, always the same bytes: python -m kilnscan.report_form FORM.yaml FORM.xlsx."""

import io
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml

from kilnscan.files import replacing

_ALWAYS = (1980, 1, 1, 0, 0, 0)


def form_sheets(source: str | Path) -> dict[str, list[list[str]]]:
    """The sheets of an XLSForm, header first, of a form as YAML."""
    form = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    languages = form["languages"]
    labels = [f"label::{name}" for name in languages.values()]
    properties = ("type", "name", "required", "relevant", "parameters")

    def words(labelled: dict[str, str] | None) -> list[str]:
        return [(labelled or {}).get(language, "") for language in languages]

    survey = [
        [question.get(key, "") for key in properties] + words(question.get("label")) for question in form["questions"]
    ]
    choices = [[of, name, *words(label)] for of, names in form["choices"].items() for name, label in names.items()]
    settings = [form["title"], form["id"], form["version"], next(iter(languages.values()))]
    return {
        "survey": [[*properties, *labels], *survey],
        "choices": [["list_name", "name", *labels], *choices],
        "settings": [["form_title", "form_id", "version", "default_language"], settings],
    }


def write_form(source: str | Path, target: str | Path) -> None:
    """Write a form given as YAML as XLSForm."""
    from openpyxl import Workbook  # needed to make the form, not to read reports

    book = Workbook()
    book.remove(book.active)
    for name, rows in form_sheets(source).items():
        sheet: Any = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    with (
        replacing(target) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as settled,
        zipfile.ZipFile(buffer) as written,
    ):
        for name in sorted(written.namelist()):
            content = written.read(name)
            if name == "docProps/core.xml":  # when it was made and changed
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-01T00:00:00Z", content)
            settled.writestr(zipfile.ZipInfo(name, _ALWAYS), content)


if __name__ == "__main__":
    write_form(*sys.argv[1:])
