"""Microsoft's Planetary Computer: its files want a token that anybody may ask for."""

import json
import os
import re
import threading
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import urlsplit

import urllib3

from kilnscan.errors import SourceError

TOKENS = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
_ACCOUNT = re.compile(r"([a-z0-9]{3,24})\.blob\.core\.windows\.net")
_lock = threading.Lock()
_tokens: dict[tuple[str, str], tuple[datetime, str]] = {}


def signed(href: str) -> str:
    """`href` with a token of its container, if it is a file of the Planetary Computer; else as it is.

    Tokens are asked for once and again shortly before they expire. Another service of the same kind can be named in
    PC_SDK_SAS_URL, as for Microsoft's own library. Raises SourceError if there is none to be had.
    """
    parts = urlsplit(href)
    account = _ACCOUNT.fullmatch(parts.hostname or "")
    if not account or parts.query:
        return href
    container = parts.path.split("/")[1]
    with _lock:
        expiry, token = _tokens.get((account[1], container), (datetime.min.replace(tzinfo=UTC), ""))
        if expiry - datetime.now(UTC) < timedelta(minutes=5):
            expiry, token = _tokens[account[1], container] = _ask(account[1], container)
    return f"{href}?{token}"


def _ask(account: str, container: str) -> tuple[datetime, str]:
    service = os.environ.get("PC_SDK_SAS_URL", TOKENS)
    try:
        answer = _web().request("GET", f"{service}/{account}/{container}")
        content = json.loads(answer.data)
        return datetime.fromisoformat(content["msft:expiry"]), str(content["token"])
    except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{service} gives no token for {account}/{container} ({type(error).__name__})") from error


@cache
def _web() -> urllib3.PoolManager:
    retry = urllib3.Retry(5, backoff_factor=0.5, backoff_jitter=0.5, status_forcelist=[429, 500, 502, 503, 504])
    return urllib3.PoolManager(retries=retry, timeout=30.0)
