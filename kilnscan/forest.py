"""The screen's model: a gate that lets most pixels go at a glance, and a random forest that judges the rest.

The gate is a list of least values: land that is less red, or less bright against its surroundings, than nearly all
kilns are is no kiln. What passes is first shown to a few early trees, which look at no more than the gate does. A
pixel's kiln probability is the forest's; it is 0 where the gate refuses it, where the early trees give less than
`doubt`, and where the forest gives less than `floor`. scikit-learn gives the same for every pixel when all is evaluated
on all of them (`tests/reference_forest.py`); compiled loops get there with a small part of the work. The file holds no
pickle and is checked on loading.
"""

import io
import json
import math
import struct
import tokenize
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kilnscan.errors import ModelError
from kilnscan.features import Scene, Window, blocks, layout_of
from kilnscan.files import replacing
from kilnscan.kernels import sieve
from kilnscan.trees import ARRAYS, Trees

FORMAT = "kilnscan forest 2"
LARGEST = 64 * 2**20  # bytes of a model once unpacked; ours are below 5 MB
MEMBERS = {"gate": np.float32, **{f"early_{name}": dtype for name, dtype in ARRAYS.items()}, **ARRAYS}
NUMBERS = ("doubt", "floor", "operating_point", "resolution_m")
# what zipfile and numpy raise, besides Python's own errors, about bytes that are not what they should be
UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError)
REMEDY = "Use a model written by `snakemake train`, or fetch it again."


