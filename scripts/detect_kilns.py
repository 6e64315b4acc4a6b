"""Detect kilns in the windows around a tile's candidates."""

from pathlib import Path

from kilnscan.console import job
from kilnscan.detect import detect_tile
from kilnscan.detector import Detector
from kilnscan.files import read_json
from kilnscan.tables import write_table


def main(imagery: str, model: str, detections: str, store: str, confidence: float | None, threads: int) -> None:
    detector = Detector.load(model)
    write_table(detections, detect_tile(read_json(imagery), Path(store), detector, confidence, threads))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            **snakemake.input,
            **snakemake.output,
            store=snakemake.params.store,
            confidence=snakemake.params.confidence,
            threads=snakemake.threads,
        )
