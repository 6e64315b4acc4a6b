"""Languages of the web map: dictionaries are read, checked against English, and handed to the page as data."""

import json
import re
from pathlib import Path
from typing import Any

from kilnscan.config_impact import Map
from kilnscan.errors import ConfigError

LANGUAGES = Path(__file__).parent.parent / "site" / "languages"
"""Dictionaries that come with kilnscan: `<language>.json`; `en.json` has every key."""

Words = dict[str, str | dict[str, str]]

CATEGORIES = {"zero", "one", "two", "few", "many", "other"}  # of Unicode CLDR, as Intl.PluralRules names them
RIGHT_TO_LEFT = {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"}
MOST_BYTES = 1_000_000


def words(settings: Map) -> dict[str, Any]:
    """The languages that a map offers, each with all words: `{"first": "en", "languages": [{code, name, dir, words}]}`.

    What a dictionary lacks is said in English. Raises ConfigError if a dictionary is missing, or is not one.
    """
    english = _shipped("en") or {}
    return {
        "first": settings.language,
        "languages": [_language(code, settings.dictionaries.get(code), english) for code in settings.languages],
    }


def _language(code: str, path: str | None, english: Words) -> dict[str, Any]:
    shipped = _shipped(code)
    if shipped is None and path is None:
        raise ConfigError(
            f"`map.languages` offers {code!r}, for which there is no dictionary: name one in `map.dictionaries` "
            "or leave the language out."
        )
    own = {**(shipped or {}), **(read_dictionary(path, english) if path else {})}
    return {
        "code": code,
        "name": own.get("language", code),
        "dir": "rtl" if code.split("-")[0] in RIGHT_TO_LEFT or "-Arab" in code else "ltr",
        "words": {**english, **own},
    }


def _shipped(code: str) -> Words | None:
    path = LANGUAGES / f"{code}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def read_dictionary(path: str | Path, english: Words) -> Words:
    """A dictionary of somebody else's: JSON of some of the keys of `english`, each with text or, where English has
    plural forms, text by plural category.

    Raises ConfigError if it cannot be read, has a key or placeholder that English lacks, or holds anything but text.
    """
    try:
        content = Path(path).read_bytes()
        if len(content) > MOST_BYTES:
            raise ConfigError(
                f"The dictionary {path} has more than {MOST_BYTES} bytes: it is no dictionary of the map."
            )
        found = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"The dictionary {path} cannot be read as JSON: {error}; lay it out as {LANGUAGES}/en.json."
        ) from None
    if not isinstance(found, dict):
        raise ConfigError(f"The dictionary {path} is no object of keys and texts: lay it out as {LANGUAGES}/en.json.")
    for key, value in found.items():
        _check(str(path), key, value, english)
    return found


def _check(path: str, key: str, value: Any, english: Words) -> None:
    if key not in english:
        raise ConfigError(f"The dictionary {path} has the key {key!r}, which the map does not know: remove it.")
    if isinstance(english[key], dict):
        if not (isinstance(value, dict) and "other" in value and set(value) <= CATEGORIES):
            raise ConfigError(
                f"The dictionary {path} needs plural forms at {key!r}: an object with `other` and what else of "
                f"{', '.join(sorted(CATEGORIES))} the language has."
            )
        texts = list(value.values())
    else:
        texts = [value]
    if not all(isinstance(text, str) and text for text in texts):
        raise ConfigError(f"The dictionary {path} has something other than text at {key!r}: write the words there.")
    strange = {name for text in texts for name in placeholders(text)} - placeholders(english[key])
    if strange:
        raise ConfigError(
            f"The dictionary {path} has {{{min(strange)}}} at {key!r}, which the map cannot fill: use English's names."
        )


def placeholders(value: str | dict[str, str]) -> set[str]:
    """Names in braces, in the text or any of its plural forms."""
    texts = value.values() if isinstance(value, dict) else [value]
    return {name for text in texts for name in re.findall(r"\{(\w+)\}", text)}
