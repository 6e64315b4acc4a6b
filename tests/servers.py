"""Real servers on this machine for tests: a STAC API, nginx and moto's S3, each a process with a free port."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
COLLECTIONS = ("sentinel-2-c1-l2a", "sentinel-2-l2a")
READY_S = 30.0
NGINX_CONFIG = """
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/error.log;
{user}
events {{ worker_connections 512; }}
http {{
    access_log {work}/access.log;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    types {{ image/tiff tif; application/geo+json geojson; application/json json; }}
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    server {{ listen {host}:{port}; root "{root}"; }}
}}
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def find_nginx() -> str | None:
    """Path of nginx, which Debian keeps where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def running(command: list[str], url: str, log: Path) -> Iterator[None]:
    """Run a server until the block ends; the block starts when `url` answers."""
    with (
        log.open("wb") as said,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as server,
    ):
        try:
            _wait(server, url, log)
            yield
        finally:
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(server: subprocess.Popen, url: str, log: Path) -> None:
    """Ask until the server answers, with whatever status."""
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"{server.args} ended with {server.returncode}: {log.read_text(errors='replace')}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{server.args} did not answer at {url}: {log.read_text(errors='replace')}")


@contextmanager
def stac_server(items: Iterable[dict], work: Path) -> Iterator[str]:
    """A STAC API (rustac's, items in memory) of Earth Search's two Sentinel-2 collections; gives its address.

    It knows collections, ids, bbox, intersects, datetime, limit and paging, by POST; no query, filter or sorting.
    """
    items = list(items)
    for name in COLLECTIONS:
        (work / f"{name}.json").write_text(json.dumps(_collection(name)))
    files = [str(work / f"{name}.json") for name in COLLECTIONS]
    if items:
        (work / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
        files.append(str(work / "items.json"))
    address = f"{HOST}:{free_port()}"
    program = str(Path(sys.executable).with_name("rustac"))
    command = [program, "serve", "--create-collections", "--addr", address, *files]
    with running(command, f"http://{address}/", work / "stac.log"):
        yield f"http://{address}/"


def _collection(name: str) -> dict:
    return {
        "type": "Collection", "stac_version": "1.0.0", "id": name, "description": "Sentinel-2 Level-2A",
        "license": "proprietary", "links": [],
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2015-06-27T10:25:31Z", None]]},
        },
    }  # fmt: skip


@contextmanager
def nginx(folder: Path, work: Path) -> Iterator[str]:
    """The files under `folder`, with byte ranges, as nginx serves them; gives the address without a last slash."""
    program = find_nginx()
    if program is None:
        raise FileNotFoundError("nginx is not installed: apt-get install nginx")
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    config = work / "nginx.conf"
    config.write_text(NGINX_CONFIG.format(work=work, host=HOST, port=port, root=folder, user=user))
    command = [program, "-p", str(work), "-e", str(work / "error.log"), "-c", str(config)]
    with running(command, f"http://{HOST}:{port}/", work / "nginx.log"):
        yield f"http://{HOST}:{port}"


@dataclass(frozen=True)
class S3:
    """A server that speaks S3 at `url`."""

    url: str

    @property
    def env(self) -> dict[str, str]:
        """The environment that points boto3 and GDAL to it."""
        return {
            "AWS_ENDPOINT_URL": self.url, "AWS_ENDPOINT_URL_S3": self.url, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_S3_ENDPOINT": self.url.removeprefix("http://"), "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE",
        }  # fmt: skip

    def put(self, path: str, content: bytes | None = None) -> None:
        """Make a bucket (`name`) or put an object (`name/key`), open to readers who do not sign."""
        request = urllib.request.Request(f"{self.url}/{path}", data=content, method="PUT")
        request.add_header("Content-Type", "application/octet-stream")
        request.add_header("x-amz-acl", "public-read")
        urllib.request.urlopen(request, timeout=60).close()

    def fill(self, folder: Path, bucket: str = "kilnscan", prefix: str = "") -> str:
        """Put the files under `folder` into a bucket, which is made; gives their common address, `s3://...`."""
        self.put(bucket)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{bucket}/{prefix}{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"s3://{bucket}/{prefix}".rstrip("/")


@contextmanager
def s3_server(work: Path) -> Iterator[S3]:
    """An empty S3 (moto's)."""
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("s3.py")), str(port)]
    with running(command, f"http://{HOST}:{port}/moto-api/", work / "s3.log"):
        yield S3(f"http://{HOST}:{port}")
