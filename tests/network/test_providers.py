"""Chips from STAC catalogues and tile services: exact, paid once, patient, and silent about keys."""

import io
import json
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.warp import transform, transform_bounds

from kilnscan.config_imagery import Imagery
from kilnscan.errors import CatalogueError, ConfigError, ImageryError, SourceError
from kilnscan.imagery import acquire, acquire_for_tile, read_chips
from kilnscan.lattice import CHIP_M, chip_bounds
from kilnscan.spending import Purse
from kilnscan.stac_imagery import Image as VendorImage
from kilnscan.stac_imagery import StacImages
from kilnscan.store import Folder
from kilnscan.web import gdal_patience
from kilnscan.xyz import HALF_M, TileService

EPSG = 32643
CHIPS = [(4400, 19_000), (4401, 19_000), (4400, 19_001), (4401, 19_001)]
RIGHTS = {"licence": "by contract", "attribution": "(c) Vendor"}
KEY = "s3cr3t-k3y"
ZOOM = 17


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setenv("KILNSCAN_HTTP_WAIT", "0.01")
    monkeypatch.setenv("KILNSCAN_HTTP_TIMEOUT", "2")
    monkeypatch.setenv("VENDOR_KEY", KEY)


def colours(x, y):
    """A picture of the world that changes smoothly, of places in metres of Web Mercator: (3, ...) uint8."""
    return np.stack([127 + 100 * np.sin(x / 150), 127 + 100 * np.cos(y / 170), 127 + 100 * np.sin((x + y) / 190)])


def expected(chip, resolution_m):
    """What a chip must show."""
    side = round(CHIP_M / resolution_m)
    left, _, _, top = chip_bounds(chip)
    along = (np.arange(side) + 0.5) * resolution_m
    east, north = np.meshgrid(left + along, top - along)
    x, y = transform(f"EPSG:{EPSG}", "EPSG:3857", east.ravel(), north.ravel())
    return colours(np.array(x), np.array(y)).reshape(3, side, side)


def web_tiles(chips, zoom=ZOOM):
    """Web tiles under chips."""
    side = 2 * HALF_M / 2**zoom
    found = set()
    for chip in chips:
        west, south, east, north = transform_bounds(f"EPSG:{EPSG}", "EPSG:3857", *chip_bounds(chip))
        columns = range(math.floor((west + HALF_M) / side) - 1, math.floor((east + HALF_M) / side) + 2)
        rows = range(math.floor((HALF_M - north) / side) - 1, math.floor((HALF_M - south) / side) + 2)
        found |= {(zoom, x, y) for x in columns for y in rows}
    return found


def paint(folder, tile, picture=None):
    """Write a web tile as a PNG."""
    zoom, x, y = tile
    side = 2 * HALF_M / 2**zoom
    along = (np.arange(256) + 0.5) / 256
    east, north = np.meshgrid((x + along) * side - HALF_M, HALF_M - (y + along) * side)
    pixels = np.rint(colours(east, north)).astype(np.uint8).transpose(1, 2, 0) if picture is None else picture
    path = folder / str(zoom) / str(x) / f"{y}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def tiles(tmp_path):
    """A folder of web tiles under the chips."""
    folder = tmp_path / "world"
    for tile in web_tiles(CHIPS):
        paint(folder, tile)
    return folder


def service(url, **more):
    """Settings of a tile service behind `url`."""
    said = {"terms": "our contract", "zoom": ZOOM, "key_env": "VENDOR_KEY", "requests_per_second": 100, **RIGHTS}
    return Imagery(provider="xyz", url=f"{url}/{{z}}/{{x}}/{{y}}.png?key={{key}}", resolution_m=1.0, **(said | more))


def fetch(config, store, chips=CHIPS, region="r"):
    """Acquire chips of a tile service."""
    provider = TileService(config, EPSG, store)
    return acquire(provider, "xyz", EPSG, list(chips), store, Purse.of(config, store, region))


def contents(store):
    return {path.name: path.read_bytes() for path in store.glob("*.tif")}


def test_chips_of_a_tile_service_show_what_the_world_looks_like(http_server, tiles, tmp_path):
    got = fetch(service(http_server(tiles)), Folder(tmp_path / "store"))
    assert not got.missing
    for chip, key in got.chips.items():
        pixels, valid = read_chips([key], Folder(tmp_path / "store"))[key]
        assert valid.all()
        assert np.abs(pixels - expected(chip, 1.0)).max() <= 2


