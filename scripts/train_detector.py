"""Cut chips from labelled regions, train the detector from scratch, export it and write its card."""

import tempfile
from pathlib import Path

from kilnscan.cards import detector_card
from kilnscan.console import job
from kilnscan.detector import Detector
from kilnscan.files import write_text
from kilnscan.train_detector import export_onnx, train
from kilnscan.training import detector_reader, region_labels
from kilnscan.training_chips import make_chips


def main(regions: list[dict], config: dict, screen: str, model: str, card: str, threads: int) -> None:
    labels = {region["name"]: region_labels(region) for region in regions}
    readers = {region["name"]: detector_reader(region) for region in regions}
    shape = {"classes": config["classes"], "resolution_m": config["resolution_m"], "window_px": config["window_px"]}
    with tempfile.TemporaryDirectory() as scratch:
        chips = make_chips(
            readers, labels, Path(scratch) / "chips", seed=config["seed"], type_column=config["type_column"], **shape
        )
        weights = train(
            chips, scratch, epochs=config["epochs"], window_px=config["window_px"], seed=config["seed"], threads=threads
        )
        export_onnx(weights, model, threshold=0.25, **shape)
    counts = {name: len(table) for name, table in labels.items()}
    write_text(card, detector_card(model, Detector.load(model).metadata, counts, config["description"]))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.params.regions,
            snakemake.params.train,
            snakemake.input.screen,
            **snakemake.output,
            threads=snakemake.threads,
        )
