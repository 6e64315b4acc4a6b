"""Export weights of ultralytics' OBB networks (.pt) as the ONNX files that the workflow detects with.

    python -m kilnscan.export_detector weights.pt --resolution-m 0.5 --out models/mine.onnx

A .pt file is a pickle, which can run any code when it is loaded. Here it is loaded by torch's restricted unpickler
(`weights_only=True`), which makes layers of torch and ultralytics and refuses everything else. Needs `make train-env`.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kilnscan.detector import Detector
from kilnscan.errors import ModelError
from kilnscan.files import replacing
from kilnscan.offline_ultralytics import offline_ultralytics


def export_onnx(
    weights: str | Path,
    path: str | Path,
    *,
    resolution_m: float,
    threshold: float,
    classes: list[str] | None = None,
    window_px: int | None = None,
    views: int = 4,
    standardised: bool = True,
    notes: dict[str, str] | None = None,
) -> None:
    """Write trained weights as ONNX with what `Detector.load` needs to know, weights stored in half precision.

    Computing stays in single precision: each stored weight is widened when the model is loaded. `classes` and
    `window_px` are those of the weights if left out. Raises ModelError if the weights are damaged, hold anything but
    known layers, or are no oriented-box network.
    """
    if not Path(weights).is_file():
        raise ModelError(f"There are no weights at {weights}: check the path.")
    with offline_ultralytics() as scratch:
        import onnx
        from ultralytics import YOLO

        copy = scratch / "weights.pt"
        shutil.copyfile(weights, copy)
        try:
            yolo = YOLO(copy, task="obb")
            if yolo.task != "obb":
                raise ValueError(f"it is made for the task `{yolo.task}`, not `obb`")
            classes = classes or list(yolo.names.values())
            window_px = int(window_px or yolo.model.args["imgsz"])
            stride = int(yolo.model.stride.max())
            if window_px % stride:
                raise ValueError(f"its windows must be multiples of {stride} pixels, and {window_px} is none")
            exported = yolo.export(format="onnx", imgsz=window_px, dynamic=True, simplify=False)
        except Exception as error:  # ultralytics and torch raise what they like
            reason = " ".join(str(error).split())
            raise ModelError(f"{weights} cannot be exported ({reason}): is it an ultralytics OBB model?") from error
        model = onnx.load(exported)
    _halve(model)
    digest = hashlib.sha256(b"".join(tensor.SerializeToString() for tensor in model.graph.initializer)).hexdigest()
    del model.metadata_props[:]
    said = {
        "kilnscan:kind": "detector",
        "kilnscan:classes": json.dumps(classes),
        "kilnscan:resolution_m": repr(float(resolution_m)),
        "kilnscan:window_px": str(window_px),
        "kilnscan:threshold": repr(float(threshold)),
        "kilnscan:views": str(views),
        "kilnscan:standardised": "yes" if standardised else "no",
        "kilnscan:weights_sha256": digest,
        "task": "obb",
        "license": "AGPL-3.0 (trained with ultralytics, https://ultralytics.com/license)",
        **{f"kilnscan:{key}": value for key, value in (notes or {}).items()},
    }
    onnx.helper.set_model_props(model, dict(sorted(said.items())))
    with replacing(path) as temporary:
        onnx.save(model, temporary)


def _halve(model) -> None:
    """Store the larger float32 weights of an ONNX model as float16, each followed by a cast back."""
    import onnx
    from onnx import numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) >= 256:
            name, half = tensor.name, numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}:half"))
            casts.append(
                onnx.helper.make_node("Cast", [tensor.name], [name], f"{name}:widen", to=onnx.TensorProto.FLOAT)
            )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Export the weights named on the command line, and say what came out."""
    parser = argparse.ArgumentParser(prog="python -m kilnscan.export_detector", description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="best.pt or last.pt of a training with ultralytics")
    parser.add_argument("--resolution-m", type=float, required=True, help="metres per pixel it was trained at")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write, for `detect.model`")
    parser.add_argument("--window-px", type=int, help="edge of its windows (default: `imgsz` of its training)")
    parser.add_argument("--threshold", type=float, default=0.25, help="score from which it reports a box")
    options = parser.parse_args(arguments)
    how = {"resolution_m": options.resolution_m, "threshold": options.threshold, "window_px": options.window_px}
    try:
        export_onnx(options.weights, options.out, views=1, standardised=False, **how)
        made = Detector.load(options.out)
    except ModelError as error:
        sys.exit(f"kilnscan: {error}")
    print(
        f"{options.out}: finds {', '.join(made.classes)} in windows of {made.window_px} pixels of {made.resolution_m} m"
    )


if __name__ == "__main__":
    main()
