"""What kilns emit in a year: ranges by Monte Carlo, per kiln and for areas.

Tonnes per kiln and year = factor per brick x bricks a year. A factor per kg of brick takes the mass of a brick to get
there, one per MJ the heat that a kg of brick needs too, one per kg of fuel the heat of the fuel as well; units are
carried by pint (kilnscan.emission_factors).

Draw k of every kiln is the same possible world. Which set of factors is right, how much fuel a brick takes and how many
bricks a country's kilns make on average are unknown, but they are the same for all kilns: where the factor is too low
for one it is too low for all. So emissions of many kilns are added draw by draw; adding up the lower ends of their
ranges would answer another question. Only how far a kiln's production lies from its country's average is its own; it
averages out in a sum, and with it a little of the range.
"""

import zlib
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.special import ndtri

from kilnscan.config_impact import Emissions
from kilnscan.emission_factors import (
    NEEDED,
    POLLUTANTS,
    UNITS,
    Activity,
    Factor,
    find,
    names_of,
    per_brick,
    read_activity,
    read_factors,
)

PERCENTILES = {"low": 2.5, "": 50.0, "high": 97.5}
DIGITS = 4  # significant
BLOCK = 128  # areas at once: 128 x 10,000 draws are 10 MB
COLUMNS = [f"{pollutant}_t{end}" for pollutant in POLLUTANTS for end in ("", "_low", "_high")]


