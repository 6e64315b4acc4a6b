"""A paper's archive: one file for a repository that gives DOIs, without pixels that may not be passed on."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kilnscan.archive_readme import README, readme
from kilnscan.crate import METADATA, WORKFLOW, crate
from kilnscan.files import digest, read_json, replacing, sha256_file
from kilnscan.paper_inputs import for_the_record
from kilnscan.products import OPEN
from kilnscan.public import INSIDE
from kilnscan.shipped import ROOT

Content = Path | bytes
"""A file, or what stands in one."""
WHEN = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the archive: equal runs have equal archives."""
SUMS = "SHA256SUMS"
SOURCES = (
    "Snakefile", "rules", "scripts", "kilnscan", "facts", "envs", "requirements.lock", "pyproject.toml", "LICENSE",
    "CITATION.cff", "site/dist", "site/languages",
    *(f"profiles/{name}" for name in ("default", "pcluster", "batch", "basic-batch")),
    *(f"config/{name}" for name in ("README.md", "config.default.yaml", "config.schema.json", "config.yaml",
                                    "ground-report-form.xlsx", "ground-report-form.yaml")),
    *(f"config/papers/{name}/paper.md" for name in ("delhi", "demo")),
    *(f"config/papers/demo/{name}" for name in ("frozen.yaml", "inputs.json")),
    *(f"config/regions/{name}" for name in (
        "africa.yaml", "delhi.yaml", "demo-later.yaml", "demo-rules.csv", "demo.geojson", "demo.yaml",
        "indo-gangetic-plain.geojson", "indo-gangetic-plain.yaml")),
)  # fmt: skip
"""The workflow itself, so that it can be run again from the archive. Of folders where users keep files of their own,
region files with accounts and keys, only what kilnscan ships."""
NO_SOURCES = ("__pycache__",)
DATA = ("geoparquet", "csv", "dictionary", "provenance")
"""Files of the full edition's atlas that go in as they are."""
CLOSED = (*INSIDE, "sources")
"""Layers of the full edition that hold rows which are not for everybody."""
PICTURES = "site/chips/"
"""Pictures of high-resolution imagery, which its licence may not allow to be passed on."""


def files_below(folder: Path, inside: str, leave_out: Iterable[str] = ()) -> dict[str, Path]:
    """Files below a folder, or a file, by the path that they get in the archive; no links, nothing hidden."""
    left_out = tuple(leave_out)
    if folder.is_file():
        return {inside: folder}
    named = {f"{inside}/{path.relative_to(folder).as_posix()}": path for path in sorted(folder.rglob("*"))}
    return {
        name: path
        for name, path in named.items()
        if path.is_file()
        and not path.is_symlink()
        and not any(part.startswith(".") or part in NO_SOURCES for part in path.relative_to(folder).parts)
        and not any(f"/{piece}" in f"/{name}" for piece in left_out)
    }


def groups_of(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, dict[str, Content]]:
    """The files of an archive in groups, from the input and params of the rule that writes it.

    Of what the user brought only the models go in: known kilns, reports and tables may not be theirs to pass on.
    Their hashes are in paper/inputs.json, the scenes in atlas/provenance.json. Beside the public edition inputs.json
    tells no more of the configuration than that does.
    """
    left_out = () if params["about"]["pictures"] else (PICTURES,)
    products: dict[str, Content] = {}
    if inputs.get("public"):
        for part in ("atlas", "stac", "site"):
            products |= files_below(Path(str(inputs["public"])) / part, part)
    else:
        products |= _full(inputs)
        for part in ("stac", "site"):
            products |= files_below(Path(inputs[part]), part, left_out)
    for name in ("inputs", "values", "tables", "figures", "markdown", "page"):
        place = Path(inputs[name])
        products |= files_below(place, f"paper/{place.name}")
    if inputs.get("public"):
        told = for_the_record(read_json(inputs["inputs"]), public=True)
        products["paper/inputs.json"] = _json(told, sort_keys=True)
    read: dict[str, Content] = {}
    for path in map(Path, inputs["models"]):
        read |= {f"models/{file.name}": file for file in (path, path.with_suffix(".md")) if file.is_file()}
    return {"inputs": read, "products": products, "workflow": dict(sources(ROOT))}


def _full(inputs: Mapping[str, Any]) -> dict[str, Path]:
    """The full edition's atlas, as far as whoever opens its map may have it: else the map's GeoPackage is enough."""
    found = {f"atlas/{Path(inputs[name]).name}": Path(inputs[name]) for name in DATA}
    closed = (Path(inputs["site"]) / "downloads" / OPEN).is_file()
    if not closed:
        found["atlas/kilns.gpkg"] = Path(inputs["gpkg"])
    layers = files_below(Path(inputs["layers"]), "atlas/layers")
    return found | {name: path for name, path in layers.items() if not (closed and path.stem in CLOSED)}


def write_archive(
    path: str | Path,
    groups: Mapping[str, Mapping[str, Content]],
    about: Mapping[str, Any],
) -> None:
    """Write the archive: files by their path in it, in the groups `inputs`, `products` and `workflow`.

    Adds README.md (see `readme`), ro-crate-metadata.json, which tells of them all (see `crate`), and SHA256SUMS. Equal
    content gives equal bytes.
    """
    files = {name: place for group in groups.values() for name, place in group.items()}
    files[README] = readme(sorted(files), about).encode()
    told = {name: _told(content) for name, content in sorted(files.items())}
    record = crate(told, about, sorted(groups["inputs"]), sorted(groups["products"]))
    files[METADATA] = _json(record)
    sums = {name: checksum for name, (_, checksum) in told.items()} | {METADATA: _told(files[METADATA])[1]}
    files[SUMS] = "".join(f"{checksum}  {name}\n" for name, checksum in sorted(sums.items())).encode()
    first = [README, METADATA, SUMS]
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
    ):
        for name in [*first, *sorted(set(files) - set(first))]:
            content = files[name]
            if isinstance(content, bytes):
                archive.writestr(_entry(name), content)
                continue
            with content.open("rb") as source, archive.open(_entry(name), "w") as target:
                shutil.copyfileobj(source, target)


def _told(content: Content) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file's content."""
    if isinstance(content, bytes):
        return len(content), hashlib.sha256(content).hexdigest()
    return content.stat().st_size, sha256_file(content)


def _json(content: Any, *, sort_keys: bool = False) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, sort_keys=sort_keys) + "\n").encode()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, WHEN)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    return entry


def sources(root: Path) -> dict[str, Path]:
    """The workflow's own files by their path in the archive; WORKFLOW is among them."""
    found: dict[str, Path] = {}
    for part in SOURCES:
        found |= files_below(root / part, f"workflow/{part}")
    assert WORKFLOW in found  # noqa: S101 (of our own making)
    return found


def sources_digest(root: Path = ROOT) -> str:
    """A hash of the workflow's own files."""
    return digest({name: sha256_file(path) for name, path in sorted(sources(root).items())})
