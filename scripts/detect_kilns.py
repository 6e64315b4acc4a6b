"""Detect kilns in the windows around a tile's candidates."""

from kilnscan.console import job
from kilnscan.detect import detect_tile
from kilnscan.detector import Detector
from kilnscan.files import read_json
from kilnscan.imagery import chips_km2
from kilnscan.store import open_store
from kilnscan.tables import write_table


def main(imagery: str, model: str, detections: str, params: dict, threads: int) -> dict:
    detector = Detector.load(model, params["resolution_m"], params["device"])
    how = {"threads": threads, "on_pixels": params["on_pixels"]}
    looked_at = read_json(imagery)
    found = detect_tile(looked_at, open_store(params["store"]), detector, params["confidence"], **how)
    write_table(detections, found)
    return {"windows": len(looked_at["windows"]), "km2": chips_km2(looked_at)}


if "snakemake" in globals():
    with job(snakemake) as record:
        done = main(**snakemake.input, **snakemake.output, params=dict(snakemake.params), threads=snakemake.threads)
        record.did(**done)
