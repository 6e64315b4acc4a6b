"""The same kiln in several atlases: one-to-one, as a whole the nearest, whatever the order of the rows."""

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kilnscan.config_change import Change
from kilnscan.merge import near_pairs

Places = tuple[np.ndarray, np.ndarray]
"""Longitudes and latitudes (n,) in degrees."""
Pairs = tuple[np.ndarray, np.ndarray]
"""Indexes (k,) into one set of places and into the other."""
KNOWN = {
    "id": "str", "lon": float, "lat": float, "type": "str", "score": float, "first_seen": "str", "last_seen": "str",
    "season": int,
}  # fmt: skip
"""Columns of what earlier atlases know, with their types."""


def same_kilns(now: Places, before: Places, standing: np.ndarray, config: Change) -> tuple[Pairs, np.ndarray]:
    """Pairs of kilns that are the same, and the metres (k,) between the two places of each.

    First come pairs within `config.match_m` (`nearest_pairs`), then those that moved (`moves`), which are only sought
    among the earlier kilns that are `standing` (mask): those of the last atlas.
    """
    mine, theirs = nearest_pairs(now, before, config.match_m)
    rest = np.flatnonzero(standing)
    new, old = moves(now, (before[0][rest], before[1][rest]), config.moved_m)
    fresh = ~np.isin(new, mine) & ~np.isin(rest[old], theirs)
    mine, theirs = np.concatenate([mine, new[fresh]]), np.concatenate([theirs, rest[old[fresh]]])
    return (mine, theirs), metres_between((now[0][mine], now[1][mine]), (before[0][theirs], before[1][theirs]))


def nearest_pairs(now: Places, before: Places, reach_m: float) -> Pairs:
    """One-to-one pairs closer than `reach_m` that minimise the sum of squared distances over all kilns.

    A kiln left alone costs as much as half a pair at `reach_m`, so that a pair is made wherever one can be, unless that
    spoils nearer ones. Squares make a row of kilns that is shifted as a whole match in its order. Kilns that are tied
    by chains of near pairs are solved together (Hungarian algorithm); equal solutions are told apart by place alone.
    """
    a, b, metres = _crossing(now, before, reach_m)
    if not len(a):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    count = len(now[0])
    size = count + len(before[0])
    graph = coo_array((np.ones(len(a)), (a, b + count)), shape=(size, size))
    group = connected_components(graph, directed=False)[1][a]
    order = np.argsort(group, kind="stable")
    pieces = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    solved = [_solve(a[piece], b[piece], metres[piece], now, before, reach_m) for piece in pieces]
    mine, theirs = (np.concatenate(side) for side in zip(*solved, strict=True))
    order = np.argsort(mine)
    return mine[order], theirs[order]


def _solve(a: np.ndarray, b: np.ndarray, metres: np.ndarray, now: Places, before: Places, reach_m: float) -> Pairs:
    """The best pairs among those of one group."""
    if len(a) == 1:
        return a, b
    rows, columns = np.unique(a), np.unique(b)
    rows = rows[np.lexsort((now[1][rows], now[0][rows]))]
    columns = columns[np.lexsort((before[1][columns], before[0][columns]))]
    cost = np.full((len(rows), len(columns)), reach_m**2)
    row, column = (dict(zip(side, range(len(side)), strict=True)) for side in (rows, columns))
    cost[[row[one] for one in a], [column[one] for one in b]] = metres**2
    i, j = linear_sum_assignment(cost)
    kept = cost[i, j] < reach_m**2
    return rows[i[kept]], columns[j[kept]]


def moves(now: Places, before: Places, reach_m: float) -> Pairs:
    """Pairs within `reach_m` of each other where no other kiln, of now or before, is so near to either of the two."""
    count = len(now[0])
    pairs, _ = near_pairs(*(np.concatenate(both) for both in zip(now, before, strict=True)), reach_m)
    neighbours = np.bincount(pairs.ravel(), minlength=count + len(before[0]))
    alone = (neighbours[pairs] == 1).all(axis=1) & (pairs[:, 0] < count) & (pairs[:, 1] >= count)
    return pairs[alone, 0], pairs[alone, 1] - count


def metres_between(one: Places, other: Places) -> np.ndarray:
    """Great-circle distances (k,) between places taken in pairs."""
    lam, phi = np.radians(one[0]) - np.radians(other[0]), np.radians(one[1]) - np.radians(other[1])
    middle = np.cos(np.radians(one[1])) * np.cos(np.radians(other[1]))
    return 2 * 6_371_008.8 * np.arcsin(np.sqrt(np.sin(phi / 2) ** 2 + middle * np.sin(lam / 2) ** 2))


