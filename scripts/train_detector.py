"""Train the detector on labelled regions, export it and write its card."""

import json
import tempfile

from kilnscan.cards import detector_card
from kilnscan.console import job
from kilnscan.detector import Detector
from kilnscan.export_detector import export_onnx
from kilnscan.files import write_text
from kilnscan.train_detector import learn
from kilnscan.training import corrected_labels, detector_reader


def main(regions: list[dict], config: dict, model: str, card: str, threads: int) -> None:
    place = config["type_column"], config["label_shift_m"]
    corrected = {region["name"]: corrected_labels(region, *place) for region in regions}
    labels, negatives = ({name: both[part] for name, both in corrected.items()} for part in (0, 1))
    readers = {region["name"]: detector_reader(region) for region in regions}
    shape = {key: config[key] for key in ("classes", "resolution_m", "window_px")}
    how = {key: config[key] for key in ("epochs", "seed", "type_column")}
    with tempfile.TemporaryDirectory() as scratch:
        weights = learn(readers, labels, scratch, negatives=negatives, threads=threads, **shape, **how)
        notes = {"label_shift_m": json.dumps(config["label_shift_m"])}
        export_onnx(weights, model, threshold=config["confidence"], notes=notes, **shape)
    counts = {name: len(table) for name, table in labels.items()}
    write_text(card, detector_card(model, Detector.load(model).metadata, counts, config["description"]))


if "snakemake" in globals():
    with job(snakemake):
        main(snakemake.params.regions, snakemake.params.train, **snakemake.output, threads=snakemake.threads)
