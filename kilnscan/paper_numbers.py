"""Numbers that stand in a paper's text by themselves, and how numbers of the run are written for people."""

import re
from collections.abc import Mapping
from typing import Any

_QUOTED = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
PLACEHOLDER = re.compile(
    rf"\{{\{{(?>{_QUOTED}|[^}}]|\}}(?!\}}))*+\}}\}}|\{{%(?>{_QUOTED}|[^%]|%(?!\}}))*+%\}}|\{{#.*?#\}}", re.DOTALL
)
"""What Jinja fills in or obeys; what looks like an end inside quotes is none."""
NO_TEXT = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|<[^>\n]*>|https?://\S+", re.DOTALL)
"""Code, and addresses."""
NAMES = re.compile(r"\b\w*[^\W\d_]\w*(?:[-.]\w+)*|(?<=[^\W\d_]-)\d+\b")
"""Words that hold a letter: Sentinel-2, PM2.5, F1."""
YEAR = re.compile(
    r"\b(?:[A-Z]\w*|after|and|before|between|during|from|in|since|to|until) \(?(?:19|20)\d\d\b\)?"
    r"|\((?:[^()]*\s)?(?:19|20)\d\d\)"
)
"""The year of a citation, or of some time: Guttikunda 2014, (Weyant et al. 2014), since 2019; not: found 2019."""
REFERENCES = re.compile(r"^#+ References[ \t]*$", re.MULTILINE)
NUMBER = re.compile(r"\d(?:[\d., ]*\d)?\s*%?")
SEEN = re.compile(r"(?:\b(?:table|tab|figure|fig)s?\b\.?\s*)$", re.IGNORECASE)
"""Words before a number that was meant as a reference."""


def loose_numbers(text: str) -> list[tuple[int, str]]:
    """Numbers that stand in a text by themselves: line and what stands there. Below REFERENCES they may.

    A number after the word Table or Figure is told with that word.
    """
    found = []
    text = REFERENCES.split(text, maxsplit=1)[0]
    for pattern in (PLACEHOLDER, NO_TEXT):
        text = pattern.sub(_blank, text)
    words = text.split("\n")
    for pattern in (YEAR, NAMES):
        text = pattern.sub(_blank, text)
    for number, (line, whole) in enumerate(zip(text.split("\n"), words, strict=True), 1):
        # the number of a heading or of a list's entry may stand
        bare = re.sub(r"^\s*(?:#+\s+)?\d+[.)]\s", lambda match: " " * len(match[0]), line)
        for match in NUMBER.finditer(bare):
            before = SEEN.search(whole[: match.start()])
            found.append((number, ((before[0] if before else "") + match[0]).strip()))
    return found


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "\0", match[0])  # no space: numbers on both sides stay two


def number(value: float, digits: int = 0) -> str:
    """A number with commas between thousands; `digits` after the point, or significant ones where it is below 1."""
    _check(value, "number")
    return f"{value:,.{digits}f}" if digits or abs(value) >= 1 or value == 0 else f"{value:.2g}"


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage."""
    _check(share, "percent")
    return f"{100 * share:.{digits}f} %"


def interval(measured: Mapping[str, Any], digits: int | None = None) -> str:
    """A measured value with its 95 % interval: `value`, `ci95`.

    Without `digits` a share has three after the point, and what counts something none: a whole number, or one whose
    ends are whole and above 1. Raises ValueError, in words for the text's author, for what is no such value.
    """
    if not isinstance(measured, Mapping):
        str(measured)  # what is not there says so itself
    if not isinstance(measured, Mapping) or not {"value", "ci95"} <= set(measured):
        raise WordsError("uses `interval`, which writes what holds `value` and `ci95`, and this does not")
    if measured["value"] is None or measured["ci95"] is None:
        raise WordsError("uses `interval` where there is nothing to write: the run could not measure this")
    told = [measured["value"], *measured["ci95"]]
    if len(told) != 3 or not all(_is_number(part) for part in told):
        raise WordsError("uses `interval`, which needs a number in `value` and two in `ci95`, and here one is missing")
    digits = digits if digits is not None else 0 if _counts(told) else 3
    value, low, high = (f"{part:,.{digits}f}" for part in told)
    return f"{value} (95 % interval {low} to {high})"


class WordsError(ValueError):
    """What a filter or function of a text says to its author in whole words."""


def _counts(told: list[float]) -> bool:
    return isinstance(told[0], int) or (max(told) > 1 and all(float(part).is_integer() for part in told))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check(value: object, name: str) -> None:
    if not _is_number(value):
        str(value)  # what is not there says so itself
        what = "nothing: the run has no value there" if value is None else f"no number, but {_kind(value)}"
        raise WordsError(f"uses `{name}`, which writes a number, and this is {what}")


def _kind(value: object) -> str:
    return {"str": "words", "dict": "several values", "list": "a list", "bool": "true or false"}.get(
        type(value).__name__, "something else"
    )
