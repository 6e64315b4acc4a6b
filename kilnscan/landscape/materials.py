"""What the ground is made of: reflectance per band and day, and texture, of every material."""

from dataclasses import dataclass
from datetime import date

import numpy as np

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
FURROWS = 8
"""Directions of plough furrows, in steps of 22.5 degrees."""

# Texture of a surface seen at 0.5 m; FURROW + k is ploughed in direction k.
SMOOTH, GRAIN, CLUMPS, CANOPY, FURROW = 0, 1, 2, 3, 4
VARIANTS = 12

# name: reflectance in BANDS, texture, contrast of the texture, spread of brightness between variants
GROUND: dict[str, tuple[tuple[float, ...], int, float, float]] = {
    "soil": ((0.075, 0.100, 0.135, 0.200, 0.280, 0.245), CLUMPS, 0.30, 0.12),
    "bund": ((0.070, 0.095, 0.105, 0.220, 0.240, 0.190), GRAIN, 0.25, 0.10),
    "clay": ((0.125, 0.165, 0.215, 0.285, 0.355, 0.325), CLUMPS, 0.28, 0.12),
    "wet clay": ((0.070, 0.090, 0.110, 0.140, 0.150, 0.120), CLUMPS, 0.30, 0.12),
    "raw brick": ((0.110, 0.135, 0.165, 0.215, 0.270, 0.250), GRAIN, 0.30, 0.08),
    "brick": ((0.062, 0.082, 0.160, 0.205, 0.265, 0.245), GRAIN, 0.40, 0.14),
    "fresh brick": ((0.070, 0.105, 0.215, 0.265, 0.325, 0.295), GRAIN, 0.35, 0.12),
    "ash": ((0.085, 0.093, 0.102, 0.125, 0.165, 0.160), CLUMPS, 0.35, 0.16),
    "soot": ((0.038, 0.042, 0.050, 0.065, 0.090, 0.090), CLUMPS, 0.40, 0.15),
    "concrete": ((0.200, 0.220, 0.240, 0.270, 0.290, 0.270), SMOOTH, 0.15, 0.12),
    "asphalt": ((0.072, 0.080, 0.086, 0.110, 0.140, 0.130), SMOOTH, 0.15, 0.08),
    "track": ((0.130, 0.165, 0.205, 0.270, 0.340, 0.310), GRAIN, 0.25, 0.08),
    "river": ((0.070, 0.088, 0.075, 0.040, 0.016, 0.012), SMOOTH, 0.10, 0.05),
    "pond": ((0.042, 0.064, 0.048, 0.036, 0.020, 0.015), SMOOTH, 0.10, 0.25),
    "sand": ((0.185, 0.225, 0.265, 0.325, 0.400, 0.370), CLUMPS, 0.20, 0.06),
    "red roof": ((0.064, 0.080, 0.150, 0.190, 0.230, 0.215), GRAIN, 0.25, 0.18),
    "grey roof": ((0.130, 0.140, 0.150, 0.180, 0.200, 0.190), SMOOTH, 0.20, 0.25),
    "white roof": ((0.320, 0.330, 0.340, 0.360, 0.350, 0.320), SMOOTH, 0.12, 0.12),
    "blue roof": ((0.170, 0.145, 0.110, 0.200, 0.220, 0.200), SMOOTH, 0.12, 0.12),
    "greenhouse": ((0.270, 0.295, 0.290, 0.360, 0.330, 0.265), SMOOTH, 0.15, 0.10),
    "running track": ((0.058, 0.070, 0.175, 0.225, 0.245, 0.225), SMOOTH, 0.12, 0.12),
    "court": ((0.080, 0.105, 0.130, 0.190, 0.250, 0.220), GRAIN, 0.30, 0.10),
    "tree": ((0.026, 0.046, 0.030, 0.330, 0.150, 0.070), CANOPY, 0.55, 0.16),
    "shadow": ((0.018, 0.022, 0.022, 0.060, 0.045, 0.030), SMOOTH, 0.15, 0.10),
    "grass": ((0.042, 0.078, 0.062, 0.280, 0.210, 0.120), GRAIN, 0.30, 0.14),
}

