"""How many bytes this process has read: from networks by its own reader and by GDAL, and from files."""

import ctypes
import json
import os
import re
import threading
from contextlib import suppress
from pathlib import Path

_lock = threading.Lock()
_received = 0

GDAL_COUNTS = "CPL_VSIL_NETWORK_STATS_ENABLED"


def count(received: int) -> None:
    """Add bytes that came over a network, other than GDAL's."""
    global _received
    with _lock:
        _received += received


def network_bytes() -> int:
    """Bytes that came over networks: counted by `count`, and by GDAL if the environment has its GDAL_COUNTS."""
    return _received + sum(_gdal_bytes(path) for path in _gdals())


def file_bytes() -> int | None:
    """Bytes that this process read from files so far, cached ones included; None where the system does not tell.

    Linux counts `read` and its kin, not what arrives over sockets or by mapped memory.
    """
    with suppress(OSError):
        found = re.search(r"^rchar: (\d+)$", Path("/proc/self/io").read_text(encoding="ascii"), re.MULTILINE)
        return int(found[1]) if found else None
    return None


def count_gdal() -> None:
    """Let GDAL count what it receives: to be called before its first request."""
    os.environ.setdefault(GDAL_COUNTS, "YES")


def _gdals() -> set[str]:
    """The GDAL libraries that are loaded. rasterio does not pass their statistics on."""
    with suppress(OSError):
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
        return set(re.findall(r"(/\S*/libgdal[^/\s]*\.so\S*)$", maps, re.MULTILINE))
    return set()


def _gdal_bytes(path: str) -> int:
    library = ctypes.CDLL(path)
    ask, free = getattr(library, "VSINetworkStatsGetAsSerializedJSON", None), getattr(library, "VSIFree", None)
    if ask is None or free is None:
        return 0
    ask.argtypes, ask.restype, free.argtypes = [ctypes.c_void_p], ctypes.c_void_p, [ctypes.c_void_p]
    text = ask(None)
    try:
        methods = json.loads(ctypes.string_at(text) if text else b"{}").get("methods", {})
    finally:
        free(text)
    return sum(int(method.get("downloaded_bytes", 0)) for method in methods.values())
