"""From what the two stages say of a place to the probability that it is a kiln.

A logistic regression (Platt scaling with two inputs: the logits of the detector's and of the screen's score), fitted to
places of regions that neither model had seen. A file of plain numbers, `<models>-calibration.json`.
"""

from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kilnscan.errors import ModelError
from kilnscan.evaluate import match
from kilnscan.files import write_json
from kilnscan.tables import centres

LARGEST_FILE = 1 << 16  # bytes
LEAST, MOST = 0.01, 0.99  # scores beyond say no more than these
BINS = 5
Weight = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class Calibration(BaseModel):
    """The regression, and how well it did on regions that it was not fitted to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field("kilnscan calibration 1", pattern="^kilnscan calibration 1$")
    intercept: float = Field(ge=-100, le=100, allow_inf_nan=False)
    detector: Weight
    screen: Weight
    fitted_on: dict[str, tuple[int, int]] = {}
    """Region: places, and how many of them are kilns."""
    left_out: dict[str, float] = {}
    """Mean squared error (Brier score) on each region when fitted on the others."""
    reliability: list[tuple[float, float, int]] = []
    """Of places of left-out regions, in equal groups: mean probability, share that are kilns, how many."""

    def probability(self, detector: np.ndarray, screen: np.ndarray) -> np.ndarray:
        """Probability (N,) of places by the detector's (N,) and the screen's score (N,), both 0 to 1."""
        return 1 / (1 + np.exp(-(self.intercept + self.detector * _logit(detector) + self.screen * _logit(screen))))


def read_calibration(path: str | Path) -> Calibration:
    """A calibration file. Raises ModelError if it is missing or not one."""
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError(f"{path} is larger than any calibration: check `atlas.calibration`.")
        return Calibration.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"The calibration {path} cannot be read ({error.strerror}): check the path.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ModelError(
            f"{path} is no calibration ({place}: {first['msg']}): fetch or make it again (docs/detector.md)."
        ) from None


def write_calibration(path: str | Path, calibration: Calibration) -> None:
    """Write a calibration file, atomically."""
    write_json(path, calibration.model_dump(mode="json"))


def _logit(score: np.ndarray) -> np.ndarray:
    clipped = np.clip(np.asarray(score, float), LEAST, MOST)
    return np.log(clipped / (1 - clipped))


def places_of(detections: gpd.GeoDataFrame, reference: gpd.GeoDataFrame, distance_m: float = 50) -> dict[str, Any]:
    """What was said of each place of a region, and whether it is a kiln: arrays detector, screen, kiln.

    `detections` are the atlas's (EPSG:4326); a place is a kiln if it matches one of the reference, one to one.
    """
    places = detections[detections["keeper"] & (detections["owner"] != "")]
    found, _ = match(places["lon"].to_numpy(), places["lat"].to_numpy(), *centres(reference.geometry), distance_m)
    kiln = np.zeros(len(places), bool)
    kiln[found] = True
    return {"detector": places["score"].to_numpy(), "screen": places["screen_score"].to_numpy(), "kiln": kiln}


def fit_calibration(regions: dict[str, dict[str, Any]]) -> Calibration:
    """A calibration fitted to the places (`places_of`) of all regions, checked with each left out in turn.

    Raises ModelError if all places are kilns, or none is.
    """
    parts = sorted(regions.items())
    weights = _fit([places for _, places in parts])
    left_out, told, true = {}, [], []
    for name, places in parts if len(parts) > 1 else []:
        others = Calibration(**_fit([other for other_name, other in parts if other_name != name]))
        probability = others.probability(places["detector"], places["screen"])
        left_out[name] = round(float(np.mean((probability - places["kiln"]) ** 2)), 4) if len(probability) else 0.0
        told.append(probability)
        true.append(places["kiln"])
    return Calibration(
        **weights,
        fitted_on={name: (len(places["kiln"]), int(places["kiln"].sum())) for name, places in parts},
        left_out=left_out,
        reliability=_reliability(np.concatenate(told), np.concatenate(true)) if told else [],
    )


def _fit(parts: list[dict[str, Any]]) -> dict[str, float]:
    """Weights by maximum likelihood, slightly drawn to 0; regions count as they are."""
    from sklearn.linear_model import LogisticRegression  # a second to import, and only training needs it

    inputs = np.concatenate([np.column_stack([_logit(part["detector"]), _logit(part["screen"])]) for part in parts])
    kiln = np.concatenate([part["kiln"] for part in parts])
    if kiln.all() or not kiln.any():
        raise ModelError("Scores cannot be calibrated: the places are all kilns, or none of them is.")
    used = np.ones(2, bool)
    while True:
        model = LogisticRegression(C=10.0).fit(inputs * used, kiln)
        weights = model.coef_[0] * used
        if (weights >= 0).all():
            fitted = np.round([model.intercept_[0], *weights], 4).tolist()
            return dict(zip(("intercept", "detector", "screen"), fitted, strict=True))
        used[weights.argmin()] = False  # what speaks against a kiln by scoring it high is left out


def _reliability(told: np.ndarray, true: np.ndarray) -> list[tuple[float, float, int]]:
    order = np.argsort(told, kind="stable")
    groups = [group for group in np.array_split(order, BINS) if len(group)]
    return [(round(float(told[g].mean()), 4), round(float(true[g].mean()), 4), len(g)) for g in groups]