def test_no_web_tile_is_asked_for_twice_whatever_is_asked(http_server, tiles, tmp_path, faults):
    with_log = faults(http_server(tiles))
    config = service(with_log.url)
    fetch(config, Folder(tmp_path / "store"), CHIPS[:2])
    fetch(config, Folder(tmp_path / "store"), CHIPS)
    fetch(config, Folder(tmp_path / "store"), CHIPS)
    asked = [entry.path for entry in with_log.log]
    assert len(asked) == len(set(asked)) > 0


def test_a_chip_does_not_depend_on_its_company(http_server, tiles, tmp_path):
    config = service(http_server(tiles))
    alone, together = fetch(config, Folder(tmp_path / "a"), CHIPS[2:3]), fetch(config, Folder(tmp_path / "b"))
    assert contents(tmp_path / "a").items() <= contents(tmp_path / "b").items()
    assert alone.chips[CHIPS[2]] == together.chips[CHIPS[2]]


def test_faults_change_no_pixel(http_server, tiles, tmp_path, faults):
    web = http_server(tiles)
    fetch(service(web), Folder(tmp_path / "good"))
    bad = faults(web, rate=0.4, kinds=("429", "500", "503", "reset", "reset-mid", "truncated", "garbage"))
    config = service(bad.url)
    got = fetch(config, Folder(tmp_path / "bad"))
    assert bad.faults and not got.missing
    assert sorted(contents(tmp_path / "bad").values()) == sorted(contents(tmp_path / "good").values())


@pytest.mark.parametrize(
    ("status", "said"),
    [("429", "stays unreadable"), ("500", "stays unreadable"), ("403", "VENDOR_KEY"), ("302", "302")],
)
def test_a_service_that_refuses_fails_with_one_sentence_without_the_key(
    http_server, tiles, tmp_path, faults, status, said
):
    bad = faults(http_server(tiles), broken={"png": status})
    with pytest.raises(SourceError, match=said) as failure:
        fetch(service(bad.url), Folder(tmp_path / "store"))
    assert KEY not in str(failure.value) and "{key}" in str(failure.value)


def test_the_key_is_nowhere_in_the_store(http_server, tiles, tmp_path):
    config = service(http_server(tiles), price_per_1000_requests=2, budget=5)
    fetch(config, Folder(tmp_path / "store"))
    files = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not any(KEY.encode() in path.read_bytes() or KEY in path.name for path in files)


def test_a_missing_key_is_named(http_server, tiles, tmp_path, monkeypatch):
    monkeypatch.delenv("VENDOR_KEY")
    with pytest.raises(ConfigError, match="VENDOR_KEY"):
        fetch(service(http_server(tiles)), Folder(tmp_path / "store"))


@pytest.mark.parametrize("key", ["two words", "tab\there", "\u2028", ""])
def test_what_is_no_key_is_refused_and_not_quoted(http_server, tiles, tmp_path, monkeypatch, key):
    monkeypatch.setenv("VENDOR_KEY", key)
    with pytest.raises(ConfigError, match="VENDOR_KEY") as failure:
        fetch(service(http_server(tiles)), Folder(tmp_path / "store"))
    assert not key or key not in str(failure.value)


def test_a_key_read_from_a_file_may_end_with_a_newline(http_server, tiles, tmp_path, monkeypatch, faults):
    monkeypatch.setenv("VENDOR_KEY", f"{KEY}\n")
    with_log = faults(http_server(tiles))
    fetch(service(with_log.url), Folder(tmp_path / "store"), CHIPS[:1])
    assert all(entry.path.endswith(f"?key={KEY}") for entry in with_log.log)


