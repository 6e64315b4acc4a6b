"""Train a YOLO-OBB detector from scratch with ultralytics, offline.

ultralytics is licensed AGPL-3.0, and so are the weights it trains: the exported file says so. This module needs the
training environment (`make train-env`); detection does not.
"""

import logging
import shutil
from pathlib import Path

import geopandas as gpd
import yaml

from kilnscan.augment import Augmentation, Crops
from kilnscan.detector import Detector
from kilnscan.export_detector import export_onnx
from kilnscan.files import replacing
from kilnscan.offline_ultralytics import offline_ultralytics
from kilnscan.reader import Reader
from kilnscan.training_chips import add_mistakes, make_chips

logger = logging.getLogger(__name__)

NETWORK = {
    "scale": "n",
    "scales": {"n": [0.50, 0.25, 1024]},
    "backbone": [
        [-1, 1, "Conv", [64, 3, 2]],  # 0: 1/2
        [-1, 1, "Conv", [128, 3, 2]],  # 1: 1/4
        [-1, 2, "C3k2", [256, False, 0.25]],
        [-1, 1, "Conv", [256, 3, 2]],  # 3: 1/8
        [-1, 2, "C3k2", [512, False, 0.25]],
        [-1, 1, "Conv", [512, 3, 2]],  # 5: 1/16
        [-1, 2, "C3k2", [512, True]],
        [-1, 1, "SPPF", [512, 5]],
        [-1, 2, "C2PSA", [512]],  # 8
    ],
    "head": [
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
        [[-1, 4], 1, "Concat", [1]],
        [-1, 2, "C3k2", [256, False]],  # 11: 1/8
        [-1, 1, "Conv", [256, 3, 2]],
        [[-1, 8], 1, "Concat", [1]],
        [-1, 2, "C3k2", [512, False]],  # 14: 1/16
        [[11, 14], 1, "OBB", ["nc", 1]],
    ],
}
"""YOLO11n-OBB without its coarsest level: at 2.5 m a kiln is 45 x 25 px, which cells of 8 and 16 px cover."""


def learn(
    readers: dict[str, Reader],
    labels: dict[str, gpd.GeoDataFrame],
    folder: str | Path,
    *,
    classes: list[str],
    resolution_m: float,
    window_px: int,
    epochs: int,
    seed: int = 0,
    shift_m: tuple[float, float] = (0.0, 0.0),
    type_column: str = "kiln_type",
    negatives: dict[str, gpd.GeoDataFrame] | None = None,
    threads: int = 1,
    **how,
) -> Path:
    """Train on chips from labelled regions, sweep them, and train on with what was mistaken for kilns; return weights.

    The first 40 % of the `epochs` come before the sweep. Precision comes from the second part: most of a landscape is
    easy, and a random sample of it hardly holds the few places that look like kilns. `how` goes to `train`.
    """
    folder = Path(folder)
    place = {"shift_m": shift_m, "type_column": type_column}
    shape = {"classes": classes, "resolution_m": resolution_m, "window_px": window_px}
    common = {"window_px": window_px, "seed": seed, "threads": threads, **how}
    chips = make_chips(readers, labels, folder / "chips", seed=seed, negatives=negatives, **shape, **place)
    first = max(1, round(0.4 * epochs))
    weights = train(chips, folder / "first", epochs=first, **common)
    if epochs == first:
        return weights
    export_onnx(weights, folder / "first" / "detector.onnx", threshold=0.1, **shape)
    detector = Detector.load(folder / "first" / "detector.onnx")
    mistakes = add_mistakes(detector, readers, labels, folder / "chips", threads=threads, **place)
    logger.info("mistaken for kilns: %s", mistakes)
    common = {"learning_rate": 1.5e-3, **common}
    return train(chips, folder, epochs=epochs - first, initial=weights, **common)


def train(
    dataset: str | Path,
    folder: str | Path,
    *,
    epochs: int,
    window_px: int,
    seed: int = 0,
    samples: int = 2000,
    batch: int = 16,
    class_gain: float = 1.0,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.01,
    threads: int = 1,
    augmentation: Augmentation | None = None,
    network: str | dict | None = None,
    initial: str | Path | None = None,
    device: str = "cpu",
) -> Path:
    """Train on the chips of `dataset` (a dataset.yaml of `make_chips`); return the weights, `folder`/weights.pt.

    An epoch is `samples` windows drawn at random. The last weights (averaged over steps, the rate falling to nothing)
    are kept rather than the best on some few held-out chips: nothing is chosen by looking at test data.
    """
    folder, dataset = Path(folder), Path(dataset)
    how = augmentation or Augmentation()
    with offline_ultralytics(threads) as scratch:
        import torch
        from ultralytics.models.yolo.obb import OBBTrainer
        from ultralytics.utils.torch_utils import strip_optimizer

        class Trainer(OBBTrainer):
            def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Crops:
                from ultralytics.data.dataset import YOLODataset

                crops = Crops(dataset.parent, window_px, samples if mode == "train" else batch, seed, how)
                crops.collate_fn = YOLODataset.collate_fn
                return crops

            def setup_model(self):
                checkpoint = super().setup_model()
                self.model = self.model.to(memory_format=torch.channels_last)  # half as fast again on CPU
                return checkpoint

            def preprocess_batch(self, batch: dict) -> dict:
                batch = super().preprocess_batch(batch)
                batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
                return batch

            def save_metrics(self, metrics: dict) -> None:
                losses = ", ".join(f"{name} {float(value):.3f}" for name, value in self.tloss.items())
                logger.info("epoch %d of %d: %s", self.epoch + 1, epochs, losses)

            def validate(self):
                return {}, 0.0

            def final_eval(self) -> None:
                strip_optimizer(self.last)

        described = yaml.safe_load(dataset.read_text())
        settings = scratch / "network.yaml"
        settings.write_text(
            yaml.safe_dump({**(network if isinstance(network, dict) else NETWORK), "nc": len(described["names"])})
        )
        placed = scratch / "dataset.yaml"  # ultralytics resolves relative paths by its own settings
        placed.write_text(yaml.safe_dump({**described, "path": str(dataset.parent.resolve())}))
        trainer = Trainer(
            overrides={
                "model": network if isinstance(network, str) else str(settings),
                "data": str(placed),
                "project": str(scratch),
                "name": "run",
                "epochs": epochs,
                "imgsz": window_px,
                "batch": batch,
                "nbs": batch,
                "seed": seed,
                "optimizer": "AdamW",
                "cls": class_gain,
                "lr0": learning_rate,
                "lrf": 0.01,
                "weight_decay": weight_decay,
                "warmup_epochs": min(1.0, epochs / 10),
                "warmup_bias_lr": 0.0,
                "pretrained": str(initial) if initial else False,
                "deterministic": True,
                "amp": "fp32",
                "val": False,
                "plots": False,
                "workers": 0,
                "verbose": False,
                "close_mosaic": 0,
                "patience": 0,
                "device": device,
            }
        )
        trainer.train()
        with replacing(folder / "weights.pt") as temporary:
            shutil.copyfile(trainer.last, temporary)
    return folder / "weights.pt"
