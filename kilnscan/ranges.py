"""Ranges of bytes of files on disk, on the web and in S3.

Public buckets are read by plain HTTPS, without any credentials; those in the environment stay for what the user writes.
"""

import os
import re
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError, ResponseStreamingError

from kilnscan import traffic
from kilnscan.azure import signed
from kilnscan.errors import SourceError
from kilnscan.web import CONNECTIONS, TRANSIENT, PassingError, Patience, Web, plain, reason_of

PUBLIC_REGION = "us-west-2"  # where Earth Search's buckets are


@dataclass
class Ranges:
    """Reads ranges of files and counts what that costs; safe to share between threads."""

    signed: bool = False
    """Read S3 with the user's credentials instead of anonymously."""
    patience: Patience = field(default_factory=Patience.from_environment)
    requests: int = 0
    """Requests sent, repeated ones included."""
    bytes: int = 0
    """Bytes received and used."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._web = Web(self.patience)
        self._regions: dict[str, str] = {}

    def read(self, href: str, start: int, length: int) -> bytes:
        """`length` bytes of a file from `start`; fewer only where the file ends.

        `href` is a path, an https or http URL, or s3://bucket/key. Raises SourceError if it cannot be had.
        """
        body = self.patience.run(plain(href), lambda: self._read_once(href, start, length))
        with self._lock:
            self.bytes += len(body)
        return body

    def _read_once(self, href: str, start: int, length: int) -> bytes:
        with self._lock:
            self.requests += 1
        if href.startswith("s3://"):
            bucket, _, key = href[5:].partition("/")
            if self.signed:
                return self._read_signed(bucket, key, start, length)
            return self._read_http(self._public(bucket, key), href, start, length, bucket)
        if "://" in href:
            return self._read_http(signed(href, self._web), href, start, length)
        try:
            with Path(href).open("rb") as handle:
                handle.seek(start)
                return handle.read(length)
        except OSError as error:
            raise SourceError(f"{href} cannot be read: {error.strerror}") from error

    def _read_http(self, url: str, href: str, start: int, length: int, bucket: str | None = None) -> bytes:
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        status, answer, body = self._web.ask(url, length, headers=headers)
        if status == 206:
            return _checked(body, answer.get("Content-Range"), start, length)
        if status == 200:  # a server or proxy that overlooked the range: a scene is never read whole
            raise PassingError("the server sent the whole file instead of a range")
        region = answer.get("x-amz-bucket-region")
        if bucket and region and re.fullmatch(r"[a-z0-9-]{5,30}", region) and self._regions.get(bucket) != region:
            self._regions[bucket] = region
            raise PassingError(f"the bucket is in {region}", wait_s=0)
        raise SourceError(f"{plain(href)} cannot be read: HTTP {status}")

    def _public(self, bucket: str, key: str) -> str:
        """URL of an object of a public bucket."""
        region = self._regions.get(bucket, PUBLIC_REGION)
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return f"{(endpoint or f'https://s3.{region}.amazonaws.com').rstrip('/')}/{quote(bucket)}/{quote(key)}"

    def _read_signed(self, bucket: str, key: str, start: int, length: int) -> bytes:
        name = f"s3://{bucket}/{key}"
        try:
            response = self._s3.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}")
            body = response["Body"].read(length + 1)
            traffic.count(len(body))
            return _checked(body, response.get("ContentRange"), start, length)
        except ClientError as error:
            answer: dict[str, Any] = error.response
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status in TRANSIENT:
                raise PassingError(f"S3 answers {status}") from error
            raise SourceError(f"{name} cannot be read: {answer.get('Error', {}).get('Code', status)}") from error
        except (HTTPClientError, ResponseStreamingError, IncompleteReadError, urllib3.exceptions.HTTPError) as error:
            raise PassingError(reason_of(error)) from error
        except (BotoCoreError, ValueError) as error:
            raise SourceError(f"{name} cannot be read: {error}. Check your AWS configuration") from error

    @cached_property
    def _s3(self) -> Any:
        config = Config(
            max_pool_connections=CONNECTIONS,
            connect_timeout=self.patience.timeout_s,
            read_timeout=self.patience.timeout_s,
            retries={"total_max_attempts": 1},  # the waiting is done above, alike for all
        )
        with self._lock:
            session = boto3.Session()
            return session.client("s3", config=config, region_name=session.region_name or PUBLIC_REGION)


def _checked(body: bytes, said: str | None, start: int, length: int) -> bytes:
    """A body that is what was asked for. `said` is its Content-Range header."""
    match = re.fullmatch(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)", said or "")
    if not match or int(match[1]) != start:
        raise PassingError(f"the server sent another range ({str(said)[:80]})")
    total = start + length if match[3] == "*" else int(match[3])
    if len(body) != min(length, total - start):
        raise PassingError(f"the answer is not as long as asked for ({len(body)} of {length} bytes)")
    return body
