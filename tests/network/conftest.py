"""Servers that stand for the ones Sentinel-2 is read from. Tests here may connect to this machine, to nothing else."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.network.faults import FaultProxy
from tests.servers import HOST, S3, find_nginx, nginx, s3_server, stac_server

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.allow_hosts([HOST]))


@pytest.fixture(scope="session")
def stac_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[list[dict]], str]]:
    """Factory of STAC APIs: `stac_api(items)` gives the address; it serves until the tests end."""
    with ExitStack() as stack:
        yield lambda items: stack.enter_context(stac_server(items, tmp_path_factory.mktemp("stac")))


@pytest.fixture(scope="session")
def http_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    """Factory of web servers: `http_server(folder)` gives the address; it serves until the tests end."""
    if find_nginx() is None:
        pytest.skip("nginx is not installed: apt-get install nginx")
    with ExitStack() as stack:
        yield lambda folder: stack.enter_context(nginx(folder, tmp_path_factory.mktemp("nginx")))


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3; `s3.fill(folder)` puts files into it, `s3.env` points boto3 and GDAL to it."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def faults() -> Iterator[Callable[..., FaultProxy]]:
    """Factory of bad networks: `faults(address, rate=0.3, ...)` stands before a server until the test ends."""
    with ExitStack() as stack:
        yield lambda upstream, **options: stack.enter_context(FaultProxy(upstream, **options))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real Sentinel-2 items and pixels, which the project may not ship."""
    folder = HERE.parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real data at ../shared/data")
    return folder
