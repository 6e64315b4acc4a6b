"""The README at the top of a paper's archive: what each file is, how to make it again, licences, versions."""

from collections.abc import Mapping, Sequence
from typing import Any

README = "README.md"
WHAT = {
    "README.md": "this",
    "SHA256SUMS": "checksums of every other file: `sha256sum -c SHA256SUMS`",
    "ro-crate-metadata.json": "the record of the run for machines (Workflow Run RO-Crate)",
    "paper/paper.html": "the paper, one page that needs no other file",
    "paper/paper.md": "the paper as Markdown",
    "paper/values.json": "every value that the text could name",
    "paper/tables/": "the paper's tables, CSV in UTF-8",
    "paper/figures/": "the paper's figures, SVG",
    "paper/inputs.json": "what the paper was made from: configuration, hashes of scene lists and files, versions",
    "atlas/kilns.gpkg": "the atlas: kilns and other layers, styled for QGIS (GeoPackage, EPSG:4326)",
    "atlas/kilns.geoparquet": "the kilns (GeoParquet)",
    "atlas/kilns.csv": "the kilns (CSV), a row each",
    "atlas/data_dictionary.csv": "meaning, source, unit and uncertainty of every column",
    "atlas/provenance.json": "scenes, models, packages, hashes that the atlas follows from",
    "atlas/layers/": "the atlas by layer: GeoParquet, and PMTiles for maps on the web",
    "stac/": "the atlas as a STAC collection: `collection.json` names its scenes",
    "site/index.html": "the map: open it in a browser, no server needed",
    "site/": "what the map is made of, and its downloads",
    "models/": "the models that found the kilns, and a card of each (`.md`)",
    "workflow/config/papers/": "texts of two example papers, and what the demo's was frozen from",
    "workflow/config/": "what kilnscan ships of configurations; the region file of this run is not among them",
    "workflow/": "kilnscan itself: the workflow that made all of this",
}
"""Files and folders of an archive by how their paths begin, the more special before the general."""


def what_is(path: str) -> str:
    """The key of WHAT that tells what a file of the archive is; empty if none does."""
    return next((start for start in WHAT if path == start or (start.endswith("/") and path.startswith(start))), "")


def readme(files: Sequence[str], about: Mapping[str, Any]) -> str:
    """The README, Markdown, of an archive that holds `files` besides it; `about` as for `crate`, with `region`.

    Without times or places of a machine: equal archives have equal ones.
    """
    lines = [
        f"# {_words(about['title'])}: brick kilns, and the paper on them",
        "",
        f"Authors: {_words(', '.join(about['authors']) or 'not named')}.  ",
        f"Published: {about['published'] or 'no day named'}.  ",
        f"Licence: {_licence(about['licence'])}; the workflow (`workflow/`): AGPL-3.0-or-later.  ",
        f"Made with kilnscan {about['version']}{_commit(about['commit'])}.",
        "",
        "## What is here",
        "",
        "| file | what it is |",
        "|---|---|",
        *_rows([README, "SHA256SUMS", "ro-crate-metadata.json", *files]),
        "",
        "No satellite imagery is here, and nothing else that the run read but its models: `paper/inputs.json` has the",
        "hashes of the files it read, and `atlas/provenance.json` names the scenes.",
        "",
        "## Make it again",
        "",
        "Linux and Python 3.11 or newer; the installation needs a network. In the folder that this file lies in:",
        "",
        "    sha256sum -c SHA256SUMS",
        "    mkdir -p workflow/models && cp models/* workflow/models/",
        "    cd workflow",
        "    python3 -m venv .venv",
        "    .venv/bin/python -m pip install -c requirements.lock --editable .",
        *_run(str(about["region"])),
        "",
        "`paper/inputs.json`, named as `paper.frozen`, holds the new run to what this one was made from: it fails, and",
        "says what differs, if anything else went in.",
        "",
        "## Versions",
        "",
        "| package | version |",
        "|---|---|",
        f"| kilnscan | {about['version']}{_commit(about['commit'])} |",
        *(f"| {name} | {number} |" for name, number in sorted(about["packages"].items()) if number),
        "",
        "Every other package: `workflow/requirements.lock`. Another processor or other packages may move last digits.",
    ]
    return "\n".join(lines) + "\n"


def _rows(files: Sequence[str]) -> list[str]:
    kinds = [what_is(path) for path in files]
    rows = []
    for start, words in WHAT.items():
        count = kinds.count(start)
        if count:
            many = f" ({count} file{'s' if count > 1 else ''})" if start.endswith("/") else ""
            rows.append((start, f"| `{start}`{many} | {words} |"))
    return [row for _, row in sorted(rows, key=lambda row: (row[0].count("/") > 0, row[0]))]


def _run(region: str) -> list[str]:
    if region == "demo":
        return ["    .venv/bin/snakemake paper"]
    return [
        "    .venv/bin/snakemake paper --configfile region.yaml",
        "",
        "where `region.yaml` is a region file with the keys of `paper/inputs.json` (`config/README.md` explains them)",
        "and the files that it names lie where it says; whoever published this archive has them.",
    ]


def _licence(licence: str) -> str:
    if not licence:
        return "none is named, so ask the authors before you use the paper or the atlas"
    return f"<{licence}>" if "://" in licence else f"{licence} (<https://spdx.org/licenses/{licence}.html>)"


def _commit(commit: str) -> str:
    return f", commit {commit}" if commit else ""


def _words(text: str) -> str:
    """Words as Markdown that nothing in them can turn into anything else."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in " ".join(str(text).split()))