@pytest.mark.parametrize(("epsg", "x"), [(32760, 819_000), (32701, 180_500), (32660, 819_000), (32601, 180_500)])
def test_chips_across_the_antimeridian_need_few_tiles(epsg, x, tmp_path):
    config = service("https://tiles.example")
    y = 8_118_000 if epsg > 32700 else 1_881_000
    lon, _ = transform(f"EPSG:{epsg}", "EPSG:4326", [x], [y])
    east = x + (180 - lon[0] % 360) * 106_000  # the chip on the line itself
    chip = (int(east // CHIP_M), int(y // CHIP_M))
    grid, _ = TileService(config, epsg, Folder(tmp_path))._tiles_of(chip)
    columns = {tile[1] for tile in grid.ravel()}
    assert grid.size <= 9 and columns <= {0, 1, 2**ZOOM - 2, 2**ZOOM - 1}
    assert {0, 2**ZOOM - 1} <= columns


def test_what_was_fetched_before_a_failure_is_kept(http_server, tiles, tmp_path, faults):
    web = http_server(tiles)
    near, far = (
        set(TileService(service(web), EPSG, Folder(tmp_path))._tiles_of(chip)[0].ravel().tolist())
        for chip in (CHIPS[0], CHIPS[3])
    )
    zoom, x, y = min(near - far)
    broken = faults(web, broken={f"/{zoom}/{x}/{y}.png": "500"})
    config = service(broken.url)
    with pytest.raises(SourceError):
        fetch(config, Folder(tmp_path / "store"), reversed(CHIPS))
    before = [entry.path for entry in broken.log if entry.status == 200]
    broken.broken.clear()
    broken.clear()
    assert not fetch(config, Folder(tmp_path / "store")).missing
    assert before and not {entry.path for entry in broken.log} & set(before)


def test_land_without_tiles_is_missing_and_not_asked_for_again(http_server, tmp_path, faults):
    (tmp_path / "empty").mkdir()
    with_log = faults(http_server(tmp_path / "empty"))
    first = fetch(service(with_log.url), Folder(tmp_path / "store"), CHIPS[:1])
    asked = with_log.requests
    second = fetch(service(with_log.url), Folder(tmp_path / "store"), CHIPS[:1])
    assert first.missing == second.missing == CHIPS[:1] and asked == with_log.requests > 0


def test_black_pictures_are_missing_and_counted(http_server, tiles, tmp_path):
    for tile in web_tiles(CHIPS):
        paint(tiles, tile, np.zeros((256, 256, 3), np.uint8))
    got = fetch(service(http_server(tiles)), Folder(tmp_path / "store"))
    assert got.missing == CHIPS and got.black == len(CHIPS) and not contents(tmp_path / "store")


@pytest.mark.parametrize("kind", ["huge", "other size", "no picture"])
def test_what_is_no_web_tile_is_refused(http_server, tiles, tmp_path, kind, monkeypatch):
    monkeypatch.setenv("KILNSCAN_HTTP_ATTEMPTS", "2")
    wrong = {
        "huge": b"\x89PNG" + bytes(5 << 20),
        "other size": _png(512),
        "no picture": b"<html>Please log in</html>",
    }[kind]
    for path in tiles.rglob("*.png"):
        path.write_bytes(wrong)
    with pytest.raises(SourceError):
        fetch(service(http_server(tiles)), Folder(tmp_path / "store"))
    assert not contents(tmp_path / "store")


def _png(side):
    stream = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), 9, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def test_a_budget_stops_before_it_is_passed_and_keeps_what_was_bought(http_server, tiles, tmp_path, faults):
    with_log = faults(http_server(tiles))
    store = Folder(tmp_path / "store")
    priced = {"price_per_1000_requests": 1000.0}  # one a tile
    one = len(TileService(service(with_log.url, **priced), EPSG, store).charges({CHIPS[0]: "x"}))
    fetch(service(with_log.url, budget=one, **priced), store, CHIPS[:1])
    assert with_log.requests == one
    with pytest.raises(ImageryError, match=rf"budget of {one}\.00 EUR would be passed: {one}\.00 are spent"):
        fetch(service(with_log.url, budget=one, **priced), store)
    assert with_log.requests == one, "nothing is fetched that cannot be paid"
    fetch(service(with_log.url, budget=1000, **priced), store)
    purse = Purse.of(service(with_log.url, budget=1000, **priced), store, "r")
    assert purse.spent() == with_log.requests, "each request was paid once, and no other"


# STAC


def image(folder, name, *, epsg=EPSG, bounds=None, black=False, count=3):
    """A COG over the chips' surroundings in a CRS of its own."""
    west, south, east, north = bounds or (4399 * CHIP_M, 18_999 * CHIP_M, 4403 * CHIP_M, 19_003 * CHIP_M)
    west, south, east, north = transform_bounds(f"EPSG:{EPSG}", f"EPSG:{epsg}", west, south, east, north)
    pixel = 1.0 if epsg != 4326 else 1e-5
    columns, rows = round((east - west) / pixel), round((north - south) / pixel)
    x, y = np.meshgrid(west + (np.arange(columns) + 0.5) * pixel, north - (np.arange(rows) + 0.5) * pixel)
    x, y = (np.array(v).reshape(rows, columns) for v in transform(f"EPSG:{epsg}", "EPSG:3857", x.ravel(), y.ravel()))
    pixels = np.zeros((count, rows, columns), np.uint8) if black else np.rint(colours(x, y)).astype(np.uint8)[:count]
    folder.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff", "dtype": "uint8", "count": count, "height": rows, "width": columns, "crs": f"EPSG:{epsg}",
        "transform": Affine(pixel, 0, west, 0, -pixel, north), "tiled": True, "blockxsize": 256, "blockysize": 256,
        "compress": "deflate",
    }  # fmt: skip
    with rasterio.open(folder / name, "w", **profile) as target:
        target.write(pixels)
    return (west, south, east, north), epsg


