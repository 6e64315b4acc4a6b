"""Photos of volunteers: found without leaving their folder, and published without what a camera wrote into them."""

import hashlib
import io
import os
from pathlib import Path

from PIL import Image, ImageOps

from kilnscan.errors import AnswerError
from kilnscan.files import replacing

LARGEST = 25_000_000  # bytes of a photo
MOST_PIXELS = 60_000_000  # decoded, 180 MB
MOST_FILES = 200_000
SIDE_PX = 1024
FORMATS = ("JPEG", "PNG", "WEBP")


class PhotoError(Exception):
    """A photo is not used; the report stays. Its text never quotes the photo's name."""


class Photos:
    """The photos of one folder, by name. Links are not followed, and no path is built of a name."""

    def __init__(self, folder: str | None) -> None:
        self._paths: dict[str, list[Path]] = {}
        if folder is None:
            return
        if not Path(folder).is_dir():
            raise AnswerError(f"`ground_reports.photos` names {folder}, which is no folder: check the path.")
        count = 0
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                count += 1
                if count > MOST_FILES:
                    raise AnswerError(
                        f"The folder of photos {folder} holds more than {MOST_FILES} files: name another."
                    )
                self._paths.setdefault(name, []).append(Path(parent) / name)

    def find(self, name: str, uuid: str) -> Path:
        """The photo of a submission. Raises PhotoError.

        Of several with the same name it is the one in the folder named by the submission's uuid, as KoboToolbox lays
        them out.
        """
        if "/" in name or "\\" in name or name in (".", ".."):
            raise PhotoError("its name is a path")
        paths = [path for path in self._paths.get(name, []) if path.is_file() and not path.is_symlink()]
        if len(paths) > 1:
            paths = [path for path in paths if path.parent.name == uuid.removeprefix("uuid:")]
        if len(paths) != 1:
            raise PhotoError("there is no such file in the folder of photos, or several")
        return paths[0]


def checked(path: Path) -> Image.Image:
    """A photo, not decoded yet: JPEG, PNG or WebP by its content, of a size that can be decoded. Raises PhotoError."""
    if path.stat().st_size > LARGEST:
        raise PhotoError(f"it is larger than {LARGEST // 1_000_000} MB")
    try:
        photo = Image.open(io.BytesIO(path.read_bytes()), formats=FORMATS)
    except Exception as error:  # decoders raise whatever hostile bytes lead them to
        raise PhotoError("it is no JPEG, PNG or WebP") from error
    if photo.width * photo.height > MOST_PIXELS:
        raise PhotoError(f"it has more than {MOST_PIXELS // 1_000_000} million pixels")
    return photo


def publish_photo(path: Path, folder: Path) -> str:
    """Write a photo for everybody into `folder`; its name, which is that of its content. Raises PhotoError.

    The pixels alone are kept, upright, at most 1024 px wide and high: no EXIF, so no place, serial number or owner.
    """
    photo = checked(path)
    try:
        photo.draft("RGB", (SIDE_PX, SIDE_PX))
        upright = ImageOps.exif_transpose(photo).convert("RGBA")
        upright.thumbnail((SIDE_PX, SIDE_PX))
    except Exception as error:  # as above
        raise PhotoError("it is damaged") from error
    bare = Image.new("RGB", upright.size, (255, 255, 255))  # a new picture: comments and profiles stay behind
    bare.paste(upright, mask=upright.getchannel("A"))
    buffer = io.BytesIO()
    bare.save(buffer, "JPEG", quality=85)
    name = f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:24]}.jpg"
    with replacing(folder / name) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return name
