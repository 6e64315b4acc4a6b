"""What a paper was made from; and whether that is still what it is made from."""

import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kilnscan import __version__
from kilnscan.config_parts import is_remote
from kilnscan.errors import ConfigError
from kilnscan.files import content_name, digest, sha256_file
from kilnscan.provenance import PACKAGES, versions
from kilnscan.shipped import ROOT, portable

Inputs = dict[str, dict[str, Any]]

PARTS = {"config": "", "scenes": "the scenes of tile ", "files": "the file "}
TOOLS = "made_with"
DRAWN_WITH = ("jinja2", "markdown", "matplotlib", "pandas", "pyproj")
"""Packages that write a paper, besides those that make the atlas."""
MOST_NAMED = 20
LONGEST = 60
OPEN = ("region.name", "region.title", "public.")
HIDDEN = "sha256:"
"""How a value of the configuration begins that stands as its hash."""


def inputs_of(
    config: Mapping[str, Any], scenes: Iterable[Mapping[str, Any]], files: Mapping[str, str], data: str = ""
) -> Inputs:
    """What a run computes from, and with what.

    `config` holds the keys of the configuration by their dotted paths, with values; `scenes` and `files` hashes of the
    tiles' scene lists and of files from outside; `made_with` versions of kilnscan, Python and packages, and the hash of
    requirements.lock.

    `files` says of each file, as the configuration names it, where it lies now.

    Paths below the folder `data` (config `data`) are written with {data}, so that it may lie anywhere, and files of
    kilnscan's own as in its folder. Of files over 64 MiB samples count (`content_name`).
    """
    told = portable({name: section for name, section in config.items() if name != "data"}, data)
    return {
        "config": dict(sorted(_keys(told))),
        "scenes": {entry["tile"]["id"]: entry["fingerprint"] for entry in scenes},
        "files": {portable(name, data): content_name(path) for name, path in sorted(files.items())},
        TOOLS: {
            "kilnscan": __version__,
            "python": platform.python_version(),
            "packages": versions(sorted({*PACKAGES, *DRAWN_WITH})),
            "requirements.lock": sha256_file(ROOT / "requirements.lock"),
        },
    }


def for_the_record(inputs: Inputs, *, public: bool = False) -> Inputs:
    """`inputs` as a file may tell them: links that carry a query, perhaps a key, stand as their hashes.

    With `public` so do all values of the configuration that the public edition of the atlas does not tell.
    """
    config = {
        key: hidden(value) if _secret(value) or (public and not key.startswith(OPEN)) else value
        for key, value in inputs["config"].items()
    }
    return inputs | {"config": config}


def hidden(value: Any) -> str:
    """The hash of a value, as it stands in a record."""
    return HIDDEN + digest(value)


def read_named(path: str, key: str) -> Any:
    """Content of a JSON file of the user's that `key` names. Raises ConfigError if it is none."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"`{key}` names {path}, which is no JSON ({error}): name another file.") from error


def check_frozen(now: Inputs, frozen: object, path: str) -> list[str]:
    """Raise ConfigError, naming what differs, unless a run is made from what the file `path` holds.

    Keys of the configuration are named with both values. Other versions of kilnscan, Python and packages are no error,
    but what is returned: words for each.
    """
    if not isinstance(frozen, dict) or not all(isinstance(frozen.get(part), dict) for part in PARTS):
        raise ConfigError(f"{path} does not say what a paper was made from: copy `inputs.json` of a run there.")
    tools = frozen.get(TOOLS)
    if not isinstance(tools, dict):
        raise ConfigError(
            f"{path} was written by an earlier kilnscan, which told the configuration's sections by their hashes: "
            "take `paper.frozen` out, run, copy the new `inputs.json` there, and name it again."
        )
    changed = [
        f"{words}{name if part != 'config' else f'`{name}`'} {_how(part, name, now[part], frozen[part])}"
        for part, words in PARTS.items()
        for name in sorted({*now[part], *frozen[part]})
        if not _same(part, name, now[part], frozen[part])
    ]
    if changed:
        more = f"; and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
        raise ConfigError(
            f"The paper was frozen from other inputs than these ({path}): {'; '.join(changed[:MOST_NAMED])}{more}. "
            "Bring back what it was made from; or, if the change is meant, take `paper.frozen` out, run, copy the new "
            "`inputs.json` there, and name it again."
        )
    return _other_tools(now[TOOLS], tools)


def same_as_frozen(now: Inputs, frozen: str, path: str) -> str:
    """Compare with the file `frozen`; a sentence about other versions than those it names, or nothing.

    Raises ConfigError as `check_frozen` does. An archive of an earlier run beside `path`, where inputs.json goes, gets
    another name first, so that nobody takes it for this run's.
    """
    try:
        other = check_frozen(now, read_named(frozen, "paper.frozen"), frozen)
    except ConfigError as error:
        archive = Path(path).with_name("archive.zip")
        if not archive.is_file():
            raise
        aside = archive.replace(archive.with_name("archive-of-earlier-inputs.zip"))
        raise ConfigError(f"{error} The archive of an earlier run is now called {aside}.") from error
    return f"The paper was frozen with other versions, which may move digits: {'; '.join(other)}." if other else ""


def _keys(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Keys of a configuration by their dotted paths, with values; lists of plain values are one value."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _keys(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        for place, item in enumerate(value):
            yield from _keys(item, f"{path}.{place}")
    else:
        yield path, list(value) if isinstance(value, tuple) else value


def _same(part: str, name: str, now: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    if name not in now or name not in then:
        return False
    if part == "config" and _is_hidden(then[name]):
        return hidden(now[name]) == then[name]
    return digest(now[name]) == digest(then[name])  # as JSON: 1 and 1.0 and True are three values


def _how(part: str, name: str, now: Mapping[str, Any], then: Mapping[str, Any]) -> str:
    if part != "config":
        return "is new" if name not in then else "is gone" if name not in now else "has changed"
    was, is_now = (_value(told[name]) if name in told else "not there" for told in (then, now))
    return f"was {was} and is {is_now}"


def _value(value: Any) -> str:
    if _is_hidden(value):
        return f"something else (its hash begins with {value.removeprefix(HIDDEN)[:8]})"
    if _secret(value):
        return f"a link with a query (its hash begins with {hidden(value).removeprefix(HIDDEN)[:8]})"
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= LONGEST else f"{written[: LONGEST - 4]} ..."


def _is_hidden(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(HIDDEN)


def _secret(value: Any) -> bool:
    told = value if isinstance(value, list) else [value]
    return any(isinstance(item, str) and is_remote(item) and ("?" in item or "@" in item) for item in told)


def _other_tools(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    flat_now, flat_then = ({**told, **dict(told.get("packages") or {})} for told in (now, then))
    names = [name for name in sorted({*flat_now, *flat_then}) if name not in ("packages", "requirements.lock")]
    return [
        f"{name} is {flat_now.get(name) or 'not there'}, the paper was frozen with {flat_then.get(name) or 'none'}"
        for name in names
        if flat_now.get(name) != flat_then.get(name)
    ]
