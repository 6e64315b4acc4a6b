"""Write files whole or not at all, and name them by their content."""

import errno
import glob
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kilnscan.errors import KilnscanError, TableError

WHOLE_BYTES = 1 << 26  # files up to 64 MiB are hashed whole
END_BYTES = 1 << 20
SAMPLES, SAMPLE_BYTES = 256, 1 << 16
FULL_BYTES = 1 << 23  # a write that fails with less than this left (a raster's buffers) failed for lack of space


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it over `path` if the block succeeds, remove it if not.

    The suffix is kept, because GDAL and pyarrow choose formats by it. A full disk becomes one sentence, whatever the
    writing library makes of it. What a killed process left of the same file is cleared away.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(path)
    folder = Path(tempfile.mkdtemp(prefix=f"{_prefix(path)}{os.getpid()}.", dir=path.parent))
    temporary = folder / path.name
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except Exception as error:
        if getattr(error, "errno", None) == errno.ENOSPC or shutil.disk_usage(path.parent).free < FULL_BYTES:
            sentence = (
                f"The disk is full while writing {path}: free some space and run again; nothing was half-written."
            )
            raise KilnscanError(sentence) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prefix(path: Path) -> str:
    return f".{path.name}.{platform.node()}."


def _clear_leftovers(path: Path) -> None:
    """Remove temporary folders for `path` of processes of this machine that are gone."""
    for folder in path.parent.glob(f"{glob.escape(_prefix(path))}*"):
        process = folder.name.removeprefix(_prefix(path)).partition(".")[0]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def write_text(path: str | Path, text: str) -> None:
    """Write `text` atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Content of a JSON file that the workflow wrote. Raises TableError if it is damaged."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TableError(f"The file {path} is damaged ({error}): delete it and run again.") from error


def digest(content: Any) -> str:
    """SHA-256 of `content` as canonical JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def content_name(path: str | Path) -> str:
    """A name that changes with a file's content and not with its time: its hash, or for large files that of samples.

    Of files over 64 MiB both ends count (a compressed TIFF lists its blocks' sizes at one of them) and blocks spread
    evenly between. What is not a local file (a URL) is named by itself.
    """
    if not Path(path).is_file():
        return str(path)
    path = Path(path)
    length = path.stat().st_size
    if length <= WHOLE_BYTES:
        return sha256_file(path)
    with path.open("rb") as handle:
        sampled = hashlib.sha256(handle.read(END_BYTES))
        for part in range(1, SAMPLES):
            handle.seek(length * part // SAMPLES)
            sampled.update(handle.read(SAMPLE_BYTES))
        handle.seek(-END_BYTES, os.SEEK_END)
        sampled.update(handle.read())
    return f"{length}:{sampled.hexdigest()}"