class EmissionModel:
    """Draws of what kilns emit. The same tables, number of draws and seed give the same numbers."""

    def __init__(self, factors: list[Factor], activity: list[Activity], draws: int = 10_000, seed: int = 0) -> None:
        self.factors, self.activity, self.draws, self.seed = factors, activity, draws, seed
        self._means: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        self._drawn: dict[str, np.ndarray] = {}

    @classmethod
    def of(cls, config: Emissions) -> "EmissionModel":
        """The model that a configuration describes. Raises ConfigError if a table is missing or wrong."""
        return cls(read_factors(config.factors, config.sets), read_activity(config.activity), config.draws, config.seed)

    def kiln_draws(self, kiln_type: str, country: str, kilns: int = 1) -> dict[str, np.ndarray]:
        """Tonnes a year of so many kilns of a type in a country, by pollutant: float64 (draws,).

        `kiln_type` may be empty: a type is then drawn from all that the tables know, for all such kilns the same one,
        since nobody knows their mix. NaN where the tables have no factor or no production for the type.
        `country` is an ISO 3166 alpha-3 code or empty. Kilns of several types or countries: `sum_emissions`.
        """
        varied = np.array([self._variation(kiln_type, country)])
        means = self.mean_draws(kiln_type, country)
        return {name: self._total(np.array([[kilns]]), mean[None], varied)[0] for name, mean in means.items()}

    def mean_draws(self, kiln_type: str, country: str) -> dict[str, np.ndarray]:
        """Tonnes a year of an average kiln of a type in a country, by pollutant: float64 (draws,)."""
        key = (kiln_type.casefold(), country)
        if key not in self._means:
            of = self._mean if kiln_type else self._mean_of_any
            self._means[key] = {pollutant: of(pollutant, *key) for pollutant in POLLUTANTS}
        return self._means[key]

    def _mean(self, pollutant: str, kiln_type: str, country: str) -> np.ndarray:
        """One kiln of a known type. The set of factors is drawn with equal weight among those that tell of it.

        A factor tells where the activity table has all that leads from its unit to a brick.
        """
        drawn = {}
        for quantity in ("bricks", "brick_mass", "energy", "heat_value"):
            line = find(self.activity, quantity, kiln_type, country)
            if line is not None:
                drawn[quantity] = line.quantile(self._uniform(quantity))
        lines = [line for line in self._lines(pollutant, kiln_type) if drawn.keys() >= set(NEEDED[line.unit])]
        if not lines or "bricks" not in drawn:
            return np.full(self.draws, np.nan)
        heating = [drawn.get(quantity) for quantity in ("brick_mass", "energy", "heat_value")]
        grams = [per_brick(line.quantile(self._uniform(pollutant)), *heating) for line in lines]
        tonnes = [(gram * drawn["bricks"]).to(UNITS.tonne / UNITS.year).magnitude for gram in grams]
        return self._choose([f"set {line.set}" for line in lines], tonnes)

    def _mean_of_any(self, pollutant: str, kiln_type: str, country: str) -> np.ndarray:
        """One kiln of unknown type: a mixture of all types that have factors and production."""
        types = sorted({line.kiln_type.casefold() for line in self.factors})
        tonnes = {name: self.mean_draws(name, country)[pollutant] for name in types}
        known = [name for name in types if not np.isnan(tonnes[name]).any()]
        if not known:
            return np.full(self.draws, np.nan)
        return self._choose([f"type {name}" for name in known], [tonnes[name] for name in known])

    def _lines(self, pollutant: str, kiln_type: str) -> list[Factor]:
        """Factors of a type, or of what it falls back to when no set tells of it."""
        for name in names_of(kiln_type):
            lines = [f for f in self.factors if f.pollutant == pollutant and f.kiln_type.casefold() == name]
            if lines:
                return sorted(lines, key=lambda line: line.set)
        return []

    def _choose(self, names: list[str], values: list[np.ndarray]) -> np.ndarray:
        """In each draw one of the values, each as often as any other.

        Every name has a random rank in every draw, and the first wins: so where two types know the same sets, they use
        the same set in the same draw.
        """
        first = np.argmin([self._uniform(name) for name in names], axis=0)
        return np.asarray(values)[first, np.arange(self.draws)]

    def _variation(self, kiln_type: str, country: str) -> float:
        """Standard deviation over mean of the production of such kilns."""
        line = find(self.activity, "variation", kiln_type, country)
        return line.mode if line else 0.0

    def _total(self, counts: np.ndarray, means: np.ndarray, variation: np.ndarray) -> np.ndarray:
        """Tonnes of groups of kilns: (groups, draws).

        `counts` (groups, cells) are kilns of each cell, a type in a country; `means` (cells, draws) tonnes of an
        average kiln of it, `variation` (cells,) how its kilns differ. Production of a kiln follows a gamma distribution
        about the average, so that of n alike follows the gamma distribution of n times the shape; of unlike ones, the
        gamma distribution of the same mean and variance. Quantiles by Wilson and Hilferty (1931).
        """
        mean = counts @ means
        variance = (counts * variation**2) @ means**2
        inverse = np.divide(variance, mean**2, out=np.zeros_like(mean), where=mean > 0)  # 1 / shape
        normal = ndtri(self._uniform("kiln"))
        return mean * np.maximum(1 - inverse / 9 + normal * np.sqrt(inverse) / 3, 0) ** 3

    def _uniform(self, name: str) -> np.ndarray:
        """Random numbers in (0, 1) of their own for each name: a line more in a table changes no other's draws."""
        if name not in self._drawn:
            generator = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
            self._drawn[name] = generator.random(self.draws).clip(1e-12, 1 - 1e-12)
        return self._drawn[name]

    def sums(self, counts: pd.DataFrame) -> pd.DataFrame:
        """Emissions of groups of kilns: see `sum_emissions`."""
        if counts.empty:
            columns = {"kilns": "int64"} | dict.fromkeys(COLUMNS, "float64")
            columns |= {f"{pollutant}_left_out": "int64" for pollutant in POLLUTANTS}
            return pd.DataFrame(columns=list(columns), index=pd.Index([], name="group")).astype(columns)
        table = counts.pivot_table("kilns", "group", ["type", "country"], aggfunc="sum", fill_value=0)
        table = table.sort_index(axis=0).sort_index(axis=1)
        unique, member = np.unique(table.to_numpy(dtype="int64"), axis=0, return_inverse=True)
        means = [self.mean_draws(*cell) for cell in table.columns]
        variation = np.array([self._variation(*cell) for cell in table.columns])
        result, left_out = {"kilns": table.sum(axis=1).to_numpy("int64")}, {}
        for pollutant in POLLUTANTS:
            told = np.array([not np.isnan(mean[pollutant]).any() for mean in means], bool)
            known = np.stack([mean[pollutant] for mean in means])[told]
            ranges = np.full((len(unique), len(PERCENTILES)), np.nan)
            for start in range(0, len(unique), BLOCK):
                some = unique[start : start + BLOCK, told]
                totals = self._total(some, known, variation[told])
                ranges[start : start + BLOCK] = np.percentile(totals, list(PERCENTILES.values()), axis=1).T
            ranges[unique[:, told].sum(axis=1) == 0] = np.nan
            for end, column in zip(PERCENTILES, round_significant(ranges)[member].T, strict=True):
                result[_column(pollutant, end)] = column
            left_out[f"{pollutant}_left_out"] = unique[:, ~told].sum(axis=1)[member]
        return pd.DataFrame({**{name: result[name] for name in ("kilns", *COLUMNS)}, **left_out}, index=table.index)


