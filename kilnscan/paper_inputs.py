"""What a paper was made from, as hashes; and whether that is still what it is made from."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kilnscan.errors import ConfigError
from kilnscan.files import content_name, digest
from kilnscan.shipped import portable

PARTS = {
    "scenes": "the scenes of tile",
    "files": "the file",
    "config": "the section of the configuration",
}
MOST_NAMED = 5


def inputs_of(
    config: Mapping[str, Any], scenes: Iterable[Mapping[str, Any]], files: Mapping[str, str], data: str = ""
) -> dict[str, dict[str, str]]:
    """Hashes of what a run computes from: sections of the configuration, the tiles' scene lists, files from outside.

    `files` says of each file, as the configuration names it, where it lies now.

    Paths below the folder `data` (config `data`) are written with {data}, so that it may lie anywhere, and files of
    kilnscan's own as in its folder. Of files over 64 MiB samples count (`content_name`).
    """
    return {
        "config": {name: digest(portable(section, data)) for name, section in config.items() if name != "data"},
        "scenes": {entry["tile"]["id"]: entry["fingerprint"] for entry in scenes},
        "files": {portable(name, data): content_name(path) for name, path in sorted(files.items())},
    }


def read_named(path: str, key: str) -> Any:
    """Content of a JSON file of the user's that `key` names. Raises ConfigError if it is none."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"`{key}` names {path}, which is no JSON ({error}): name another file.") from error


def check_frozen(now: Mapping[str, Mapping[str, str]], frozen: object, path: str) -> None:
    """Raise ConfigError, naming what differs, unless a run is made from what the file `path` holds."""
    if not isinstance(frozen, dict) or not all(isinstance(frozen.get(part), dict) for part in PARTS):
        raise ConfigError(f"{path} does not say what a paper was made from: copy `inputs.json` of a run there.")
    changed = [
        f"{words} {name} {_how(now[part].get(name), frozen[part].get(name))}"
        for part, words in PARTS.items()
        for name in sorted({*now[part], *frozen[part]})
        if now[part].get(name) != frozen[part].get(name)
    ]
    if changed:
        more = f", and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
        raise ConfigError(
            f"The paper was frozen from other inputs than these ({path}): {'; '.join(changed[:MOST_NAMED])}{more}. "
            "Bring back what it was made from; or, if the change is meant, take `paper.frozen` out, run, copy the new "
            "`inputs.json` there, and name it again."
        )


def _how(now: str | None, then: str | None) -> str:
    return "is new" if then is None else "is gone" if now is None else "has changed"
