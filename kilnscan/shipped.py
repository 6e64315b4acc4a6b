"""kilnscan's own folder and what lies there: models, facts and configurations that any workflow may name."""

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


def names_of_shipped(value: Any) -> Any:
    """`value` with every path that `shipped` has found in kilnscan's own folder as it was written before."""
    if isinstance(value, dict):
        return {key: names_of_shipped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [names_of_shipped(item) for item in value]
    return value.removeprefix(f"{ROOT}/") if isinstance(value, str) else value
