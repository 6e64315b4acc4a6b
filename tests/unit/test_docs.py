"""The documentation: links lead somewhere, the site lists every page and key, and asks nothing of other servers."""

import re
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kilnscan.config import Config

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "docs" / "hooks"
PAGES = runpy.run_path(str(HOOKS / "pages.py"))
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
WRITTEN = sorted({*(ROOT / "docs").glob("*.md"), *(ROOT / source for source in PAGES["PAGES"])})


def pages_of(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in pages_of(part)]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path):
    targets = [target.partition("#")[0] for target in LINK.findall(path.read_text(encoding="utf-8"))]
    here = [target for target in targets if target and "://" not in target]
    assert [target for target in here if not (path.parent / target).is_file()] == []


def test_the_site_lists_every_page_once():
    docs = {path.name for path in (ROOT / "docs").glob("*.md")}
    listed = pages_of(SITE["nav"])
    assert sorted(listed) == sorted({*docs, *PAGES["PAGES"].values(), "config-reference.md"})


def test_links_between_files_become_links_between_pages():
    relinked = PAGES["relinked"]
    assert relinked("[a](docs/map.md#x) ![b](docs/map.png)", "") == "[a](map.md#x) ![b](map.png)"
    assert relinked("[a](../docs/map.md), [b](../README.md)", "config") == "[a](map.md), [b](index.md)"
    assert relinked("[a](map.md), [b](../config/README.md)", "docs") == "[a](map.md), [b](configuration.md)"
    assert relinked("[a](https://x.org/docs/y), [b](#z)", "") == "[a](https://x.org/docs/y), [b](#z)"


def test_every_key_of_the_configuration_is_in_the_reference():
    schema = Config.model_json_schema()
    text = runpy.run_path(str(HOOKS / "config_reference.py"))["reference"](schema)
    keys = {key for about in (schema, *schema["$defs"].values()) for key in about["properties"]}
    assert {key for key in keys if f"| `{key}` |" not in text and f"\n## {key}\n" not in text} - {"sentinel2"} == set()
    assert "## sentinel2 (source: stac)" in text and "## train.regions\n" in text and "## map.satellite\n" in text
    assert "| `name` | *needed* |" in text and "| `size_km` | `100` |" in text


def test_no_page_asks_anything_of_another_server():
    assert SITE["theme"]["font"] is False
    assert SITE["plugins"] == ["search"]  # `offline` loads a script from elsewhere
    assert not {"extra_css", "extra_javascript", "repo_url", "extra"} & SITE.keys()
    assert not [
        path for path in WRITTEN if re.search(r"```\s*mermaid|!\[[^]]*\]\(http", path.read_text(encoding="utf-8"))
    ]


def test_the_workflow_catalogue_finds_what_it_asks_for():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    assert usage["software-stack-deployment"] == {"conda": True, "apptainer": False, "apptainer+conda": False}
    for path in ("workflow/Snakefile", "config/README.md", "config/config.yaml", "workflow/schemas/config.schema.json"):
        assert (ROOT / path).is_file(), path
    schemas = [ROOT / "workflow" / "schemas" / "config.schema.json", ROOT / "config" / "config.schema.json"]
    assert schemas[0].read_bytes() == schemas[1].read_bytes()
    words = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in words and "workflow" in words


def test_the_built_site_is_not_committed():
    assert SITE["site_dir"] == "build/docs"
    assert subprocess.run(["git", "check-ignore", "--quiet", "build/docs/x"], cwd=ROOT, check=False).returncode == 0