def item(name, href, place, *, day="2025-01-05", cloud=0.0):
    """A STAC item of an image."""
    (west, south, east, north), epsg = place
    west, south, east, north = transform_bounds(f"EPSG:{epsg}", "EPSG:4326", west, south, east, north)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "sentinel-2-l2a",
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": [west, south, east, north], "links": [],
        "properties": {"datetime": f"{day}T05:00:00Z", "eo:cloud_cover": cloud},
        "assets": {"visual": {"href": href, "type": "image/tiff"}},
    }  # fmt: skip


def listed(path, *items):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(items)}))
    return str(path)


def images(catalog, **more):
    said = {"collections": ["sentinel-2-l2a"], "start": "2025-01-01", "end": "2025-12-31", "resolution_m": 1.0}
    return Imagery(provider="stac", catalog=catalog, **(said | RIGHTS | more))


def bring(config, store, chips=CHIPS):
    with gdal_patience():
        return acquire(StacImages(config, EPSG, list(chips)), "stac", EPSG, list(chips), store)


@pytest.fixture
def vendor(tmp_path, http_server):
    """Web server of images: the folder and its address."""
    folder = tmp_path / "images"
    folder.mkdir()
    return folder, http_server(folder)


@pytest.mark.parametrize("epsg", [EPSG, 32644, 4326, 3857])
def test_chips_are_cut_from_images_in_any_crs(vendor, stac_api, tmp_path, epsg):
    folder, web = vendor
    place = image(folder, "a.tif", epsg=epsg)
    api = stac_api([item("a", f"{web}/a.tif", place)])
    got = bring(images(api), Folder(tmp_path / "store"))
    assert not got.missing
    for chip, key in got.chips.items():
        pixels, valid = read_chips([key], Folder(tmp_path / "store"))[key]
        assert valid.all() and np.abs(pixels - expected(chip, 1.0)).max() <= 3


def test_the_clearest_and_then_the_newest_image_is_taken(vendor, tmp_path):
    folder, web = vendor
    place = image(folder, "a.tif")
    names = {
        "old": ("2025-02-01", 0),
        "new": ("2025-03-01", 5),
        "cloudy": ("2025-04-01", 60),
        "gone": ("2024-01-01", 0),
    }
    features = [item(name, f"{web}/a.tif", place, day=day, cloud=cloud) for name, (day, cloud) in names.items()]
    # a list in a file beside the test, whose own host is this machine
    provider = StacImages(images(listed(tmp_path / "list.json", *features)), EPSG, CHIPS)
    assert [chip for chip, *_ in provider.fetch(CHIPS)] == CHIPS
    assert {day for chip in CHIPS for day in provider.dates_of(chip)} == {"2025-03-01"}


def test_what_one_image_lacks_another_fills(vendor, tmp_path):
    folder, web = vendor
    west = (4399 * CHIP_M, 18_999 * CHIP_M, 4400.5 * CHIP_M, 19_003 * CHIP_M)
    features = [
        item("west", f"{web}/west.tif", image(folder, "west.tif", bounds=west), day="2025-06-01"),
        item("all", f"{web}/all.tif", image(folder, "all.tif")),
    ]
    got = bring(images(listed(tmp_path / "list.json", *features)), Folder(tmp_path / "store"))
    assert not got.missing
    for chip, key in got.chips.items():
        pixels, valid = read_chips([key], Folder(tmp_path / "store"))[key]
        assert valid.all() and np.abs(pixels - expected(chip, 1.0)).max() <= 3