@dataclass(frozen=True, eq=False)
class Forest:
    """A trained screen."""

    bands: list[str]
    trees: Trees = field(repr=False)
    """The forest; it looks at all features."""
    gate: np.ndarray = field(repr=False)
    """Least value (float32) of each of the features `Layout.gate`."""
    early: Trees = field(repr=False)
    """Trees that look at those features only."""
    doubt: float = 0.1
    """Least probability of the early trees; where it is less, the forest is not asked."""
    floor: float = 0.1
    """Least probability of the forest that counts; less is 0."""
    operating_point: float = 0.5
    """Smallest candidate score (0..1) worth passing on, chosen in training."""
    resolution_m: float = 10.0
    trained_on: dict[str, Any] = field(default_factory=dict)

    @property
    def features(self) -> list[str]:
        """Names of the features, in the order in which the forest takes them."""
        return layout_of(self.bands).features

    def save(self, path: str | Path) -> None:
        """Write the model as .npz plus a JSON description; the same model gives the same bytes."""
        about = {
            "format": FORMAT,
            "bands": self.bands,
            "features": self.features,
            "trained_on": self.trained_on,
            **{name: getattr(self, name) for name in NUMBERS},
        }
        members = {"forest.json": (json.dumps(about, indent=1, sort_keys=True) + "\n").encode()}
        early = {f"early_{name}": array for name, array in self.early.arrays().items()}
        for name, array in {"gate": self.gate, **early, **self.trees.arrays()}.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
            members[f"{name}.npy"] = buffer.getvalue()
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                # ZipInfo's default date is 1980: no clock in the file
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, compresslevel=9)

    @classmethod
    def load(cls, path: str | Path) -> "Forest":
        """Read a model and check everything the kernels rely on. Raises ModelError if any of it does not hold."""
        try:
            about, arrays = _read(Path(path))
            _check(about)
            gate, trees = arrays["gate"], Trees(**{name: arrays[name] for name in ARRAYS})
            early = Trees(**{name: arrays[f"early_{name}"] for name in ARRAYS})
            layout = layout_of(about["bands"])
            trees.check(len(layout.features))
            early.check(len(layout.gate))
            if len(gate) != len(layout.gate) or np.isnan(gate).any():
                raise ValueError("its gate is damaged")
        except FileNotFoundError:
            raise ModelError(
                f"There is no screen model at {path}: check `screen.model`, or run `snakemake train`."
            ) from None
        except (*UNREADABLE, OSError, EOFError, ValueError, TypeError, KeyError, RuntimeError, ModelError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise ModelError(f"The screen model {path} cannot be used: {reason}. {REMEDY}") from None
        described = {name: about[name] for name in (*NUMBERS, "trained_on")}
        return cls(about["bands"], trees, gate, early, **described)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The forest's probability (pixel) float64 of `features` (pixel, feature) float32, whatever the gate says."""
        if features.ndim != 2 or features.shape[1] != len(self.features):
            raise ModelError(f"The forest takes {len(self.features)} features but was given {features.shape}: {REMEDY}")
        return self.trees.predict(features)

    def screen(
        self,
        pixels: np.ndarray,
        valid: np.ndarray,
        window: Window | None = None,
        threads: int = 1,
        origin: tuple[int, int] = (0, 0),
    ) -> np.ndarray:
        """Kiln probability (row, column) uint8, 255 = 1, of `pixels` (band, row, column) in the order of `bands`.

        `origin` is the column and the row of the first pixel on the UTM grid. `window` asks for a part of the array
        only: hand over `features.HALO` more pixels on every side that goes on. Invalid pixels get 0. Memory is bounded
        by blocks, one per thread. Raises ImageryError if the arrays do not fit together.
        """
        whole = window or (slice(0, valid.shape[0]), slice(0, valid.shape[1]))
        probability = np.zeros(valid.shape, np.uint8)
        scene = Scene(pixels, valid, self.bands, origin, threads)

        def part(place: Window) -> None:
            if valid[place].any():
                probability[place] = self.screen_block(scene, place)[0]

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, blocks(whole)))
        return probability[whole]

    def screen_block(self, scene: Scene, place: Window) -> tuple[np.ndarray, int, int]:
        """Probability of a block (row, column) uint8; how many pixels passed the gate, and the early trees."""
        block = scene.block(*place)
        out = np.empty(block.shape, np.uint8)
        asked, described = sieve(
            block.sums, block.squares, block.first, block.about, block.unit, block.spread, scene.layout.shaped,
            np.ascontiguousarray(scene.valid[place]), self.gate, self.early.walkable, self.doubt,
            self.trees.walkable, self.floor, len(scene.layout.features), out,
        )  # fmt: skip
        return out, asked, described


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        if set(sizes) != {"forest.json", *(f"{name}.npy" for name in MEMBERS)} or len(archive.infolist()) != len(sizes):
            raise ValueError("it was not written by this version of kilnscan")
        if sum(sizes.values()) > LARGEST:
            raise ValueError(f"it unpacks to more than {LARGEST >> 20} MB")
        about = json.loads(archive.read("forest.json"))
        return about, {name: _array(archive.read(f"{name}.npy"), name) for name in MEMBERS}


def _array(content: bytes, name: str) -> np.ndarray:
    """One .npy member; its header is believed only if it promises just the bytes that are there."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"its array `{name}` has an unknown format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype != np.dtype(MEMBERS[name]) or len(shape) != 1 or len(content) - stream.tell() != shape[0] * dtype.itemsize:
        raise ValueError(f"its array `{name}` is damaged")
    return np.frombuffer(content, dtype, offset=stream.tell())


def _check(about: dict[str, Any]) -> None:
    """Raise ValueError unless the description is complete and of this version's features."""
    wanted = {"format", "bands", "features", "trained_on", *NUMBERS}
    if not isinstance(about, dict) or set(about) != wanted or about["format"] != FORMAT:
        raise ValueError(f"it is not a `{FORMAT}` file")
    bands = about["bands"]
    if not isinstance(bands, list) or not bands or len(bands) > 128 or not all(isinstance(band, str) for band in bands):
        raise ValueError("its bands are not a list of names")
    if about["features"] != layout_of(bands).features:
        raise ValueError("its features are not those of this version of kilnscan")
    shares = (about["doubt"], about["floor"], about["operating_point"])
    if (
        not all(_number(value) and 0 <= value <= 1 for value in shares)
        or not _number(about["resolution_m"])
        or about["resolution_m"] <= 0
        or not isinstance(about["trained_on"], dict)
    ):
        raise ValueError("its description is damaged")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
