"""Train the detector from scratch on labelled regions, once more with its own mistakes, export it, write its card."""

import tempfile
from pathlib import Path

from kilnscan.cards import detector_card
from kilnscan.console import job
from kilnscan.detector import Detector
from kilnscan.files import write_text
from kilnscan.train_detector import export_onnx, train
from kilnscan.training import detector_reader, region_labels
from kilnscan.training_chips import add_mistakes, make_chips


def main(regions: list[dict], config: dict, model: str, card: str, threads: int) -> None:
    labels = {region["name"]: region_labels(region) for region in regions}
    readers = {region["name"]: detector_reader(region) for region in regions}
    shape = {"classes": config["classes"], "resolution_m": config["resolution_m"], "window_px": config["window_px"]}
    types = {"type_column": config["type_column"]}
    how = {"window_px": config["window_px"], "seed": config["seed"], "threads": threads}
    with tempfile.TemporaryDirectory() as scratch:
        first, draft = Path(scratch) / "first", Path(scratch) / "draft.onnx"
        chips = make_chips(readers, labels, Path(scratch) / "chips", seed=config["seed"], **types, **shape)
        weights = train(chips, first, epochs=config["epochs"], **how)
        if config["epochs_after_mistakes"]:
            export_onnx(weights, draft, threshold=config["confidence"], **shape)
            add_mistakes(Detector.load(draft), readers, labels, chips.parent, threads=threads, **types)
            again = {"epochs": config["epochs_after_mistakes"], "initial": weights, "learning_rate": 1.5e-3}
            weights = train(chips, Path(scratch) / "second", **again, **how)
        export_onnx(weights, model, threshold=config["confidence"], **shape)
    counts = {name: len(table) for name, table in labels.items()}
    write_text(card, detector_card(model, Detector.load(model).metadata, counts, config["description"]))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(snakemake.params.regions, snakemake.params.train, **snakemake.output, threads=snakemake.threads)
