"""The record of a run as a Workflow Run RO-Crate (JSON-LD), without times, so that equal runs have equal records.

Follows RO-Crate 1.1 and the profiles Workflow RO-Crate 1.0 and Workflow Run RO-Crate 0.5 (w3id.org/ro).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kilnscan.stac_record import MEDIA as PRODUCTS

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
MEDIA = PRODUCTS | {
    ".geojson": "application/geo+json",
    ".md": "text/markdown",
    ".onnx": "application/octet-stream",
    ".parquet": PRODUCTS[".geoparquet"],
    ".svg": "image/svg+xml",
}
WORKFLOW = "workflow/Snakefile"
METADATA = "ro-crate-metadata.json"

Entity = dict[str, Any]


def crate(
    files: Mapping[str, tuple[int, str]],
    about: Mapping[str, Any],
    inputs: Sequence[str],
    products: Sequence[str],
) -> Entity:
    """The content of ro-crate-metadata.json.

    `files` are all files of the crate by their path in it, with size in bytes and SHA-256; `inputs` and `products` are
    those that the run read and made; `about` has title, authors, licence, published, version, commit,
    packages. WORKFLOW must be among `files`.
    """
    people = [
        {"@id": f"#author-{place}", "@type": "Person", "name": name} for place, name in enumerate(about["authors"])
    ]
    entities: list[Entity] = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": "https://w3id.org/ro/crate/1.1"}, {"@id": list(PROFILES)[-1]}],
        },
        _root(files, about, people),
        *({"@id": name, "@type": "CreativeWork", "name": words, "version": name.rsplit("/", 1)[1]}
          for name, words in PROFILES.items()),
        *_workflow(about),
        _run(about, inputs, products),
        *people,
        *_licence(about["licence"]),
    ]  # fmt: skip
    files_told = [_file(path, size, checksum) for path, (size, checksum) in sorted(files.items()) if path != WORKFLOW]
    return {"@context": CONTEXT, "@graph": [*entities, *files_told]}


def _root(files: Mapping[str, Any], about: Mapping[str, Any], people: list[Entity]) -> Entity:
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Brick kilns: {about['title']}",
        "description": "A paper on brick kilns found in satellite imagery, the atlas it is about, what both "
        "follow from, and the workflow that makes them again.",
        "conformsTo": [{"@id": name} for name in PROFILES],
        "datePublished": about["published"],
        "hasPart": [{"@id": path} for path in sorted(files)],
        "mainEntity": {"@id": WORKFLOW},
        "mentions": [{"@id": "#run"}],
    }
    if about["licence"]:
        root["license"] = {"@id": _licence_id(about["licence"])}
    return root | ({"author": [{"@id": person["@id"]} for person in people]} if people else {})


def _workflow(about: Mapping[str, Any]) -> list[Entity]:
    language = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
    return [
        {
            "@id": WORKFLOW,
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "kilnscan",
            "version": about["version"],
            "programmingLanguage": {"@id": language},
            "license": {"@id": _licence_id("AGPL-3.0-or-later")},
        },
        {
            "@id": language,
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "identifier": {"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
            "url": {"@id": "https://snakemake.github.io"},
            "version": about["packages"].get("snakemake", ""),
        },
    ]


def _run(about: Mapping[str, Any], inputs: Sequence[str], products: Sequence[str]) -> Entity:
    commit = f" at commit {about['commit']}" if about["commit"] else ""
    packages = ", ".join(f"{name} {number}" for name, number in sorted(about["packages"].items()) if number)
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of kilnscan {about['version']}{commit}",
        "description": f"Packages: {packages}.",
        "instrument": {"@id": WORKFLOW},
        "object": [{"@id": path} for path in sorted(inputs)],
        "result": [{"@id": path} for path in sorted(products)],
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
    }


def _licence(licence: str) -> list[Entity]:
    own = _licence_id("AGPL-3.0-or-later")
    named = [{"@id": own, "@type": "CreativeWork", "name": "AGPL-3.0-or-later", "description": "Licence of the code"}]
    if licence and _licence_id(licence) != own:
        named.append({"@id": _licence_id(licence), "@type": "CreativeWork", "name": licence})
    return named


def _licence_id(licence: str) -> str:
    return licence if "://" in licence else f"https://spdx.org/licenses/{licence}"


def _file(path: str, size: int, checksum: str) -> Entity:
    ending = path[path.rfind(".") :] if "." in path else ""
    entity = {
        "@id": path,
        "@type": "File",
        "name": path.rsplit("/", 1)[-1],
        "contentSize": str(size),
        "sha256": checksum,
    }
    return entity | ({"encodingFormat": MEDIA[ending]} if ending in MEDIA else {})
