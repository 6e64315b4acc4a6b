"""kilnscan's own folder and what lies there: models, facts and configurations that any workflow may name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

ROOT = Path(__file__).resolve().parents[1]
"""The checkout that this package belongs to."""
FOLDERS = ("config/", "facts/", "models/")


def shipped(path: str) -> str:
    """`path`, or the file that kilnscan ships by that name if there is none here.

    So `models/s2-rgb-screen.npz` is found from the folder of another workflow, too, and a file of the user's own by
    that name goes before it. Here is the folder at the time of the call.
    """
    own = ROOT / path
    if Path(path).exists() or not path.startswith(FOLDERS) or not own.is_file():
        return path
    return str(own)


ShippedPath = Annotated[str, AfterValidator(shipped)]
"""A path in the configuration that may name a file kilnscan ships."""


def portable(value: Any, data: str = "") -> Any:
    """`value` with every path in it written as on any machine.

    What `shipped` has found in kilnscan's own folder stands as it was written before; what lies below the folder
    `data` (config `data`) begins with {data}.
    """
    if isinstance(value, Mapping):
        return {key: portable(item, data) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item, data) for item in value]
    if not isinstance(value, str):
        return value
    folder = data.rstrip("/")
    if folder and (value == folder or value.startswith(f"{folder}/")):
        return "{data}" + value[len(folder) :]
    return value.removeprefix(f"{ROOT}/")