def test_faults_of_the_image_server_change_no_pixel(vendor, tmp_path, faults):
    folder, web = vendor
    place = image(folder, "a.tif")
    good = bring(images(listed(tmp_path / "good.json", item("a", f"{web}/a.tif", place))), Folder(tmp_path / "good"))
    bad = faults(web, rate=0.3, kinds=("429", "500", "503", "reset"))
    got = bring(images(listed(tmp_path / "bad.json", item("a", f"{bad.url}/a.tif", place))), Folder(tmp_path / "bad"))
    assert bad.faults and not good.missing and not got.missing
    assert sorted(contents(tmp_path / "bad").values()) == sorted(contents(tmp_path / "good").values())


@pytest.mark.parametrize("kind", ["500", "truncated", "garbage", "404"])
def test_a_broken_image_fails_with_one_sentence(vendor, tmp_path, faults, kind, monkeypatch):
    monkeypatch.setenv("KILNSCAN_HTTP_ATTEMPTS", "2")
    folder, web = vendor
    place = image(folder, "a.tif")
    bad = faults(web, broken={"a.tif": kind})
    with pytest.raises(ImageryError, match=r"a\.tif"):
        bring(images(listed(tmp_path / "list.json", item("a", f"{bad.url}/a.tif", place))), Folder(tmp_path / "store"))
    assert not contents(tmp_path / "store")


def test_an_image_that_lies_elsewhere_than_its_item_says_is_missing(vendor, tmp_path):
    folder, web = vendor
    image(folder, "a.tif", bounds=(700_000, 3_000_000, 701_000, 3_001_000))
    right = image(folder, "b.tif")
    got = bring(images(listed(tmp_path / "list.json", item("a", f"{web}/a.tif", right))), Folder(tmp_path / "store"))
    assert got.missing == CHIPS


def test_a_strangers_vrt_is_not_opened(vendor, tmp_path):
    folder, web = vendor
    place = image(tmp_path / "private", "secret.tif")
    secret = tmp_path / "private" / "secret.tif"
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{n}"><SimpleSource><SourceFilename>{secret}</SourceFilename>'
        f"<SourceBand>{n}</SourceBand></SimpleSource></VRTRasterBand>"
        for n in (1, 2, 3)
    )
    with rasterio.open(secret) as source:
        size, geo = source.shape, ", ".join(map(str, source.transform.to_gdal()))
    (folder / "a.tif").write_text(
        f'<VRTDataset rasterXSize="{size[1]}" rasterYSize="{size[0]}"><SRS>EPSG:{EPSG}</SRS>'
        f"<GeoTransform>{geo}</GeoTransform>{bands}</VRTDataset>"
    )
    with pytest.raises(ImageryError, match="Cannot open"):
        bring(images(listed(tmp_path / "list.json", item("a", f"{web}/a.tif", place))), Folder(tmp_path / "store"))


@pytest.mark.parametrize("href", ["file:///etc/passwd", "/etc/passwd", "http://192.168.0.1/a.tif", "../../a.tif"])
def test_links_that_lead_astray_are_refused(tmp_path, href):
    place = ((4399 * CHIP_M, 18_999 * CHIP_M, 4403 * CHIP_M, 19_003 * CHIP_M), EPSG)
    with pytest.raises(CatalogueError, match="links to"):
        bring(images(listed(tmp_path / "list.json", item("a", href, place))), Folder(tmp_path / "store"))


def test_an_item_without_the_asset_says_so(tmp_path):
    place = ((4399 * CHIP_M, 18_999 * CHIP_M, 4403 * CHIP_M, 19_003 * CHIP_M), EPSG)
    wrong = item("a", "a.tif", place)
    wrong["assets"] = {"data": wrong["assets"]["visual"]}
    with pytest.raises(CatalogueError, match=r"no asset 'visual'.*imagery\.asset"):
        bring(images(listed(tmp_path / "list.json", wrong)), Folder(tmp_path / "store"))


def test_footprints_that_promise_too_much_and_items_that_say_little_are_borne(vendor, tmp_path):
    folder, web = vendor
    west = (4399 * CHIP_M, 18_999 * CHIP_M, 4400.5 * CHIP_M, 19_003 * CHIP_M)
    whole = image(folder, "all.tif")
    image(folder, "west.tif", bounds=west)
    boastful = item("boastful", f"{web}/west.tif", whole, day="2025-06-01")  # its frame, not what it shows
    terse = item("terse", f"{web}/all.tif", whole)
    terse["properties"] = {"datetime": None, "start_datetime": "2025-02-01T00:00:00Z", "eo:cloud_cover": None}
    terse["geometry"] = {"type": "MultiPolygon", "coordinates": [terse["geometry"]["coordinates"]]}
    foreign = item("foreign", f"{web}/west.tif", whole, day="2025-07-01") | {"collection": "another"}
    got = bring(images(listed(tmp_path / "list.json", boastful, terse, foreign)), Folder(tmp_path / "store"))
    assert not got.missing
    assert all(read_chips([key], Folder(tmp_path / "store"))[key][1].all() for key in got.chips.values())


