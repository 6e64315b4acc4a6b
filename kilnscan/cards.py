"""Model cards: what a model learned from, how well it does elsewhere, under which licence."""

import json
from pathlib import Path
from typing import Any

from kilnscan.files import sha256_file
from kilnscan.forest import Forest

AGPL = "AGPL-3.0: ultralytics, which trained it, claims its licence for weights too."


def screen_card(forest: Forest, path: str | Path, description: str) -> str:
    """Card of a screen model, Markdown."""
    about = forest.trained_on
    rows = [
        ("Use", f"kiln probability of every 10 m pixel from the bands {', '.join(forest.bands)}"),
        ("Trained on", f"{_regions(about['regions'])}. {description}"),
        ("Engine", f"random forest, {len(forest.trees)} trees, {len(forest.features)} features; no pickle"),
        ("Threshold", _threshold(forest)),
        ("Settings", ", ".join(f"{key} {value}" for key, value in about["settings"].items())),
        ("Licence", "AGPL-3.0-or-later, as kilnscan"),
        ("SHA-256", f"`{sha256_file(path)}`"),
    ]
    return _card(Path(path).name, rows) + _left_out(about.get("left_out", [])) + _importance(about["importance"])


def _threshold(forest: Forest) -> str:
    """The threshold and what it kept of land that forests had not seen."""
    recall, between = forest.trained_on.get("recall"), forest.trained_on.get("threshold_ci95")
    if not recall:
        return f"{forest.operating_point}, not tested: there was nothing to leave out"
    low, high = recall["ci95"]
    return (
        f"{forest.operating_point}, chosen on left-out land for a recall of {recall['target']}: it kept "
        f"{recall['value']} of the kilns (95 % interval {low} to {high}). The 95 % interval of the threshold that "
        f"would keep {recall['target']} of all kilns is {between[0]} to {between[1]} (0: no threshold keeps so many)"
    )


def _importance(shares: dict[str, float]) -> str:
    """The features that the forest's splits gain most from."""
    best = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:12]
    lines = [f"| {name} | {share:.3f} |" for name, share in best]
    return (
        "\n## What the forest looks at most\n\n| feature | share of the gain |\n|---|---|\n" + "\n".join(lines) + "\n"
    )


def detector_card(path: str | Path, metadata: dict[str, str], regions: dict[str, int], description: str) -> str:
    """Card of a detector, Markdown."""
    classes = ", ".join(json.loads(metadata["kilnscan:classes"]))
    rows = [
        (
            "Use",
            f"oriented boxes of {classes} at {metadata['kilnscan:resolution_m']} m per pixel",
        ),
        ("Trained on", f"{_regions(regions)}. {description}"),
        ("Engine", "YOLO11-OBB from scratch by ultralytics, exported to ONNX"),
        ("Threshold", metadata["kilnscan:threshold"]),
        ("Licence", AGPL),
        ("SHA-256", f"`{sha256_file(path)}`"),
    ]
    return _card(Path(path).name, rows)


def _card(name: str, rows: list[tuple[str, str]]) -> str:
    return f"# {name}\n\n| | |\n|---|---|\n" + "".join(f"| {key} | {value} |\n" for key, value in rows)


def _regions(regions: dict[str, int]) -> str:
    return ", ".join(f"{name} ({kilns} kilns)" for name, kilns in regions.items())


def _left_out(rows: list[dict[str, Any]]) -> str:
    """Table of figures of regions left out of training."""
    if not rows:
        return "\nTrained on one region: nothing is known of how it does elsewhere.\n"
    keys = list(rows[0])
    lines = [f"| {' | '.join(keys)} |", f"|{'---|' * len(keys)}"]
    lines += [f"| {' | '.join(f'{v:.3f}' if isinstance(v, float) else str(v) for v in row.values())} |" for row in rows]
    return "\n## Regions left out of training, in turn\n\n" + "\n".join(lines) + "\n"
