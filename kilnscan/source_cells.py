"""What a cell of a stranger's table says: number, list of capacities, status, year, or a text that does no harm."""

import math
import re
import unicodedata

from kilnscan.formulas import inert
from kilnscan.source_layouts import CAPACITY_UNITS, STATUS_ORDER, STATUSES, key

LONGEST = 200  # characters of a text that is kept
UNKNOWN = frozenset(
    {"", "-", "--", "?", ">0", "n/a", "na", "nan", "none", "null", "unknown", "not found", "not available", "tbd"}
)
_PLAIN = r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,3})?|[-+]?\.[0-9]+"
# thousands in threes (16,093.74), or as in South Asia (1,60,937.4)
_GROUPED = r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?|[-+]?[0-9]{1,2}(?:,[0-9]{2})*,[0-9]{3}(?:\.[0-9]*)?"
_NUMBER = re.compile(f"(?:{_PLAIN}|{_GROUPED})")
_QUANTITY = re.compile(f"({_GROUPED}|{_PLAIN})\\s*([A-Za-z][A-Za-z/ ]{{0,19}})?")
_YEAR = re.compile(r"(?<![0-9])(1[89][0-9]{2}|2[01][0-9]{2})(?![0-9])")
_OVERRIDES = dict.fromkeys([0x200E, 0x200F, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_INERT = str.maketrans("<>", "\u2039\u203a")  # angle quotation marks


def visible(text: str) -> str:
    """Text without control characters and marks that turn its direction, on one line."""
    text = text.translate(_OVERRIDES)
    return " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text).split())


def harmless(text: str, longest: int = LONGEST) -> str:
    """Visible text of at most `longest` characters that neither a spreadsheet nor a web page takes for orders.

    A first sign that would open a formula gets an apostrophe before it; < and > become single angle quotation marks.
    """
    text = visible(text[: 4 * longest]).translate(_INERT)
    text = inert(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def words(text: str) -> str:
    """A text as `harmless`, and nothing if it says that it is not known."""
    return "" if text.strip().casefold() in UNKNOWN else harmless(text)


def number(text: str) -> float:
    """A number as people write it, with or without thousands separators; NaN if unknown. Raises ValueError."""
    text = text.strip()
    if text.casefold() in UNKNOWN:
        return math.nan
    if len(text) > 40 or not _NUMBER.fullmatch(text):
        raise ValueError(f"{harmless(text, 40)!r} is no number")
    value = float(text.replace(",", ""))
    if not math.isfinite(value):
        raise ValueError(f"{harmless(text, 40)!r} is no usable number")
    return value


def quantities(text: str) -> tuple[list[float], str]:
    """Numbers of a cell that lists those of several units (`125, 125, 275`), and the unit it names ("" if none).

    A comma separates only before a space: `125,275` is one number. Raises ValueError.
    """
    values, units = [], set()
    for part in re.split(r";|,(?=\s)", text[:2000].strip()):
        if part.strip().casefold() in UNKNOWN:
            values.append(math.nan)
            continue
        found = _QUANTITY.fullmatch(part.strip())
        unit = "" if found is None or not found[2] else CAPACITY_UNITS.get(key(found[2]))
        if found is None or unit is None:
            raise ValueError(f"{harmless(part, 40)!r} is no number")
        values.append(number(found[1]))
        units.add(unit)
    if len(units) > 1:
        raise ValueError(f"{harmless(text, 40)!r} mixes units")
    return values, units.pop() if units else ""


def split_quantities(text: str) -> list[float]:
    """Numbers of a cell that has a comma between any two of them, with or without space; none if it is no such list."""
    parts = [part.strip() for part in text[:2000].split(",")]
    listed = len(parts) > 1 and all(re.fullmatch(r"[1-9][0-9]{0,5}(\.[0-9]+)?", part) for part in parts)
    return [float(part) for part in parts] if listed else []


def statuses(text: str) -> list[str]:
    """Our words for the statuses of a cell, one for each unit that it lists."""
    found = []
    for part in re.split(r"[;,]", text[:2000]):
        plain = " ".join("".join(c if c.isalnum() else " " for c in part.casefold().replace("-", "")).split())
        found.append(STATUSES.get(plain, harmless(plain, 40)))
    return found


def foremost(found: list[str]) -> str:
    """The status of a plant whose units have these: the one that comes first in `STATUS_ORDER`, then the first."""
    return next((status for status in STATUS_ORDER if status in found), found[0] if found else "")


def year(text: str) -> float:
    """The first year from 1800 to 2199 of a date; NaN if unknown. Raises ValueError."""
    if text.strip().casefold() in UNKNOWN:
        return math.nan
    found = _YEAR.search(text[:100])
    if not found:
        raise ValueError(f"{harmless(text, 40)!r} is no year")
    return float(found[0])
