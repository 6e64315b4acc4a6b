"""Every error a user can meet. A message says what was wrong, where, and what to do."""

import re

DOUBLED = re.compile(r"(?<![\s.])\.\.(?=\s|$)")


class KilnscanError(Exception):
    """Base of all errors that are the input's fault, not the program's.

    Messages quote other libraries, some of which end with a full stop of their own: of two one is left.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(DOUBLED.sub(".", message))


class ConfigError(KilnscanError):
    """The configuration is missing a key, misspells one or holds a value that cannot work."""


class AreaError(KilnscanError):
    """The area of interest is empty, invalid, without CRS or off the imagery."""


class ImageryError(KilnscanError):
    """A scene, mosaic or high-resolution image cannot be read or is not what the config says."""


class CatalogueError(KilnscanError):
    """A STAC catalogue or item is malformed or holds nothing usable."""


class ModelError(KilnscanError):
    """A model file is truncated, was not written by kilnscan or does not fit the bands."""


class VectorError(KilnscanError):
    """Reference kilns, schools or other vector data cannot be used."""


class TableError(KilnscanError):
    """An intermediate table or raster of the workflow is damaged: delete it and rerun."""


class AnswerError(KilnscanError):
    """A file with answers of people is damaged, hostile, or speaks of windows or types that do not exist."""


class SourceError(ImageryError):
    """A file far away stays broken or unreachable, however often it is asked for."""


class StoreError(KilnscanError):
    """The store of chips in S3 refuses or stays broken."""


class DamageError(SourceError):
    """Bytes came, but not those of the file: asking again may help."""


class SceneError(ImageryError):
    """One scene of several cannot be read; the others may do."""

    def __init__(self, scene: str, reason: str) -> None:
        super().__init__(f"The scene {scene} cannot be read: {reason}.")
        self.scene, self.reason = scene, reason
