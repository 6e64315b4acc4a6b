"""Areas by name: countries and continents, from the generalised boundaries of facts/countries.geojson."""

import difflib
import json
import unicodedata
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from kilnscan.errors import AreaError

BOUNDARIES = Path(__file__).parents[1] / "facts" / "countries.geojson"


def read_countries(names: list[str]) -> BaseGeometry:
    """Land in EPSG:4326 of countries, by ISO 3166 alpha-3 code or English name, and of continents or regions of the UN.

    Case and accents do not matter. Raises AreaError for a name that is not known, with those that are nearest to it.
    """
    features = json.loads(BOUNDARIES.read_text(encoding="utf-8"))["features"]
    known = _index([feature["properties"] for feature in features])
    chosen: set[int] = set()
    for name in names:
        if _plain(name) not in known:
            raise AreaError(
                f"`region.countries` names {name!r}, which facts/countries.geojson does not know"
                f"{did_you_mean(name, [name for name, _ in known.values()])}: give an ISO 3166 alpha-3 code, "
                "the English name of a country, or a continent."
            )
        chosen |= known[_plain(name)][1]
    return shapely.union_all([shapely.geometry.shape(features[index]["geometry"]) for index in sorted(chosen)])


def did_you_mean(name: str, names: list[str]) -> str:
    """Words that suggest those of `names` that are like `name`; none if none is."""
    spelt = {_plain(known): known for known in names}
    near = difflib.get_close_matches(_plain(name), spelt, n=3)
    return f" (did you mean {' or '.join(spelt[plain] for plain in near)}?)" if near else ""


def _index(countries: list[dict]) -> dict[str, tuple[str, set[int]]]:
    """By plain name: a name as it is written and the rows it stands for; a country goes before a region."""
    known: dict[str, tuple[str, set[int]]] = {}
    for keys in (("name", "long_name", "iso3"), ("regions",)):
        taken = set(known)
        for index, country in enumerate(countries):
            for value in (country[key] for key in keys):
                for name in filter(None, value if isinstance(value, list) else [value]):
                    if _plain(name) not in taken:
                        known.setdefault(_plain(name), (name, set()))[1].add(index)
    return known


def _plain(name: str) -> str:
    """A name without case, accents and signs."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)).split())
