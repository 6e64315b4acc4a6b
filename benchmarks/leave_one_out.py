"""Accuracy on real imagery: each training region left out in turn, the whole workflow run on it.

    .venv/bin/python benchmarks/leave_one_out.py [--data FOLDER] [--configfile config/regions/delhi.yaml]

Trains a screen and a detector without the region, maps it with them, prints a Markdown table and writes it to
results/leave-one-out.md. The places found on all left-out regions calibrate the scores: written to
results/models/<name>-calibration.json, to lie beside the models trained on all regions. Needs `make train-env`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import yaml

from kilnscan.calibration import fit_calibration, places_of, write_calibration
from kilnscan.evaluate import next_region
from kilnscan.tables import read_table, read_vector

ROOT = Path(__file__).parent.parent


def overlay(config: dict, region: dict) -> dict:
    """Region file that maps `region` with models that have not seen it."""
    name = f"{config['train']['name']}-without-{region['name']}"
    return {
        "region": {"name": name},
        "sentinel2": {"path": region["mosaic"]},
        "reference": {"path": region["labels"]},
        "screen": {"model": f"results/models/{name}-screen.npz"},
        "detect": {"model": f"results/models/{name}-detector.onnx"},
    }


def row(region: str, measured: dict) -> str:
    """One line of the table."""
    screen, atlas = measured["screen"], measured["atlas"]
    cells = [
        region,
        str(measured["reference_kilns"]),
        f"{screen['recall_acquired']['value']:.3f}",
        f"{screen['acquired_share']:.1%}",
        f"{atlas['precision']['value'] or 0:.3f}",
        f"{atlas['recall']['value']:.3f}",
        f"{atlas['f1']:.3f}",
        f"{atlas['ap50'] or 0:.3f}",
        f"{(atlas['type_accuracy'] or {}).get('value') or 0:.3f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the imagery and labels")
    parser.add_argument("--configfile", default="config/regions/delhi.yaml")
    arguments = parser.parse_args()
    config = yaml.safe_load((ROOT / arguments.configfile).read_text(encoding="utf-8"))
    lines = [
        "| left out | kilns | in acquired area | area acquired | precision | recall | F1 at 50 m | AP50 | type right |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    places, measured = {}, []
    for region in config["train"]["regions"]:
        file = ROOT / "results" / f"leave-out-{region['name']}.yaml"
        file.parent.mkdir(exist_ok=True)
        changes = overlay(config, region)
        file.write_text(yaml.safe_dump(changes), encoding="utf-8")
        data = ["--config", f"data={arguments.data}"] if arguments.data else []
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--nolock",
            "--configfile",
            arguments.configfile,
            str(file),
            *data,
        ]
        subprocess.run(command, cwd=ROOT, check=True)
        result = ROOT / "results" / changes["region"]["name"] / "atlas" / "evaluation.json"
        lines.append(row(region["name"], json.loads(result.read_text(encoding="utf-8"))))
        labels = region["labels"].replace("{data}", arguments.data or config["data"])
        found = read_table(result.with_name("detections.parquet"))
        places[region["name"]] = places_of(found, read_vector([labels], "labels"))
        measured.append(json.loads(result.read_text(encoding="utf-8"))["atlas"])
    lines.append("")
    for name in ("precision", "recall", "f1"):
        told = next_region([entry[name] if name == "f1" else entry[name]["value"] or 0 for entry in measured])
        lines.append(f"{name} of a place never seen: mean {told['mean']}, least {told['least']}, ")
        lines[-1] += f"95 % limits {told['low']} to {told['high']}"
    calibration = fit_calibration(places)
    write_calibration(ROOT / "results" / "models" / f"{config['train']['name']}-calibration.json", calibration)
    lines += ["", f"calibration: {calibration.model_dump_json()}"]
    text = "\n".join(lines) + "\n"
    (ROOT / "results" / "leave-one-out.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
