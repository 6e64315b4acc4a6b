"""Whether kilns stand where rules allow: by distance, by date, and by how sure either is known.

A rule asks for a distance L. Measured is d, from a kiln's footprint to the nearest place on the map. Three things stand
between d and a verdict.

**Where things are.** The true distance differs from d by a normal error sigma (`position_error_m`; times the root of
two between kilns, which are both boxes of ours): P(seen) = Phi((L - d) / sigma) that it is below L.

**What the map lacks.** With the completeness c of the map, the places it lacks are taken as scattered at random
(a Poisson process), 1/c - 1 for each that it has. How dense the mapped ones are is told by n of them in the circle A
around the kiln (5 km, or twice the distance asked for). Given these, with Jeffreys' prior for their density, the land a
within L of the footprint holds no missing place with probability

    P(none) = (1 + (a / A) (1/c - 1)) ** -(n + 1/2),

which is exp(-a times the density of missing places) where n is large, and cautious where it is small. Together

    P = 1 - (1 - P(seen)) P(none).

**What is a kiln.** The score of a kiln is kept out of it: P is asked of something that is a kiln.

A rule is met where P <= 1 - `probable`. It is broken where P(seen) >= `probable`, that is by a place that can be
named, the rule binds this kiln (see `_verdicts`) and is trusted. All else is `unknown`, with the reason.
"""

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.special import ndtr

from kilnscan.config_impact import Exposure, Siting
from kilnscan.merge import EARTH_M, unit_vectors
from kilnscan.places import check_near
from kilnscan.siting_distance import area_within, nearest, pairs_within
from kilnscan.siting_places import Places, known_ages, plain_name, read_places
from kilnscan.siting_rules import Rule, read_rules
from kilnscan.tables import centres

STATUSES = ("", "meets", "grandfathered", "unknown", "breaks")
"""What a kiln is, the graver later."""
AROUND_M = 5000.0
MANY = {"clinic": "clinics", "city": "cities", "highway": "highways", "worship": "places of worship",
        "habitation": "habitation"}  # fmt: skip
COLUMNS = ["kiln", "rule", "status", "reason", "distance_m", "limit_m", "probability", "nearest"]


class Kilns:
    """What rules ask of kilns: shapes and places (degrees), jurisdiction, type, and age."""

    def __init__(self, kilns: gpd.GeoDataFrame, built: str | None) -> None:
        self.id = kilns["id"].to_numpy().astype(str)
        self.footprint = kilns.geometry.to_numpy()
        self.lon, self.lat = (kilns[name].to_numpy(dtype=float) for name in ("lon", "lat"))
        self.country, self.state, self.type = (_plain(kilns[name]) for name in ("country", "state", "type"))
        self.stood, self.absent = known_ages(kilns, built)

    def bound_by(self, rule: Rule) -> np.ndarray:
        """Indices of the kilns that a rule may bind: of its country, state and types, or of no known type."""
        bound = self.country == rule.country.casefold()
        if rule.state:
            bound &= self.state == _plain(pd.Series([rule.state]))[0]
        if rule.kiln_types:
            bound &= np.isin(self.type, ["", *rule.kiln_types.casefold().split()])
        if rule.applies_to == "existing":
            bound &= ~self.new_under(rule)
        return np.flatnonzero(bound)

    def old_under(self, rule: Rule) -> np.ndarray:
        """Whether each kiln (n,) is known to have stood before the rule came."""
        if rule.starts is None:
            return np.zeros(len(self.id), bool)
        return self.stood < np.datetime64(rule.starts[0])

    def new_under(self, rule: Rule) -> np.ndarray:
        """Whether each kiln (n,) is known to have been built after the rule came."""
        if rule.starts is None:
            return np.zeros(len(self.id), bool)
        return self.absent >= np.datetime64(rule.starts[1])


class Distances:
    """Distances (n,) from kilns to one kind of place: metres to the nearest, its name, and what the map may lack.

    `sure` are the distances to those that certainly count, others than `metres` only between kilns whose ages matter.
    """

    def __init__(self, metres: np.ndarray, name: np.ndarray, sigma: float, sure: np.ndarray | None = None) -> None:
        self.metres, self.name, self.sigma = metres, name, sigma
        self.sure = metres if sure is None else sure
        self.completeness, self.around_m, self.count = 1.0, AROUND_M, np.zeros(len(metres))


