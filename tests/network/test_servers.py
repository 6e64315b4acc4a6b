"""The servers that the other tests here read from serve what they should, and fail as they are told to."""

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import numpy as np
import pytest
import rasterio
from pystac_client import Client
from pytest_socket import SocketConnectBlockedError

from tests.network.faults import KINDS
from tests.network.granules import BANDS, FULL_PX, Square, make_granule
from tests.servers import COLLECTIONS

CONTENT = np.random.default_rng(0).bytes(100_000)
SQUARE = Square.at(32645, 450_000, 2_050_000)


def ask(url, part=None, method="GET", body=None, timeout=5):
    """Status and body of one request by a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        connection.request(method, parts.path or "/", body, {"Range": f"bytes={part}"} if part else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A folder with one file in a folder."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "a").mkdir()
    (folder / "a" / "b.tif").write_bytes(CONTENT)
    return folder


@pytest.fixture(scope="module")
def web(http_server, files) -> str:
    """Address of that file."""
    return f"{http_server(files)}/a/b.tif"


@pytest.fixture(scope="module")
def items(tmp_path_factory) -> list[dict]:
    """Eleven dates in one collection, one of them in the other too."""
    folder = tmp_path_factory.mktemp("granules")
    days = [f"2024-02-{day:02}T04:40:31Z" for day in range(1, 12)]
    made = [make_granule(folder, SQUARE, day, size_px=64, bands=("B04", "SCL")) for day in days]
    return [*made, make_granule(folder, SQUARE, days[0], size_px=64, bands=("B04",), collection=COLLECTIONS[0])]


@pytest.fixture(scope="module")
def stac(stac_api, items) -> str:
    return stac_api(items)


def test_tests_reach_this_machine_only():
    with pytest.warns(UserWarning, match="tried to use"), pytest.raises(SocketConnectBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_the_stac_api_pages_through_the_items_of_a_collection(stac, items):
    search = Client.open(stac).search(collections=["sentinel-2-l2a"], bbox=items[0]["bbox"], limit=4)
    pages = [[item["id"] for item in page["features"]] for page in search.pages_as_dicts()]
    assert [len(page) for page in pages] == [4, 4, 3]
    assert sorted(id_ for page in pages for id_ in page) == [item["id"] for item in items[:-1]]


def test_the_stac_api_finds_by_place_and_time(stac, items):
    def found(**query):
        search = Client.open(stac).search(collections=list(COLLECTIONS), **query)
        return sorted(item["id"] for item in search.items_as_dicts())

    assert len(found(intersects=items[0]["geometry"])) == 12
    assert found(bbox=[0, 0, 1, 1]) == []
    assert found(datetime="2024-02-03/2024-02-05") == [item["id"] for item in items[2:5]]


def test_the_stac_api_keeps_properties_and_assets(stac, items):
    served = next(Client.open(stac).search(ids=[items[0]["id"]]).items_as_dicts())
    assert served["assets"] == items[0]["assets"]
    assert served["geometry"] == json.loads(json.dumps(items[0]["geometry"]))
    ours, theirs = dict(items[0]["properties"]), dict(served["properties"])
    for moment in ("datetime", "created", "updated"):
        assert ours.pop(moment)[:19] == theirs.pop(moment)[:19]
    assert theirs == ours


def test_the_stac_api_takes_real_items(stac_api, real_data):
    paths = sorted((real_data / "stac").rglob("*L2A.json"))
    real = [json.loads(path.read_text()) for path in paths]
    served = Client.open(stac_api(real)).search(collections=["sentinel-2-l2a"]).items_as_dicts()
    assert sorted(item["id"] for item in served) == sorted(item["id"] for item in real)


def test_nginx_serves_ranges(web):
    assert ask(web, "10-19") == (206, CONTENT[10:20])
    assert ask(web, "-7") == (206, CONTENT[-7:])
    assert ask(web) == (200, CONTENT)
    assert ask(web + "x")[0] == 404
    assert ask(web, f"{len(CONTENT)}-")[0] == 416


def test_s3_serves_ranges_to_boto(s3, files, monkeypatch):
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    assert s3.fill(files, prefix="run/") == "s3://kilnscan/run"
    answer = boto3.client("s3").get_object(Bucket="kilnscan", Key="run/a/b.tif", Range="bytes=10-19")
    assert answer["ContentRange"] == f"bytes 10-19/{len(CONTENT)}" and answer["Body"].read() == CONTENT[10:20]


def test_gdal_reads_a_granule_through_nginx_and_the_proxy(http_server, faults, tmp_path):
    base = http_server(tmp_path)
    item = make_granule(tmp_path, SQUARE, base_url=base, size_px=256, stored_offset=1000)
    proxy = faults(base)
    href = item["assets"]["red"]["href"].replace(base, proxy.url)
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(f"/vsicurl/{href}") as red:
        assert red.shape == (256, 256) and red.nodata == 0 and red.read(1).min() >= 1000
        assert list(red.transform)[:6] == item["assets"]["red"]["proj:transform"]
    assert proxy.requests and not proxy.faults


def test_a_granule_has_the_files_grid_and_clouds_it_says(tmp_path):
    item = make_granule(tmp_path, SQUARE, size_px=1098, clouds=0.25, empty_west=0.5, collection="sentinel-2-c1-l2a")
    assert (SQUARE.left, SQUARE.top, FULL_PX * 10) == (399_960, 2_100_000, 109_800)
    assert item["id"] == "S2A_T45QVA_20240210T044031_L2A" and item["properties"]["proj:code"] == "EPSG:32645"
    folder = Path(item["assets"]["scl"]["href"]).parent
    assert sorted(path.stem for path in folder.glob("*.tif")) == sorted(BANDS)
    with rasterio.open(folder / "B08.tif") as nir, rasterio.open(folder / "SCL.tif") as scl:
        structure = nir.tags(ns="IMAGE_STRUCTURE")
        assert (structure["LAYOUT"], structure["COMPRESSION"], structure["PREDICTOR"]) == ("COG", "DEFLATE", "2")
        assert nir.block_shapes == [(1024, 1024)] and nir.overviews(1) and nir.dtypes == ("uint16",)
        assert not nir.read(1)[:, :548].any() and nir.read(1)[:, 548:].all()
        classes = scl.read(1)
    assert item["properties"]["eo:cloud_cover"] == pytest.approx(100 * (classes == 9).sum() / (classes > 0).sum())


OUTCOMES = {
    "429": (429, b""), "500": (500, b""), "503": (503, b""), "stall": TimeoutError, "stall-mid": TimeoutError,
    "reset": ConnectionResetError, "reset-mid": ConnectionResetError, "truncated": http.client.IncompleteRead,
    "short-range": (206, CONTENT[10:510]), "no-range": (200, CONTENT),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_proxy_injects_what_is_asked(faults, web, kind):
    proxy = faults(web, broken={r"\.tif$": kind})
    if kind == "garbage":
        status, body = ask(proxy.url, "10-1009")
        assert status == 206 and len(body) == 1000 and body != CONTENT[10:1010]
    elif isinstance(OUTCOMES[kind], tuple):
        assert ask(proxy.url, "10-1009") == OUTCOMES[kind]
    else:
        with pytest.raises(OUTCOMES[kind]):
            ask(proxy.url, "10-1009", timeout=0.3)
    assert proxy.faults == {kind: 1} and proxy.log[0].range == "bytes=10-1009"


def test_the_proxy_breaks_only_what_it_is_told_to(faults, web):
    proxy = faults(web.removesuffix("/a/b.tif"), broken={"absent": "404"})
    assert ask(f"{proxy.url}/absent.tif")[0] == 404
    assert ask(f"{proxy.url}/a/b.tif", "0-9") == (206, CONTENT[:10])
    assert ask(f"{proxy.url}/a/b.tif", method="HEAD") == (200, b"")
    assert (proxy.requests, dict(proxy.faults), proxy.sent) == (3, {"404": 1}, 10)


def test_patience_wins_and_a_seed_fixes_the_faults(faults, web):
    ranges = [f"{start}-{start + 99}" for start in range(0, 6400, 100)]

    def fetch(proxy, part):
        for attempt in range(3):
            status, body = ask(proxy.url, part)
            if status == 206:
                start = int(part.split("-")[0])
                assert body == CONTENT[start : start + 100]
                return attempt
        raise AssertionError(f"{part} failed three times in a row")

    def run(seed):
        proxy = faults(web, seed=seed, rate=0.6, kinds=("429", "503"), max_in_row=2)
        with ThreadPoolExecutor(32) as pool:
            attempts = list(pool.map(lambda part: fetch(proxy, part), ranges))
        assert proxy.requests == len(ranges) + sum(attempts) and sum(proxy.faults.values()) == sum(attempts)
        return attempts, dict(proxy.faults)

    assert run(1) == run(1) != run(2)
    assert set(run(1)[0]) == {0, 1, 2}


def test_the_proxy_keeps_a_connection(faults, web):
    proxy = faults(web)
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=5)
    socks = set()
    for _ in range(3):
        connection.request("GET", "/a/b.tif", headers={"Range": "bytes=0-9"})
        assert connection.getresponse().read() == CONTENT[:10]
        socks.add(connection.sock)
    connection.close()
    assert len(socks) == 1


def test_a_stac_search_pages_through_the_proxy(faults, stac, items):
    proxy = faults(stac)
    search = Client.open(proxy.url).search(collections=["sentinel-2-l2a"], limit=4)
    assert len(list(search.items_as_dicts())) == len(items) - 1
    assert [entry.method for entry in proxy.log].count("POST") == 3


def test_s3_is_read_through_the_proxy(faults, s3, files):
    s3.fill(files, bucket="proxied")
    proxy = faults(s3.url, rate={"503": 1.0}, max_in_row=1)
    assert ask(f"{proxy.url}/proxied/a/b.tif", "5-9")[0] == 503
    assert ask(f"{proxy.url}/proxied/a/b.tif", "5-9") == (206, CONTENT[5:10])
