"""What a product was made from, written beside it: versions, scenes, models, licences, and hashes of it all."""

import os
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kilnscan import __version__
from kilnscan.files import digest, sha256_file
from kilnscan.shipped import portable

PACKAGES = (
    "numpy",
    "scipy",
    "rasterio",
    "shapely",
    "pyproj",
    "geopandas",
    "scikit-learn",
    "numba",
    "onnxruntime",
    "snakemake",
)


def provenance(
    products: list[Path], config: dict[str, Any], models: dict[str, Any], scenes: list[dict[str, Any]]
) -> dict[str, Any]:
    """Record of `products`: their hashes and everything that they follow from.

    No times, and no word of where `data` lies, so that reruns are equal.
    """
    data = str(config.get("data", ""))
    config = portable({key: value for key, value in config.items() if key != "data"}, data)
    return {
        "products": {path.name: sha256_file(path) for path in products},
        "kilnscan": {"version": __version__, "commit": commit()},
        "packages": versions(PACKAGES),
        "config": {"content": config, "sha256": digest(config)},
        "models": models,
        "scenes": {entry["tile"]["id"]: portable(_inputs(entry), data) for entry in scenes},
    }


def read_card(path: str | Path) -> dict[str, str]:
    """What is known of a model: its name, hash, and the card that lies beside it with the ending .md."""
    card = Path(path).with_suffix(".md")
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    return {"name": Path(path).name, "sha256": sha256_file(path), "text": text}


def _inputs(scenes: dict[str, Any]) -> dict[str, Any]:
    items = [item["id"] for day in scenes["dates"] for item in day["items"]]
    return {"fingerprint": scenes["fingerprint"], "items": items, "mosaics": scenes.get("mosaics", [])}


def commit() -> str:
    """The git commit of the checkout, with `-dirty` if files differ from it; empty outside git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()  # noqa: S603 (fixed words)
    except (OSError, subprocess.SubprocessError):
        return ""


def untracked(paths: Iterable[str | Path]) -> list[str]:
    """Those of `paths` that are not of the repository whose top folder this is, sorted; all outside git."""
    named = {str(path): os.path.relpath(path) for path in paths}
    command = ["git", "ls-files", "-z", "--", *(path for path in named.values() if not path.startswith(".."))]
    try:
        said = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout  # noqa: S603 (fixed words)
    except (OSError, subprocess.SubprocessError):
        return sorted(named)
    known = {os.fsdecode(path) for path in said.split(b"\0")}
    return sorted(path for path, here in named.items() if here not in known)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of packages that are installed; empty for those that are not."""
    return {name: _version(name) for name in packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
