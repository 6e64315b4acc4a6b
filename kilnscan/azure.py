"""Microsoft's Planetary Computer: its Sentinel-2 files want a token that anybody may ask for."""

import json
import os
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from kilnscan.errors import SourceError
from kilnscan.web import Web

TOKENS = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
ACCOUNT = "sentinel2l2a01"
"""Storage account of the Planetary Computer's Sentinel-2; other accounts are read as they are."""
FORGET_S = 60.0  # after which a failure is tried again
_lock = threading.Lock()
_tokens: dict[str, tuple[datetime, str]] = {}
_failed: dict[str, tuple[float, str]] = {}


def signed(href: str, web: Web) -> str:
    """`href` with a token of its container, if it is a file of the Planetary Computer's Sentinel-2; else as it is.

    Tokens are asked for once and again shortly before they expire. Another service of the same kind can be named in
    PC_SDK_SAS_URL, as for Microsoft's own library. Raises SourceError if there is none to be had.
    """
    parts = urlsplit(href)
    if parts.hostname != f"{ACCOUNT}.blob.core.windows.net" or parts.query:
        return href
    container = parts.path.split("/")[1]
    with _lock:  # one asks, the others wait for the answer
        when, reason = _failed.get(container, (-FORGET_S, ""))
        if time.monotonic() - when < FORGET_S:
            raise SourceError(reason)
        expiry, token = _tokens.get(container, (datetime.min.replace(tzinfo=UTC), ""))
        if expiry - datetime.now(UTC) < timedelta(minutes=5):
            try:
                expiry, token = _tokens[container] = _ask(container, web)
            except SourceError as error:
                _failed[container] = (time.monotonic(), str(error))
                raise
    return f"{href}?{token}"


def _ask(container: str, web: Web) -> tuple[datetime, str]:
    service = os.environ.get("PC_SDK_SAS_URL", TOKENS)
    try:
        content = json.loads(web.document(f"{service}/{ACCOUNT}/{container}"))
        expiry, token = datetime.fromisoformat(content["msft:expiry"]), str(content["token"])
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{service} gives no token for {ACCOUNT}/{container} ({type(error).__name__})") from error
    if not re.fullmatch(r"[A-Za-z0-9%&=._:/+-]{1,2000}", token):
        raise SourceError(f"{service} gives no token for {ACCOUNT}/{container} but something else")
    return expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC), token
