"""Which bands a screen model wants, looked up before anything runs and without loading what evaluates it."""

import json
import zipfile
from pathlib import Path

from kilnscan.config import Config, load_config
from kilnscan.errors import ConfigError

MOST_BYTES = 1 << 20


def with_model_bands(config: Config) -> Config:
    """`config` with the bands of its screen model, where `sentinel2.bands` does not say which are read.

    Raises ConfigError if it says others than the model was trained on, or if the model's cannot be read as configured.
    A model that is not there yet, or that its loading will refuse, says nothing.
    """
    wanted = _bands_of(Path(config.screen.model))
    if wanted is None and config.train and config.screen.model == f"results/models/{config.train.name}-screen.npz":
        wanted = config.train.bands
    section = config.sentinel2
    if wanted is None or section.bands == wanted:
        return config
    if section.source == "stac" and "bands" not in section.model_fields_set:
        raw = config.model_dump(exclude_unset=True)
        raw["sentinel2"]["bands"] = wanted
        try:
            return load_config(raw)
        except ConfigError as error:
            what = f"The screen model {config.screen.model} was trained on [{', '.join(wanted)}]"
            raise ConfigError(f"{what}, which are read if `sentinel2.bands` is left out. {error}") from None
    what = "reads" if section.source == "stac" else "says that the composite's first bands are"
    raise ConfigError(
        f"`sentinel2.bands` {what} [{', '.join(section.bands)}], but the screen model {config.screen.model} was "
        f"trained on [{', '.join(wanted)}]: make them the same, or choose another `screen.model`."
    )


def _bands_of(path: Path) -> list[str] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("forest.json").file_size > MOST_BYTES:
                return None
            bands = json.loads(archive.read("forest.json"))["bands"]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, RuntimeError):
        return None
    return bands if isinstance(bands, list) and all(isinstance(band, str) for band in bands) else None