# name: bare ground below, green cover at its peak, day of the peak (days after 1 January 2024), width in days
LEAF = np.array((0.028, 0.066, 0.034, 0.430, 0.205, 0.095))
BLOSSOM = np.array((0.040, 0.120, 0.115, 0.440, 0.220, 0.110))
CROPS: dict[str, tuple[tuple[float, ...], np.ndarray, float, float, float]] = {
    "wheat": ((0.075, 0.100, 0.135, 0.200, 0.280, 0.245), LEAF, 0.92, 48, 50),
    "mustard": ((0.080, 0.105, 0.140, 0.205, 0.285, 0.250), BLOSSOM, 0.85, 15, 40),
    "cane": ((0.070, 0.095, 0.120, 0.200, 0.260, 0.210), LEAF, 0.85, -30, 150),
    "vegetables": ((0.070, 0.092, 0.120, 0.190, 0.260, 0.220), LEAF, 0.60, 70, 60),
    "stubble": ((0.100, 0.140, 0.185, 0.265, 0.340, 0.270), LEAF, 0.15, -40, 40),
    "fallow": ((0.078, 0.105, 0.140, 0.205, 0.285, 0.250), LEAF, 0.12, 20, 80),
    "pale fallow": ((0.115, 0.150, 0.195, 0.265, 0.340, 0.305), LEAF, 0.05, 20, 80),
    "red plough": ((0.060, 0.082, 0.152, 0.205, 0.275, 0.250), LEAF, 0.04, 20, 80),
}


@dataclass(frozen=True)
class Palette:
    """Every material of a landscape, addressed by a code: an index into these arrays of equal length."""

    bare: np.ndarray
    """Reflectance without vegetation (code, band)."""
    leaf: np.ndarray
    """Reflectance of its vegetation (code, band)."""
    cover: np.ndarray
    """Green cover at the peak, 0..1."""
    peak: np.ndarray
    """Day of the peak, days after 1 January 2024."""
    span: np.ndarray
    """Days from the peak until the cover has fallen to 1/e."""
    texture: np.ndarray
    """Texture number."""
    contrast: np.ndarray
    """Strength of the texture: relative change of reflectance."""
    first: dict[str, int]
    """First code of each material: VARIANTS codes for ground, VARIANTS * FURROWS for crops."""

    def ground(self, name: str, variant: int = 0) -> int:
        """Code of a ground material."""
        return self.first[name] + int(variant) % VARIANTS

    def crop(self, name: str, variant: int, angle: float) -> int:
        """Code of a crop whose rows run at `angle` (radians, anticlockwise from east)."""
        furrow = round(angle / np.pi * FURROWS) % FURROWS
        return self.first[name] + (int(variant) % VARIANTS) * FURROWS + furrow

    def reflectance(self, day: date) -> np.ndarray:
        """Reflectance (code, band) on a day of the season."""
        age = ((day - date(2024, 1, 1)).days - self.peak) / self.span
        green = (self.cover * np.exp(-(age**2)))[:, None]
        return (self.bare + green * (self.leaf - self.bare)).astype(np.float32)


def make_palette(seed: int) -> Palette:
    """Draw the variants of every material: same table, different shades for every seed."""
    rng = np.random.default_rng([seed, 1])
    rows: list[tuple[np.ndarray, np.ndarray, float, float, float, int, float]] = []
    first: dict[str, int] = {}
    for name, (spectrum, texture, contrast, spread) in GROUND.items():
        first[name] = len(rows)
        for _ in range(VARIANTS):
            bare = _shade(rng, spectrum, spread)
            rows.append((bare, bare, 0.0, 0.0, 1.0, texture, contrast))
    for name, (spectrum, leaf, cover, peak, span) in CROPS.items():
        first[name] = len(rows)
        for _ in range(VARIANTS):
            bare, green = _shade(rng, spectrum, 0.14), _shade(rng, leaf, 0.10)
            cover_here = min(0.97, cover * rng.uniform(0.7, 1.15))
            peak_here, contrast = peak + rng.normal(0, 12), rng.uniform(0.14, 0.30)
            rows += [(bare, green, cover_here, peak_here, span, FURROW + k, contrast) for k in range(FURROWS)]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Palette(*columns, first=first)


def _shade(rng: np.random.Generator, spectrum: tuple[float, ...] | np.ndarray, spread: float) -> np.ndarray:
    """A brighter or darker spectrum, a little bluer or redder."""
    tilt = np.linspace(-1, 1, len(BANDS)) * rng.normal(0, spread / 4)
    return np.asarray(spectrum) * np.exp(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread) + tilt)
