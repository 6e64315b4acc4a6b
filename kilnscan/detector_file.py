"""A detector's file: open it with ONNX Runtime on the device asked for, and read what it says of itself."""

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from kilnscan.errors import ModelError

LARGEST_MODEL = 200_000_000  # bytes; the largest YOLO-OBB is 230 MB in fp32, kilns need a hundredth of that
CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
AS_ON_CPU = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
"""On GPUs: full single precision, and no choice of algorithm by a race that another run may decide otherwise."""


def open_session(path: Path, device: str = "cpu") -> onnxruntime.InferenceSession:
    """Load an ONNX file on `device`: `cpu`, `cuda`, or `auto` (CUDA where it works).

    Raises ModelError if the file is missing, too large, pickled or damaged, or if CUDA was asked for and does not work.
    """
    if not path.is_file():
        raise ModelError(f"There is no detector at {path}: check the path, or make it with `snakemake train`.")
    if path.stat().st_size > LARGEST_MODEL:
        raise ModelError(f"{path} is larger than any detector kilnscan uses (200 MB): check the path.")
    content = path.read_bytes()
    if path.suffix in (".pt", ".pth") or content.startswith(b"PK\x03\x04"):
        raise ModelError(
            f"{path} holds pickled objects, which the workflow never loads: export it once with `python -m "
            f"kilnscan.export_detector {path} --resolution-m <metres per pixel> --out mine.onnx` and name mine.onnx in "
            "`detect.model`."
        )
    able = CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not able:
        raise ModelError(
            "`detect.device` is `cuda`, but this ONNX Runtime knows no CUDA: replace the package onnxruntime by "
            "onnxruntime-gpu in the workflow's environment, or set `detect.device: cpu`."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # windows run side by side instead
    options.log_severity_level = 4
    providers = [(CUDA, AS_ON_CPU), CPU] if able and device != "cpu" else [CPU]
    try:  # from memory, so that a model cannot name other files to be read
        session = onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # ONNX Runtime raises a dozen classes, and which one depends on where the file ends
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{path} is no readable ONNX file ({reason}): truncated or something else; fetch or make it again."
        ) from error
    if device == "cuda" and CUDA not in session.get_providers():  # ONNX Runtime falls back to the CPU by itself
        raise ModelError(
            "`detect.device` is `cuda`, but CUDA did not start: check the driver (`nvidia-smi`) and that the versions "
            "of CUDA and cuDNN are those that onnxruntime-gpu wants, or set `detect.device: cpu`."
        )
    return session


def described(path: Path, session: onnxruntime.InferenceSession, resolution_m: float | None) -> dict[str, Any]:
    """What the file says of itself, as the fields of `Detector`.

    Raises ModelError if it is no oriented-box detector, contradicts itself, or does not say its pixel size and
    `resolution_m` does not either.
    """
    said = session.get_modelmeta().custom_metadata_map
    try:
        if said.get("kilnscan:kind") == "detector":
            fields = {
                "classes": tuple(json.loads(said["kilnscan:classes"])),
                "resolution_m": float(said["kilnscan:resolution_m"]),
                "window_px": int(said["kilnscan:window_px"]),
                "threshold": float(said["kilnscan:threshold"]),
                "views": int(said.get("kilnscan:views", 1)),
                "standardised": said.get("kilnscan:standardised") == "yes",
                "label_shift_m": tuple(map(float, json.loads(said.get("kilnscan:label_shift_m", "[0, 0]")))),
            }
        elif said.get("task") == "obb":
            names, sides = ast.literal_eval(said["names"]), set(ast.literal_eval(said["imgsz"]))
            if not resolution_m:
                raise ModelError(f"{path} does not say its pixel size: set `detect.resolution_m` in the configuration.")
            if len(sides) > 1:
                raise ValueError(f"its windows are not square: {said['imgsz']}")
            fields = {
                "classes": tuple(names[index] for index in range(len(names))),
                "resolution_m": float(resolution_m),
                "window_px": int(sides.pop()),
                "threshold": 0.25,
                "views": 1,
                "standardised": False,
                "label_shift_m": (0.0, 0.0),
            }
        else:
            raise ModelError(
                f"{path} is not a kiln detector: give a file made by `snakemake train` or an ultralytics OBB export."
            )
        _check(session, **fields)
    except ModelError:
        raise
    except Exception as error:  # whatever a hostile file can provoke
        raise ModelError(f"{path} does not describe itself as a detector should ({error}): make it again.") from error
    return {**fields, "metadata": dict(said)}


def _check(
    session: onnxruntime.InferenceSession,
    classes: tuple,
    resolution_m: float,
    window_px: int,
    threshold: float,
    views: int,
    standardised: bool,
    label_shift_m: tuple[float, ...],
) -> None:
    """Raise ValueError, or whatever ONNX Runtime raises, if the network does not do what the file says of it."""
    plain = all(isinstance(name, str) for name in classes) and 0 < len(classes) < 100
    if not (plain and 0 < resolution_m < 1000 and 0 < window_px <= 4096 and 0 <= threshold <= 1 and 1 <= views <= 8):
        raise ValueError("a value is out of range")
    if len(label_shift_m) != 2 or not all(abs(metres) <= 100 for metres in label_shift_m):
        raise ValueError("its labels' shift is out of range")
    batch = fixed_batch(session)
    if batch not in (None, 1):
        raise ValueError(f"it takes {batch} windows at a time; export it with batch=1 or dynamic=True")
    probe = np.zeros((1, 3, window_px, window_px), np.float32)
    shape = session.run(None, {session.get_inputs()[0].name: probe})[0].shape
    if len(shape) != 3 or shape[1] != len(classes) + 5:
        raise ValueError(f"its output has the shape {shape}; if that is a list of boxes, export it with nms=False")


def fixed_batch(session: onnxruntime.InferenceSession) -> int | None:
    """How many windows the network takes at a time; None if any number will do."""
    batch = session.get_inputs()[0].shape[0]
    return batch if isinstance(batch, int) else None
