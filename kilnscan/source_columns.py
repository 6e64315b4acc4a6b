"""Which columns of one stranger's table hold what, and in which unit."""

from collections import defaultdict

from kilnscan.config_impact import Source
from kilnscan.errors import ConfigError, VectorError
from kilnscan.source_cells import harmless
from kilnscan.source_files import Row
from kilnscan.source_layouts import EMISSION_UNITS_T, EMISSIONS, FIELDS, LAYOUTS, MASS_T, POLLUTANTS, Layout, key

_GEM_KINDS = {
    "minename": "coal mine", "cementcapacitymillionsmetrictonnesperannum": "cement", "steelplantid": "steel",
    "nominalcrudesteelcapacityttpa": "steel", "coaltype": "coal power",
}  # fmt: skip


class Columns:
    """Which columns of one file hold what."""

    def __init__(self, config: Source, path: str, header: list[str]) -> None:
        """Raises ConfigError for a column that is missing or unknown, VectorError for one that is there twice."""
        self.layout: Layout = LAYOUTS[config.layout]
        self.config, self.path, self.header = config, path, header
        self._by_key: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(header):
            self._by_key[key(name)].append(place)
        self.places: dict[str, list[int]] = {}
        self.scales: dict[str, float | None] = {}
        for name, theirs in self.layout.columns.items():
            self._find(name, list(theirs))
        if config.layout in ("columns", "apad"):
            self._find_emissions()
        for name, theirs in config.columns.items():
            self._map(name, [theirs] if isinstance(theirs, str) else theirs)
        for name in self.layout.required:
            if name not in self.places:
                self._missing(" or ".join(self.layout.columns[name]))
        self.factors = {f"{p}_t": self._by_key[f"emf{p}"][0] for p in POLLUTANTS if self._by_key.get(f"emf{p}")}
        self.energy = (self._by_key.get("prodkw") or [None])[0]
        self.kind = next((kind for name, kind in _GEM_KINDS.items() if name in self._by_key), self.layout.kind)

    @property
    def located(self) -> bool:
        """Whether there are columns of coordinates."""
        return {"lat", "lon"} <= set(self.places) or "coordinates" in self.places

    def cell(self, row: Row, name: str) -> str:
        """The first filled cell of a field; "" if there is none."""
        cells = (row.cells[place].strip() for place in self.places.get(name, ()))
        return next((cell for cell in cells if cell), "")

    def require_coordinates(self) -> None:
        """Raise ConfigError if nothing says where the sources stand."""
        if not self.located:
            self._missing("latitude and longitude")

    def _find(self, name: str, theirs: list[str]) -> None:
        found = next((self._by_key[key(their)] for their in theirs if self._by_key.get(key(their))), None)
        if found:
            self.places[name] = [self._only(found)]
            if name in EMISSIONS:
                self.scales[name] = self.layout.scales.get(key(self.header[found[0]]), 1.0)

    def _find_emissions(self) -> None:
        for pollutant in POLLUTANTS:
            named = [(unit, scale) for unit, scale in EMISSION_UNITS_T.items() if self._by_key.get(pollutant + unit)]
            for unit, scale in named[:1]:
                self.places[f"{pollutant}_t"] = [self._only(self._by_key[pollutant + unit])]
                self.scales[f"{pollutant}_t"] = scale
            if not named and self.layout.infer_emissions and self._by_key.get(pollutant):
                self.places[f"{pollutant}_t"] = [self._only(self._by_key[pollutant])]
                self.scales[f"{pollutant}_t"] = None

    def _map(self, name: str, theirs: list[str]) -> None:
        pollutant, _, unit = name.rpartition("_")
        emission = pollutant in POLLUTANTS and unit in MASS_T
        if not emission and name not in FIELDS and name not in self.layout.columns:
            known = [*FIELDS, *EMISSIONS]
            raise ConfigError(
                f"`{self.config.section}.columns` has no {name!r}: it may name {', '.join(known)}, or _kt and _kg."
            )
        places = []
        for their in theirs:
            exact = [place for place, column in enumerate(self.header) if column.strip("\ufeff \t\xa0") == their]
            found = exact or self._by_key.get(key(their), [])
            places += [self._only(found)] if found else []
        if not places:
            self._missing(" or ".join(theirs))
        name = f"{pollutant}_t" if emission else name
        self.places[name] = places
        if emission:
            self.scales[name] = MASS_T[unit]

    def _only(self, found: list[int]) -> int:
        if len(found) > 1:
            name = harmless(self.header[found[0]], 60)
            raise VectorError(f"The source table {self.path} has two columns called {name!r}: rename one.")
        return found[0]

    def _missing(self, wanted: str) -> None:
        there = ", ".join(harmless(name, 60) for name in self.header[:100])
        raise ConfigError(
            f"The source table {self.path} has no column {wanted!r}; it has {there or 'none'}: set "
            f"`{self.config.section}.layout`, or name the column in `{self.config.section}.columns`."
        )