def test_a_newer_image_is_no_reason_to_pay_again(vendor, tmp_path, faults):
    folder, web = vendor
    place = image(folder, "a.tif")
    files = faults(web)
    first = item("a", f"{files.url}/a.tif", place)
    config = images(listed(tmp_path / "list.json", first), price_per_km2=100, budget=100)
    scenes = {"tile": {"id": "t", "epsg": EPSG}}
    before = acquire_for_tile(scenes, [], [(4401, 19_001)], config, Folder(tmp_path / "store"), "r")
    files.clear()
    listed(tmp_path / "list.json", first, item("b", f"{files.url}/a.tif", place, day="2025-09-09"))
    after = acquire_for_tile(scenes, [], [(4401, 19_001)], config, Folder(tmp_path / "store"), "r")
    assert after == before and not files.log
    assert set(map(tuple, after["chip_dates"].values())) == {("2025-01-05",)}


def test_the_key_goes_to_the_catalogues_own_host_only(vendor, stac_api, tmp_path, faults):
    folder, web = vendor
    place = image(folder, "a.tif")
    files = faults(web)
    elsewhere = files.url.replace("127.0.0.1", "localhost")
    api = faults(stac_api([item("a", f"{files.url}/a.tif", place)]))
    bring(images(api.url, key_env="VENDOR_KEY"), Folder(tmp_path / "store"))
    assert api.log and all(entry.signed for entry in api.log)
    assert files.log and not any(entry.signed for entry in files.log), "another port is another address"
    files.clear()
    catalog = listed(tmp_path / "list.json", item("a", f"{elsewhere}/a.tif", place))
    bring(images(catalog, key_env="VENDOR_KEY"), Folder(tmp_path / "other"))
    assert files.log and not any(entry.signed for entry in files.log)


def test_a_chip_of_a_catalogue_is_fetched_and_paid_once(vendor, tmp_path, faults):
    folder, web = vendor
    place = image(folder, "a.tif")
    files = faults(web)
    config = images(
        listed(tmp_path / "list.json", item("a", f"{files.url}/a.tif", place)), price_per_km2=100, budget=100
    )
    scenes = {"tile": {"id": "t", "epsg": EPSG}}
    windows = [(4401, 19_001)]
    first = acquire_for_tile(scenes, [], windows, config, Folder(tmp_path / "store"), "r")
    asked = files.requests
    second = acquire_for_tile(scenes, [], windows, config, Folder(tmp_path / "store"), "r")
    assert first == second and files.requests == asked > 0
    assert Purse.of(config, Folder(tmp_path / "store"), "r").spent() == pytest.approx(4 * CHIP_M**2 / 1e6 * 100)
    assert first["licence"] == RIGHTS["licence"] and first["dates"] == ["2025-01-05"]


def test_a_key_does_not_travel_in_the_clear(tmp_path):
    with pytest.raises(ValueError, match="in the clear"):
        images("http://api.vendor.example/", key_env="VENDOR_KEY")
    with pytest.raises(ValueError, match="in the clear"):
        service("http://tiles.example")
    provider = StacImages(images("https://api.vendor.example/v1", key_env="VENDOR_KEY"), EPSG, [])
    told = {"item": "a", "day": "2025-01-01", "cloud": 0.0, "footprint": None}
    for href, given in {
        "https://api.vendor.example/a.tif": True,
        "http://api.vendor.example/a.tif": False,
        "https://api.vendor.example:8443/a.tif": False,
        "https://files.vendor.example/a.tif": False,
    }.items():
        assert isinstance(provider._permission(VendorImage(href=href, **told)), rasterio.Env) == given, href


def test_jobs_side_by_side_stay_within_the_budget(tmp_path):
    purse = Purse(Folder(tmp_path), "r", 10.0, "EUR")

    def buy(number):
        try:
            purse.pay({f"thing {number}": 1.0, "what all share": 1.0})
        except ImageryError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        bought = sum(pool.map(buy, range(40)))
    assert bought == 9 and purse.spent() == 10.0
