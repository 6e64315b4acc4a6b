"""Scenes read over a network are those on the disk: the composite is plain numpy's, whatever the network does."""

import gzip
import json
import re
import threading
import time
import tracemalloc
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import numpy as np
import pytest
import rasterio
import shapely
from scipy.ndimage import binary_dilation

from kilnscan.azure import signed
from kilnscan.cog import Cog
from kilnscan.composite import read_patiently
from kilnscan.config_sentinel2 import Stac
from kilnscan.errors import CatalogueError, ConfigError, ImageryError, SourceError
from kilnscan.grid import Tile
from kilnscan.ranges import Ranges
from kilnscan.scene_reader import SceneReader
from kilnscan.scenes import find_scenes
from kilnscan.web import Patience, Web
from tests.network.granules import Square, make_granule

SQUARE = Square.at(32645, 450_000, 2_050_000)
SIZE = 1236
LEFT, TOP = SQUARE.left, SQUARE.top
BOUNDS = (LEFT + 2_010, TOP - 11_990, LEFT + 12_340, TOP - 1_010)
TILE = Tile("45QVA", 32645, BOUNDS, shapely.box(*BOUNDS))
MASKED = [0, 1, 3, 8, 9, 10]
BROKEN = "S2A_45QVA_20240220_0_L2A"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setenv("KILNSCAN_HTTP_WAIT", "0.01")
    monkeypatch.setenv("KILNSCAN_HTTP_TIMEOUT", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four dates of a granule, cloudy in part; the third without the west, the last with the offset in its pixels."""
    folder = tmp_path_factory.mktemp("scenes")
    looks = [("2024-01-10", 0.1, {}), ("2024-01-30", 0.4, {}), ("2024-02-20", 0.0, {"empty_west": 0.3})]
    looks.append(("2024-03-10", 0.2, {"stored_offset": 1000, "declared_offset": -0.1}))
    items = [
        make_granule(folder, SQUARE, f"{day}T04:40:31Z", size_px=SIZE, clouds=cloud, **more)
        for day, cloud, more in looks
    ]
    for item in items:
        item["properties"]["kilnscan:settled"] = True
        for asset in item["assets"].values():
            asset["href"] = str(asset["href"]).removeprefix(f"{folder}/")
    (folder / "items.json").write_text(json.dumps({"features": items}))
    return folder


def scenes_of(folder, address=None, **options):
    """The scene list of the tile, its links leading to `address` or to the disk."""
    season = {"start": "2024-01-01", "end": "2024-12-31", "mask_dilate_m": 40, **options}
    scenes = find_scenes(TILE, Stac(source="stac", catalog=str(folder / "items.json"), **season))
    for item in items_of(scenes):
        if address:
            item["assets"] = {band: href.replace(str(folder), address) for band, href in item["assets"].items()}
    return scenes


def items_of(scenes):
    return [item for day in scenes["dates"] for item in day["items"]]


def composite(scenes, bounds=BOUNDS):
    reader = SceneReader(scenes, threads=2)
    return *reader.read_looks(bounds), reader.ranges


@pytest.fixture(scope="module")
def reference(folder):
    """Median and looks by rasterio, scipy and numpy."""
    scenes = scenes_of(folder)
    row, column = (TOP - round(BOUNDS[3])) // 10, (round(BOUNDS[0]) - LEFT) // 10
    part = np.s_[row : row + 1098, column : column + 1033]
    layers = []
    for item in items_of(scenes):
        classes = rasterio.open(item["assets"]["SCL"]).read(1)
        spread = np.isin(classes, MASKED) & (classes > 0)
        masked = np.isin(classes, MASKED) | binary_dilation(spread, np.ones((5, 5)))
        bands = []
        for band in scenes["bands"]:
            pixels = rasterio.open(item["assets"][band]).read(1).astype(float)
            factor, offset = item["radiometry"][band]
            values = np.where(pixels > 0, np.maximum(np.rint(pixels * factor + offset), 1), np.nan)
            bands.append(np.kron(values, np.ones((SIZE // values.shape[0],) * 2)))
        layers.append(np.where(np.kron(masked, np.ones((2, 2), bool)), np.nan, bands)[:, *part])
    stack = np.array(layers)
    looks = (~np.isnan(stack[:, 0])).sum(axis=0)
    stack[:, :, looks == 0] = 0
    return np.floor(np.nanmedian(stack, axis=0)), looks


def test_the_composite_is_that_of_plain_numpy(folder, reference):
    pixels, looks, _ = composite(scenes_of(folder))
    assert set(np.unique(looks)) >= {1, 2, 3, 4}
    assert (looks == reference[1]).all()
    assert (pixels == reference[0]).all()


def test_a_band_may_be_asked_for_several_statistics_and_is_read_once(folder):
    plain, three = scenes_of(folder, bands=["B08", "B04", "B03"]), ["B08_p90", "B04", "B08", "B03_p10", "B08_p0"]
    scenes = scenes_of(folder, bands=three)
    assert set(items_of(scenes)[0]["assets"]) == {"B08", "B04", "B03", "SCL"} and scenes["bands"] == three
    assert [item["radiometry"] for item in items_of(scenes)] == [item["radiometry"] for item in items_of(plain)]
    pixels, looks, ranges = composite(scenes)
    medians, same, cost = composite(plain)
    assert (looks == same).all() and ranges.bytes == cost.bytes and ranges.requests == cost.requests
    assert (pixels[2] == medians[0]).all() and (pixels[1] == medians[1]).all()
    for index, band, percent in ((0, "B08", 90), (3, "B03", 10), (4, "B08", 0)):
        others = [band, *({"B08", "B04", "B03"} - {band})]
        expected = composite(scenes_of(folder, bands=others, statistic=f"p{percent}"))[0][0]
        assert (pixels[index] == expected).all()
    assert (pixels[0][looks == 1] == pixels[4][looks == 1]).all() and not pixels[:, looks == 0].any()
    left, _, _, top = BOUNDS
    part = SceneReader(scenes).read_looks((left + 130, top - 500, left + 430, top - 90))[0]
    assert (part == pixels[:, 9:50, 13:43]).all()


def test_any_window_and_any_number_of_threads_gives_the_same_pixels(folder, reference):
    scenes = scenes_of(folder)
    left, _, _, top = BOUNDS
    for threads, (x, y, width, height) in enumerate([(130, 90, 7, 1), (5, 0, 700, 600), (1000, 900, 33, 198)], 1):
        window = (left + x * 10, top - (y + height) * 10, left + (x + width) * 10, top - y * 10)
        pixels, looks = SceneReader(scenes, threads).read_looks(window)
        assert (pixels == reference[0][:, y : y + height, x : x + width]).all()
        assert (looks == reference[1][y : y + height, x : x + width]).all()


def test_it_is_the_same_over_http_and_every_byte_travels_once(folder, reference, http_server):
    scenes = scenes_of(folder, http_server(folder))
    pixels, looks, ranges = composite(scenes)
    assert (pixels == reference[0]).all() and (looks == reference[1]).all()
    cogs = [Cog.open(href, Ranges()) for item in items_of(scenes) for href in item["assets"].values()]
    blocks = sum(len(cog.blocks(0, 0, cog.height, cog.width)) for cog in cogs)
    assert ranges.requests <= len(cogs) + blocks


def test_it_is_the_same_from_s3_without_credentials(folder, reference, s3, monkeypatch):
    address = s3.fill(folder, "public")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, s3.env[name])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    pixels, _, _ = composite(scenes_of(folder, address.rstrip("/")))
    assert (pixels == reference[0]).all()


def test_public_reads_leave_writing_to_a_bucket_of_ones_own_alone(folder, s3, monkeypatch):
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    address = s3.fill(folder, "open").rstrip("/")
    composite(scenes_of(folder, address))
    s3.put("mine")
    client = boto3.client("s3")
    client.put_object(Bucket="mine", Key="a", Body=b"b")
    assert client.get_object(Bucket="mine", Key="a")["Body"].read() == b"b"


def test_only_a_mirror_of_ones_own_is_read_with_credentials(s3, faults, monkeypatch):
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    s3.put("open")
    s3.put("open/a.tif", b"abc")
    proxy = faults(s3.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
    for own in (False, True):
        assert Ranges(signed=own).read("s3://open/a.tif", 1, 2) == b"bc"
    assert [entry.signed for entry in proxy.log] == [False, True]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_bad_network_changes_nothing_and_loses_nothing(folder, reference, http_server, faults, seed):
    proxy = faults(http_server(folder), seed=seed, rate=0.3, stall_s=1.5)
    scenes = scenes_of(folder, proxy.url)
    (pixels, _), lost = read_patiently(scenes, lambda reader, _: reader.read_looks(BOUNDS), threads=2)
    assert (pixels == reference[0]).all()
    assert lost == [] and len(proxy.faults) >= 8


def test_a_bad_s3_changes_nothing_either(folder, reference, s3, faults, monkeypatch):
    address = s3.fill(folder, "shaky").rstrip("/")
    proxy = faults(s3.url, rate=0.2, stall_s=1.5, kinds=("429", "503", "500", "reset", "reset-mid", "truncated"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
    pixels, _, _ = composite(scenes_of(folder, address))
    assert (pixels == reference[0]).all()
    assert proxy.faults


@pytest.mark.parametrize("kind", ["404", "503", "truncated", "garbage", "no-range", "reset"])
def test_a_scene_that_stays_broken_is_left_out_of_the_whole_tile(folder, http_server, faults, kind, monkeypatch):
    monkeypatch.setenv("KILNSCAN_HTTP_ATTEMPTS", "3")
    proxy = faults(http_server(folder), broken={f"{BROKEN}/B11": kind})
    scenes = scenes_of(folder, proxy.url)
    (pixels, looks), lost = read_patiently(scenes, lambda reader, _: reader.read_looks(BOUNDS))
    without = scenes | {"dates": [day for day in scenes["dates"] if day["items"][0]["id"] != BROKEN]}
    expected, expected_looks, _ = composite(without)
    assert (pixels == expected).all() and (looks == expected_looks).all()
    assert [entry["scene"] for entry in lost] == [BROKEN]


def test_a_dead_network_is_named_and_not_taken_for_clouds(folder, http_server, faults, monkeypatch):
    monkeypatch.setenv("KILNSCAN_HTTP_ATTEMPTS", "2")
    proxy = faults(http_server(folder), broken={".": "reset"})
    with pytest.raises(ImageryError, match=re.escape("Check the network and run again")):
        read_patiently(scenes_of(folder, proxy.url), lambda reader, _: reader.read_looks(BOUNDS))


def test_a_server_that_stalls_costs_its_time_out_and_no_more(folder, http_server, faults):
    proxy = faults(http_server(folder), broken={"items": "stall"}, stall_s=5)
    ranges = Ranges(patience=Patience(attempts=2, timeout_s=0.2, first_wait_s=0.01))
    with pytest.raises(SourceError, match="unreadable after 2 attempts"):
        ranges.read(f"{proxy.url}/items.json", 0, 10)


def test_a_key_in_a_link_is_in_no_error(folder, http_server, faults):
    proxy = faults(http_server(folder), broken={"items": "404"})
    with pytest.raises(SourceError) as error:
        Ranges().read(f"{proxy.url}/items.json?sig=secret", 0, 10)
    assert "secret" not in str(error.value) and "items.json" in str(error.value)


class Answering(BaseHTTPRequestHandler):
    """A server that sends what it likes: `pieces`, one every `pause` seconds, under right headers."""

    pieces, pause, status, coding = (b"x",), 0.0, 206, None

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Range", "bytes 0-9/1000")
        if self.coding:
            self.send_header("Content-Encoding", self.coding)
        self.send_header("Content-Length", str(sum(map(len, self.pieces))))
        self.end_headers()
        with suppress(OSError):
            for piece in self.pieces:
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(self.pause)

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def answering():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/a.tif"
        server.shutdown()


def test_a_server_that_trickles_is_given_up(answering, monkeypatch):
    monkeypatch.setattr(Answering, "pieces", (b"x",) * 10)
    monkeypatch.setattr(Answering, "pause", 0.1)
    ranges = Ranges(patience=Patience(attempts=1, timeout_s=0.3, first_wait_s=0.01))
    with pytest.raises(SourceError, match="trickles"):
        ranges.read(answering, 0, 10)


def test_a_server_that_sends_more_than_was_asked_for_is_cut_off(answering, monkeypatch):
    monkeypatch.setattr(Answering, "pieces", (bytes(1 << 20),) * 200)
    tracemalloc.start()
    with pytest.raises(SourceError, match="not as long as asked for"):
        Ranges(patience=Patience(attempts=1)).read(answering, 0, 10)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


def test_a_packed_document_is_unpacked_and_one_cut_short_is_asked_for_again(answering, monkeypatch):
    text = json.dumps(list(range(100_000))).encode()
    packed = gzip.compress(text)
    monkeypatch.setattr(Answering, "status", 200)
    monkeypatch.setattr(Answering, "coding", "gzip")
    monkeypatch.setattr(Answering, "pieces", (packed,))
    assert Web(Patience(attempts=1)).document(answering) == text
    monkeypatch.setattr(Answering, "pieces", (packed[:1000],))
    monkeypatch.setenv("KILNSCAN_HTTP_ATTEMPTS", "2")
    with pytest.raises(CatalogueError, match="unreadable after 2 attempts: its answer is no JSON"):
        find_scenes(TILE, Stac(source="stac", catalog=answering, start="2024-01-01", end="2024-02-01"))


def test_a_document_that_unpacks_without_end_is_cut_off(answering, monkeypatch):
    monkeypatch.setattr("kilnscan.web.MOST_DOCUMENT_BYTES", 1 << 20)
    monkeypatch.setattr(Answering, "status", 200)
    monkeypatch.setattr(Answering, "coding", "gzip")
    monkeypatch.setattr(Answering, "pieces", (gzip.compress(bytes(1 << 28)),))
    tracemalloc.start()
    with pytest.raises(SourceError, match="is longer than"):
        Web(Patience(attempts=1)).document(answering)
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()


def test_a_damaged_file_is_named_without_the_key_in_its_link(answering, monkeypatch):
    monkeypatch.setattr(Answering, "pieces", (b"0123456789",))
    monkeypatch.setattr("kilnscan.cog.PAGE", 10)
    with pytest.raises(SourceError) as error:
        Cog.open(f"{answering}?sig=secret", Ranges())
    assert "secret" not in str(error.value)


def test_files_of_the_planetary_computer_are_signed(answering, monkeypatch, http_server, tmp_path):
    (tmp_path / "sentinel2l2a01").mkdir()
    expiry = "2999-01-01T00:00:00Z"
    (tmp_path / "sentinel2l2a01/sentinel2-l2").write_text(
        json.dumps({"msft:expiry": expiry, "token": "st=1&sig=a%2Fb"})
    )
    monkeypatch.setenv("PC_SDK_SAS_URL", http_server(tmp_path))
    web = Web(Patience(attempts=1))
    link = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/B04.tif"
    assert signed(link, web) == f"{link}?st=1&sig=a%2Fb"
    other = "https://someone.blob.core.windows.net/open/B04.tif"
    assert signed(other, web) == other
    with pytest.raises(SourceError, match="HTTP 404"):
        signed(link.replace("sentinel2-l2/", "another/"), web)


@pytest.mark.parametrize("value", ["six", "0", "-1", "2.5"])
def test_patience_must_be_a_number(monkeypatch, value):
    monkeypatch.setenv("KILNSCAN_HTTP_ATTEMPTS", value)
    with pytest.raises(ConfigError, match="KILNSCAN_HTTP_ATTEMPTS"):
        Patience.from_environment()
