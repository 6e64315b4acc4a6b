"""Detect kilns in the windows around a tile's candidates."""

from kilnscan.console import job
from kilnscan.detect import detect_tile
from kilnscan.detector import Detector
from kilnscan.files import read_json
from kilnscan.store import open_store
from kilnscan.tables import write_table


def main(imagery: str, model: str, detections: str, params: dict, threads: int) -> None:
    detector = Detector.load(model, params["resolution_m"], params["device"])
    how = {"threads": threads, "on_pixels": params["on_pixels"]}
    found = detect_tile(read_json(imagery), open_store(params["store"]), detector, params["confidence"], **how)
    write_table(detections, found)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(**snakemake.input, **snakemake.output, params=dict(snakemake.params), threads=snakemake.threads)