def add_emissions(kilns: gpd.GeoDataFrame, config: Emissions, model: EmissionModel | None = None) -> gpd.GeoDataFrame:
    """Kilns with what each emits in a year: `pm25_t`, `pm25_t_low`, `pm25_t_high` in tonnes; so for so2, co, bc, co2.

    The median and the 95 % range (2.5th and 97.5th percentile), float64, 4 significant digits; NaN where the tables
    have no factor for the type. Needs the columns `type` (may be empty) and `country` (ISO 3166 alpha-3, may be empty);
    the CRS does not matter. Raises ConfigError if a table is missing or wrong.
    """
    model = model or EmissionModel.of(config)
    kinds = pd.DataFrame({"type": _text(kilns["type"]), "country": _text(kilns["country"])})
    cells = kinds.drop_duplicates().sort_values(["type", "country"])
    ranges = pd.DataFrame(
        [_ranges(model.kiln_draws(*cell)) for cell in cells.itertuples(index=False)], columns=COLUMNS, dtype="float64"
    )
    of_kiln = kinds.merge(cells.assign(row=np.arange(len(cells))), on=["type", "country"], how="left")["row"]
    values = ranges.to_numpy(dtype="float64")[of_kiln.to_numpy(dtype="int64")]
    return kilns.assign(**{column: values[:, number] for number, column in enumerate(COLUMNS)})


def count_kilns(kilns: pd.DataFrame, groups: Iterable[Any]) -> pd.DataFrame:
    """How many kilns of each type and country each group has: columns group, type, country, kilns.

    `groups` names the group of each kiln, in the order of the rows; kilns whose group is empty or NaN belong to none.
    """
    table = pd.DataFrame(
        {"group": list(groups), "type": _text(kilns["type"]).to_numpy(), "country": _text(kilns["country"]).to_numpy()}
    )
    table = table[table["group"].notna() & (table["group"] != "")]
    return table.groupby(["group", "type", "country"], sort=True).size().rename("kilns").reset_index()


def sum_emissions(counts: pd.DataFrame, config: Emissions, model: EmissionModel | None = None) -> pd.DataFrame:
    """What groups of kilns emit together in a year, in tonnes: one row per group, sorted by it.

    `counts` is what `count_kilns` gives: how many kilns of each type and country are in each group. Columns: `kilns`
    (int64), for each pollutant `pm25_t`, `pm25_t_low`, `pm25_t_high` as in `add_emissions`, and `pm25_left_out`
    (int64): kilns of types without factor, which the sum does not hold; where that is all of them the sum is NaN.
    Ranges come from sums of draws: they are no sums of ranges, and must not be added up either, but grouped anew.
    Raises ConfigError if a table is missing or wrong.
    """
    return (model or EmissionModel.of(config)).sums(counts)


def factor_sets(config: Emissions) -> list[dict[str, Any]]:
    """The sets of factors that emissions are drawn from: set, source, unit and pollutants, sorted by set and unit."""
    told: dict[tuple[str, str], dict[str, list[str]]] = {}
    for line in read_factors(config.factors, config.sets):
        entry = told.setdefault((line.set, line.unit), {"source": [], "pollutants": []})
        entry["source"] = list(dict.fromkeys([*entry["source"], line.source]))
        entry["pollutants"] = [name for name in POLLUTANTS if name in {*entry["pollutants"], line.pollutant}]
    return [
        {"set": name, "source": "; ".join(entry["source"]), "unit": unit, "pollutants": entry["pollutants"]}
        for (name, unit), entry in sorted(told.items())
    ]


def round_significant(values: np.ndarray, digits: int = DIGITS) -> np.ndarray:
    """Numbers rounded to so many significant digits; 0 and NaN stay."""
    values = np.asarray(values, float)
    rounded = [float(f"{value:.{digits}g}") for value in values.ravel()]
    return np.array(rounded, float).reshape(values.shape)


def _ranges(draws: dict[str, np.ndarray]) -> dict[str, float]:
    """The columns of one kiln."""
    told = {}
    for pollutant in POLLUTANTS:
        ends = round_significant(np.percentile(draws[pollutant], list(PERCENTILES.values())))
        told |= {_column(pollutant, end): value for end, value in zip(PERCENTILES, ends, strict=True)}
    return told


def _column(pollutant: str, end: str) -> str:
    return f"{pollutant}_t" + (f"_{end}" if end else "")


def _text(column: pd.Series) -> pd.Series:
    return column.astype("object").where(column.notna(), "").astype(str).reset_index(drop=True)