def _crossing(now: Places, before: Places, reach_m: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of one place of now and one of before, closer than `reach_m`, with their distances."""
    count = len(now[0])
    pairs, metres = near_pairs(*(np.concatenate(both) for both in zip(now, before, strict=True)), reach_m)
    mixed = (pairs[:, 0] < count) & (pairs[:, 1] >= count) & (metres < reach_m)
    return pairs[mixed, 0], pairs[mixed, 1] - count, metres[mixed]


def known_kilns(atlases: Sequence[pd.DataFrame], config: Change) -> pd.DataFrame:
    """Every kiln of earlier atlases once, sorted by id, as the last atlas that has it tells: the columns `KNOWN`.

    `atlases` have all of these but `season`, the oldest first. `season` is the number of the last atlas that has it;
    the id is that of the first; `first_seen` the earliest day of all since it moved, `last_seen` that of the last.
    """
    known = pd.DataFrame({name: [] for name in KNOWN}).astype(KNOWN)
    for season, atlas in enumerate(atlases):
        atlas = atlas.sort_values(["lon", "lat", "id"], kind="stable").reset_index(drop=True)
        standing = (known["season"] == season - 1).to_numpy()
        (mine, theirs), metres = same_kilns(_places(atlas), _places(known), standing, config)
        old = known.iloc[theirs].reset_index(drop=True)
        rows = atlas.assign(season=season, id=names_for(atlas["id"], mine, old["id"], known["id"]))[list(KNOWN)]
        rows["first_seen"] = _first_seen(rows["first_seen"], mine, old["first_seen"], metres, config)
        unseen = (rows["last_seen"].iloc[mine] == "").to_numpy()
        rows.loc[mine[unseen], "last_seen"] = old["last_seen"].to_numpy()[unseen]
        absent = known.drop(index=known.index[theirs])
        both = pd.concat([part for part in (absent, rows) if len(part)] or [rows])
        known = both.astype(KNOWN).sort_values("id").reset_index(drop=True)
    return known


def names_for(own: pd.Series, mine: np.ndarray, old: pd.Series, taken: pd.Series) -> list[str]:
    """Ids of kilns: the `old` ones of the rows `mine`, for others their `own` unless it is `taken` or comes twice.

    Then it gets a number: a kiln that moved away keeps its name, so that another may stand where it is named after.
    """
    names = own.astype(str).tolist()
    matched = dict(zip(mine.tolist(), old, strict=True))
    used = {*taken, *old}
    for row in range(len(names)):
        if row in matched:
            names[row] = matched[row]
            continue
        name, number = names[row], 2
        while names[row] in used:
            names[row] = f"{name}-{number}"
            number += 1
        used.add(names[row])
    return names


def keep_names(
    kilns: gpd.GeoDataFrame, detections: gpd.GeoDataFrame, known: pd.DataFrame, seasons: int, config: Change
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The kilns and detections of the atlas with the ids by which earlier atlases, `seasons` of them, know the kilns.

    A kiln that stands where it stood was first seen when the first of them saw it; one that moved is seen there first
    by this run. Kilns are sorted by id.
    """
    standing = (known["season"] == seasons - 1).to_numpy()
    (mine, theirs), metres = same_kilns(_places(kilns), _places(known), standing, config)
    old = known.iloc[theirs]
    names = names_for(kilns["id"], mine, old["id"], known["id"])
    first = _first_seen(kilns["first_seen"], mine, old["first_seen"], metres, config)
    renamed = dict(zip(kilns["id"], names, strict=True))
    kiln = pd.array([renamed.get(name, "") for name in detections["kiln"]], dtype="str")
    kilns = kilns.assign(id=pd.array(names, dtype="str"), first_seen=pd.array(first, dtype="str"))
    return kilns.sort_values("id", kind="stable").reset_index(drop=True), detections.assign(kiln=kiln)


def _first_seen(days: pd.Series, mine: np.ndarray, old: pd.Series, metres: np.ndarray, config: Change) -> np.ndarray:
    """The first day of each kiln, with what earlier atlases say of the rows `mine`, save of those that moved."""
    first = days.astype(object).to_numpy(copy=True)
    for row, day, away in zip(mine, old, metres, strict=True):
        first[row] = earliest(first[row], day) if away < config.match_m else first[row]
    return first


def earliest(*days: str) -> str:
    """The first of several days (YYYY-MM-DD), empty ones left out."""
    return min(filter(None, days), default="")


def _places(table: pd.DataFrame) -> Places:
    return table["lon"].to_numpy(float), table["lat"].to_numpy(float)