def check_siting(
    kilns: gpd.GeoDataFrame, config: Siting, exposure: Exposure, rules: list[Rule] | None = None
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Kilns with `siting` and `rules_broken`, and a row for each kiln and rule that may bind it.

    `kilns` are polygons in EPSG:4326 with id, type, lon, lat, country (ISO3), state, first_seen. `siting` is the
    gravest status of a kiln (breaks, unknown, grandfathered, meets), empty where no rule is known; `rules_broken`
    holds the ids of the rules it breaks, in the order of the table. The rows have the columns `COLUMNS`, sorted by
    kiln, then in the order of the rules: distance in whole metres (NaN where nothing lies within twice the largest
    distance that a rule asks for), the limit, the probability that the true distance is below it, and the name or id
    of what is nearest.

    `rules` instead of the table of the configuration. Raises ConfigError for a wrong table of rules, VectorError for a
    file of places or earlier kilns that cannot be used.
    """
    rules = [rule for rule in (read_rules(config.rules) if rules is None else rules) if rule.holds(config.day)]
    them = Kilns(kilns, config.built)
    places = read_places(config, exposure, check_near(them.lon, them.lat))
    bound = {rule.id: them.bound_by(rule) for rule in rules}
    rules = [rule for rule in rules if len(bound[rule.id])]
    distances = _all_distances(rules, them, places, config.position_error_m)
    parts = [_verdicts(rule, bound[rule.id], them, distances, config).assign(order=k) for k, rule in enumerate(rules)]
    table = pd.concat(parts, ignore_index=True) if parts else _empty()
    broken = table[table["status"] == "breaks"].groupby("row")["rule"].agg(" ".join)
    gravest = table["status"].map(STATUSES.index).groupby(table["row"]).max()
    kilns = kilns.assign(
        siting=np.array(STATUSES, dtype=object)[gravest.reindex(range(len(kilns)), fill_value=0).to_numpy(dtype=int)],
        rules_broken=broken.reindex(range(len(kilns)), fill_value="").to_numpy(dtype=object),
    )
    return kilns, table.sort_values(["kiln", "row", "order"])[COLUMNS].reset_index(drop=True)


def probability_near(
    metres: np.ndarray, limit_m: float, sigma_m: float, completeness: float, count: np.ndarray, share: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n,) that the nearest place on the map, and that any place, is nearer than the limit.

    `count` places of the map lie in a circle around the kiln, of which the land within the limit is the `share`. The
    formula is at the head of this module.
    """
    seen = ndtr((limit_m - metres) / sigma_m) if sigma_m > 0 else (metres < limit_m).astype(float)
    none = (1 + share * (1 / completeness - 1)) ** -(count + 0.5)
    return seen, 1 - (1 - seen) * none


def _all_distances(
    rules: list[Rule], kilns: Kilns, places: dict[str, Places], error_m: float
) -> dict[tuple[str, str], Distances]:
    """Distances by what a rule asks for and, between kilns, whom and since when it binds; none where data lack."""
    limits: dict[str, float] = {}
    for rule in rules:
        limits[rule.to] = max(limits.get(rule.to, 0), rule.distance_m or 0)
    found = {}
    for kind, limit in limits.items():
        if kind == "kiln":
            pairs = pairs_within(kilns.footprint, kilns.lon, kilns.lat, 2 * limit)
            found[kind, "all"] = _between_kilns(kilns, pairs, False, error_m)
            found[kind, "new"] = _between_kilns(kilns, pairs, True, error_m)
        elif kind in places and len(places[kind].geometry):
            found[kind, "all"] = found[kind, "new"] = _to_places(kilns, places[kind], limit, error_m)
    return found


def _to_places(kilns: Kilns, places: Places, limit_m: float, error_m: float) -> Distances:
    metres, index = nearest(kilns.footprint, kilns.lon, kilns.lat, places.geometry, 2 * limit_m)
    found = Distances(metres, np.where(index >= 0, places.name[index], ""), error_m)
    found.completeness, found.around_m = places.completeness, max(AROUND_M, 2 * limit_m)
    if places.completeness < 1:
        tree = cKDTree(unit_vectors(*centres(gpd.GeoSeries(places.geometry))))
        chord = 2 * np.sin(found.around_m / EARTH_M / 2)
        found.count = tree.query_ball_point(unit_vectors(kilns.lon, kilns.lat), chord, return_length=True)
    return found


def _between_kilns(
    kilns: Kilns, pairs: tuple[np.ndarray, np.ndarray, np.ndarray], first_stands: bool, error_m: float
) -> Distances:
    """Distance from each kiln to the nearest other; with `first_stands` only to those it may have been built next to.

    A kiln that did not stand yet on a day when the first one did is no reason why that one should not be there.
    """
    one, other, metres = pairs
    sure = np.full(len(kilns.id), np.inf)
    if first_stands:
        older = kilns.stood[other] <= kilns.absent[one]
        np.minimum.at(sure, one[older], metres[older])
        counts = ~(kilns.absent[other] >= kilns.stood[one])
        one, other, metres = one[counts], other[counts], metres[counts]
    order = np.lexsort((kilns.id[other], metres, one))
    who, first = np.unique(one[order], return_index=True)
    least, name = np.full(len(kilns.id), np.inf), np.full(len(kilns.id), "", dtype=object)
    least[who] = metres[order][first]
    name[who] = [plain_name(str(kiln)) for kiln in kilns.id[other[order][first]]]
    return Distances(least, name, error_m * np.sqrt(2), sure if first_stands else None)


def _verdicts(
    rule: Rule, bound: np.ndarray, kilns: Kilns, distances: dict[tuple[str, str], Distances], config: Siting
) -> pd.DataFrame:
    """Rows of one rule for the kilns it may bind: their index as `row`, and the columns of the table.

    A rule for all kilns, or existing ones (unless known to be new), binds as it stands. A rule for new ones binds a
    kiln that is known to have been built after it came; one that is known to have stood before is grandfathered where
    it would break the rule or nearly so; of others it is unknown. Between kilns, it binds the one that came later.
    """
    rows = pd.DataFrame({"row": bound, "kiln": kilns.id[bound].astype(object), "rule": rule.id})
    found = distances.get((rule.to, "new" if rule.applies_to == "new" else "all"))
    if rule.distance_m is None or found is None:
        reason = "no distance is known" if rule.distance_m is None else f"no data on {MANY.get(rule.to, rule.to + 's')}"
        missing = {"distance_m": np.nan, "limit_m": rule.distance_m or np.nan, "probability": np.nan, "nearest": ""}
        return rows.assign(status="unknown", reason=reason, **missing)
    limit, metres = rule.distance_m, found.metres[bound]
    share = area_within(kilns.footprint[bound], kilns.lat[bound], limit) / (np.pi * found.around_m**2)
    seen, near = probability_near(metres, limit, found.sigma, found.completeness, found.count[bound], share)
    sure, _ = probability_near(found.sure[bound], limit, found.sigma, 1, found.count[bound], share)
    new = rule.applies_to == "new"
    age = f"built before or after {rule.valid_from}" if rule.valid_from else "built before or after the rule came"
    tests = [
        (near <= 1 - config.probable, "meets", ""),
        (new & kilns.old_under(rule)[bound], "grandfathered", f"stood before {rule.valid_from}"),
        (seen <= 1 - config.probable, "unknown", "the map may lack a place within the distance"),
        (seen < config.probable, "unknown", "too near the limit to tell"),
        (rule.confidence not in config.trusted, "unknown", f"how the rule is known: {rule.confidence}"),
        (bool(rule.kiln_types) & (kilns.type[bound] == ""), "unknown", "type of the kiln not known"),
        (new & ~kilns.new_under(rule)[bound], "unknown", f"not known whether {age}"),
        (sure < config.probable, "unknown", "not known which kiln stood first"),
    ]
    conditions = [np.broadcast_to(test, len(bound)) for test, _, _ in tests]
    return rows.assign(
        status=np.select(conditions, [status for _, status, _ in tests], "breaks").astype(object),
        reason=np.select(conditions, [reason for _, _, reason in tests], "").astype(object),
        distance_m=np.where(np.isfinite(metres), np.round(metres), np.nan),
        limit_m=limit,
        probability=np.round(near, 4),
        nearest=found.name[bound],
    )


def _plain(names: pd.Series) -> np.ndarray:
    """Names (n,) without case and needless spaces; empty where there is none."""
    words = [name.casefold().split() if isinstance(name, str) else [] for name in names]
    return np.array([" ".join(word) for word in words], dtype=object)


def _empty() -> pd.DataFrame:
    numbers = {name: np.empty(0) for name in ("distance_m", "limit_m", "probability")}
    words = {name: np.empty(0, dtype=object) for name in ("kiln", "rule", "status", "reason", "nearest")}
    return pd.DataFrame({"row": np.empty(0, np.int64), "order": np.empty(0, np.int64), **words, **numbers})
