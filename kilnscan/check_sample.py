"""The sample that people check: kilns of the atlas, and acquired land where more might stand; and what they said.

Drawn by lots that hang on the seed and the unit's own name, so that neither the tiling nor the order matters.
"""

import hashlib
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from kilnscan.audit import LEAST, luck
from kilnscan.config_sure import Estimate
from kilnscan.corrections import BOX, KILN, answering, near
from kilnscan.estimate import REVIEWED
from kilnscan.grid import transformer
from kilnscan.lattice import chip_holding
from kilnscan.review_marks import NOT_KILN, UNSURE

BANDS = 3  # strata of kilns by score
EMPTY, DOUBTED, HELD = "no kiln seen", "a box too faint to be a kiln", "beside a kiln of the atlas"
"""Strata of acquired chips by what the detector saw in them."""
EXPECTED = {EMPTY: 1.0, DOUBTED: 20.0, HELD: 4.0}
"""How often further kilns are expected in each, relative to the first: only the sample's efficiency hangs on it."""


def kiln_strata(score: np.ndarray, min_score: float) -> np.ndarray:
    """The stratum, a band of scores, of each kiln."""
    edges = np.linspace(min_score, 1, BANDS + 1)
    band = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, BANDS - 1)
    names = np.array([f"kiln scored {edges[k]:.2f} to {edges[k + 1]:.2f}" for k in range(BANDS)], object)
    return names[band]


def chips_of_places(lon: np.ndarray, lat: np.ndarray, epsg: np.ndarray) -> list[tuple[int, int, int]]:
    """The chip (epsg, i, j) that holds each place (degrees), in the zone told for it."""
    chips: list[tuple[int, int, int]] = [(0, 0, 0)] * len(lon)
    for code in sorted(set(np.asarray(epsg).tolist())):
        rows = np.flatnonzero(epsg == code)
        for row, x, y in zip(rows, *transformer(4326, code).transform(lon[rows], lat[rows]), strict=True):
            chips[row] = (code, *chip_holding(x, y))
    return chips


def land_strata(units: pd.DataFrame, holding: dict[tuple[int, int, int], str]) -> np.ndarray:
    """The stratum of each acquired chip (epsg, i, j); `holding` tells those of chips that hold a kiln or a box."""
    places = units[["epsg", "i", "j"]].itertuples(index=False, name=None)
    return np.array([holding.get(place, EMPTY) for place in places], dtype=object)


def draw_kilns(kilns: pd.DataFrame, stratum: np.ndarray, size: int, seed: int) -> dict[str, str]:
    """Ids of the kilns drawn, sorted, and their strata: shares as the strata's sizes, but at least some of each."""
    lots = np.array([hashlib.sha256(f"{seed} {name}".encode()).hexdigest() for name in kilns["id"]], dtype=object)
    chosen = _drawn(stratum, lots, size, {})
    return dict(sorted(zip(kilns["id"].to_numpy(object)[chosen], stratum[chosen], strict=True)))


def draw_land(units: pd.DataFrame, stratum: np.ndarray, size: int, seed: int) -> pd.DataFrame:
    """Acquired chips drawn: rows of `units` (epsg, i, j) with their `stratum`, sorted by place."""
    lots = luck(*(units[name].to_numpy() for name in ("epsg", "i", "j")), seed)
    chosen = _drawn(stratum, lots, size, EXPECTED) if size else np.empty(0, int)
    drawn = units.iloc[chosen].assign(stratum=stratum[chosen])
    return drawn.sort_values(["epsg", "j", "i"], ascending=[True, False, True]).reset_index(drop=True)


def _drawn(stratum: np.ndarray, lots: np.ndarray, size: int, expected: dict[str, float]) -> np.ndarray:
    """Rows of a stratified random sample, by Neyman's allocation for the rates `expected`."""
    names, counts = np.unique(stratum.astype(str), return_counts=True)
    weight = counts * np.sqrt([expected.get(name, 1.0) for name in names])
    wanted = np.minimum(counts, np.maximum(np.floor(size * weight / max(weight.sum(), 1e-9)).astype(int), LEAST))
    rows = [np.flatnonzero(stratum == name) for name in names]
    taken = [here[np.argsort(lots[here], kind="stable")[:many]] for here, many in zip(rows, wanted, strict=True)]
    return np.concatenate(taken) if taken else np.empty(0, int)


def judged(kilns: gpd.GeoDataFrame, decisions: gpd.GeoDataFrame | None) -> np.ndarray:
    """What reviews say of each kiln: 1 it is one, 0 it is none, NaN nothing; tables in EPSG:4326.

    As in kilnscan.corrections: a box speaks of the kiln within 50 m of it, an answered window of what is in its middle;
    what people are unsure of or dispute says nothing.
    """
    said = np.full(len(kilns), np.nan)
    if decisions is None or decisions.empty:
        return said
    settled = decisions[~decisions["disputed"]]
    boxes, whole = settled[settled["what"] == BOX], settled[settled["what"] != BOX]
    open_ = set(whole.loc[whole["decision"] != NOT_KILN, "window"]) | set(
        decisions.loc[decisions["disputed"], "window"]
    )
    said[answering(kilns, set(settled["window"]) - open_) != ""] = 0
    said[near(kilns, boxes[boxes["decision"] == UNSURE])] = np.nan
    said[near(kilns, boxes[boxes["decision"] == NOT_KILN])] = 0
    said[near(kilns, boxes[boxes["decision"] == KILN])] = 1
    return said


def with_answers(
    kilns: gpd.GeoDataFrame, min_score: float, drawn: dict[str, int | None], said: np.ndarray
) -> pd.DataFrame:
    """Stratum and `found` (1, 0, NaN) of each kiln, from the answers to those `drawn` and what reviews `said`.

    A kiln that reviews speak of was not chosen by lot: it is known and stands for no other, whether it was drawn, too,
    or not. If only those not drawn left their strata, the others would weigh too much there.
    """
    stratum = kiln_strata(kilns["score"].to_numpy(), min_score)
    answer = kilns["id"].map({name: value for name, value in drawn.items() if value is not None}).to_numpy(float)
    found = np.where(np.isnan(answer), said, answer)
    return pd.DataFrame({"stratum": np.where(np.isnan(said), stratum, REVIEWED), "found": found})


def draw_sample(
    kilns: gpd.GeoDataFrame, acquired: pd.DataFrame, min_score: float, settings: Estimate
) -> dict[str, Any]:
    """What is asked of people, as JSON: `kilns` of the atlas with their strata, and chips of acquired `land`.

    `acquired` are all acquired chips: epsg, i, j, stratum.
    """
    chosen = draw_kilns(kilns, kiln_strata(kilns["score"].to_numpy(), min_score), settings.kilns, settings.seed)
    land = draw_land(acquired, acquired["stratum"].to_numpy(object), settings.land, settings.seed)
    return {"kilns": chosen, "land": land[["epsg", "i", "j", "stratum"]].to_dict("records")}


def answers_needed(sample: dict[str, Any], most: int) -> dict[str, int]:
    """The ids of check.csv in its order, and the largest number each may be answered with."""
    return dict.fromkeys(sample["kilns"], 1) | {f"{c['epsg']}_{c['i']}_{c['j']}": most for c in sample["land"]}
