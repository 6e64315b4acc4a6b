"""Use ultralytics without its network calls, its torchvision, and its trust in pickles.

ultralytics is licensed AGPL-3.0. It comes with the training environment (`make train-env`); detection needs none of it.
"""

import atexit
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from kilnscan.errors import ModelError


@cache
def _settings() -> str:
    """The folder of ultralytics' settings, one for all uses in a process: it is looked up only once."""
    import matplotlib

    folder = Path(tempfile.mkdtemp(prefix="kilnscan-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "Ultralytics").mkdir()
    # every check of a data set would otherwise try to download a font
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    for name in ("Arial.ttf", "Arial.Unicode.ttf"):
        shutil.copyfile(font, folder / "Ultralytics" / name)
    return str(folder)


@contextmanager
def offline_ultralytics(threads: int = 1) -> Iterator[Path]:
    """Let ultralytics be used within: without torchvision, off the network, with `threads`; yield a scratch folder.

    Weights are loaded by torch's restricted unpickler, which makes known layers and nothing else. Raises ModelError if
    ultralytics is missing, or was imported before in a way that would run whatever a weights file says.
    """
    if importlib.util.find_spec("ultralytics") is None:
        raise ModelError(
            "Training and exporting need ultralytics and torch: run `make train-env` and use that environment."
        )
    scratch = Path(tempfile.mkdtemp(prefix="kilnscan-"))
    try:
        os.environ.update(YOLO_OFFLINE="1", YOLO_AUTOINSTALL="0", YOLO_CONFIG_DIR=_settings(), YOLO_VERBOSE="false")
        os.environ["ULTRALYTICS_SAFE_LOAD"] = "1"
        import torch

        if importlib.util.find_spec("torchvision") is None:
            # boxes that are oriented never reach torchvision: its version and an empty module are all that is asked for
            version = importlib.metadata.version
            importlib.metadata.version = lambda name: "0.0" if name == "torchvision" else version(name)
            sys.modules["torchvision"] = types.ModuleType("torchvision")
            sys.modules["torchvision"].__spec__ = importlib.machinery.ModuleSpec("torchvision", None)
        import ultralytics.utils

        if not getattr(ultralytics.utils, "SAFE_LOAD", False):
            raise ModelError(
                "This ultralytics cannot load weights safely: use the version that requirements.lock pins."
            )
        torch.set_num_threads(threads)
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
