"""The web map in a real browser: from disk and from a server, with mouse and keyboard, and with hostile data."""

import csv
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

Page = Any
Open = Callable[..., Page]


@pytest.fixture
def visit(chromium: Any) -> Iterator[Open]:
    """Open an address and wait for the map; no request may leave this machine and no error may be thrown."""
    contexts, strangers, errors = [], [], []

    def go(address: str, width: int = 1280, height: int = 800, **options: Any) -> Page:
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        local = ("file:", "data:", "blob:", "http://127.0.0.1:")
        page.on("request", lambda request: None if request.url.startswith(local) else strangers.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(address)
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        return page

    yield go
    for context in contexts:
        context.close()
    assert strangers == []
    assert errors == []


def settle(page: Page) -> None:
    """Wait until the map stands still and all is drawn."""
    page.evaluate("() => new Promise((done) => (window.__map.loaded() ? done() : window.__map.once('idle', done)))")


def drawn(page: Page, layer: str) -> int:
    settle(page)
    return page.evaluate("(layer) => window.__map.queryRenderedFeatures({layers: [layer]}).length", layer)


def click_kiln(page: Page, kiln: Any, zoom: float) -> None:
    page.evaluate("([lon, lat, zoom]) => window.__map.jumpTo({center: [lon, lat], zoom})", [kiln.lon, kiln.lat, zoom])
    settle(page)
    spot = page.evaluate(
        "([lon, lat]) => { const p = window.__map.project([lon, lat]), r = window.__map.getCanvas()"
        ".getBoundingClientRect(); return [p.x + r.x, p.y + r.y] }",
        [kiln.lon, kiln.lat],
    )
    page.mouse.click(*spot)


@pytest.fixture
def plain_address(site: Path) -> Iterator[str]:
    """The site from Python's own server, which knows no byte ranges."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site))) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}/"
        web.shutdown()


@pytest.mark.parametrize("way", ["file", "ranges", "plain"])
def test_map_opens_from_disk_and_from_any_server(
    visit: Open, site: Path, address: str, plain_address: str, way: str
) -> None:
    page = visit({"file": (site / "index.html").as_uri(), "ranges": address, "plain": plain_address}[way])
    for layer in ("kilns-clusters", "candidates-fill", "coverage-cloudy", "coverage-line"):
        assert drawn(page, layer) > 0, layer
    page.get_by_label("Areas given a second look").check()
    assert drawn(page, "acquired-fill") > 0


@pytest.mark.parametrize("zoom", [12.5, 15.5])
def test_click_on_a_kiln_opens_its_panel(visit: Open, address: str, kilns: gpd.GeoDataFrame, zoom: float) -> None:
    kiln = kilns.iloc[3]
    page = visit(address)
    click_kiln(page, kiln, zoom)
    panel = page.locator("#panel")
    assert panel.locator("h2").text_content(timeout=5000) == f"Kiln {kiln.id}"
    text = panel.text_content()
    for fact in (kiln.tile, kiln.first_seen, kiln.licence, f"{kiln.score:.0%}".replace("%", " %")):
        assert fact in text
    width = "(image) => image.decode().then(() => image.naturalWidth)"  # waits until it is loaded
    assert panel.locator("img").evaluate(width) == 256
    assert kiln.id in page.evaluate("location.hash")
    page.keyboard.press("Escape")
    assert panel.is_hidden()


def test_click_on_a_hole_says_why_it_is_one(visit: Open, address: str) -> None:
    page = visit(address)
    page.evaluate("window.__map.jumpTo({center: [77.395, 28.595], zoom: 13})")
    settle(page)
    page.mouse.click(700, 450)
    assert "No clear look in 11 scenes." in page.locator("#panel").text_content(timeout=5000)
    assert "Too cloudy, not searched: 1 tile" in page.locator("#filters").text_content()


def test_filters_count_what_is_in_the_data(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    page = visit(address)
    shown = page.locator("#shown")
    assert shown.text_content() == str(len(kilns))
    page.get_by_label("Fixed chimney").uncheck()
    assert int(shown.text_content()) == (kilns["type"] != "FCBK").sum()
    page.locator("#score").fill("0.8")
    good = kilns[kilns["score"].round(4) >= 0.8]
    assert int(shown.text_content()) == (good["type"] != "FCBK").sum()
    assert int(page.locator("output[data-type=FCBK]").text_content()) == (good["type"] == "FCBK").sum()
    assert page.locator("#status").text_content() == f"{(good['type'] != 'FCBK').sum()} of 60 kilns shown"
    with page.expect_download() as download:
        page.locator("#csv").click()
    with download.value.path().open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {row["id"] for row in rows} == set(good.loc[good["type"] != "FCBK", "id"])
    page.get_by_role("button", name="Clear", exact=True).click()
    assert shown.text_content() == str(len(kilns))


def test_table_opens_a_kiln_by_keyboard_alone(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    page = visit(address)
    page.keyboard.press("Tab")  # the skip link comes first
    for key in ("Enter", "Enter", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    third = kilns.sort_values("score", ascending=False, kind="stable")["id"].iloc[2]
    assert page.locator("#panel h2").text_content(timeout=5000) == f"Kiln {third}"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == third
    page.locator("th[data-name=length_m] button").press("Enter")
    assert page.locator("th[data-name=length_m]").get_attribute("aria-sort") == "descending"
    longest = kilns.loc[kilns["length_m"].idxmax(), "id"]
    assert page.locator("tbody tr").first.get_attribute("data-id") == longest


def test_search_finds_ids_and_places(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    page = visit(address)
    search = page.get_by_role("searchbox")
    search.fill(kilns["id"][7][-6:].lower())
    search.press("Enter")
    assert page.locator("#panel h2").text_content(timeout=5000) == f"Kiln {kilns['id'][7]}"
    search.fill("28.5, 77.1")
    search.press("Enter")
    settle(page)
    page.wait_for_function("Math.abs(window.__map.getCenter().lng - 77.1) < 0.001")
    search.fill("<img src=x onerror=alert(1)>")
    assert "No kiln has this id" in page.locator("#results").text_content()


def test_shared_link_restores_the_view(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    kiln = kilns.iloc[5]
    page = visit(f"{address}#map=14/{kiln.lat}/{kiln.lon}&kiln={kiln.id}&types=zigzag&score=0.5&layers=kilns,acquired")
    assert page.locator("#panel h2").text_content() == f"Kiln {kiln.id}"
    assert int(page.locator("#shown").text_content()) == ((kilns["type"] == "zigzag") & (kilns["score"] >= 0.5)).sum()
    assert page.evaluate("window.__map.getZoom()") == pytest.approx(14)
    assert not page.get_by_label("Candidates").is_checked()
    visit(f"{address}#map=nonsense&kiln=unknown&types=%00&score=-4&layers=__proto__")


def test_synthetic_data_says_so_and_real_data_does_not(visit: Open, address: str, write: Callable[..., Path]) -> None:
    page = visit(address)
    assert page.get_by_text("SYNTHETIC DEMO DATA", exact=True).is_visible()
    page.get_by_role("button", name="About").click()
    assert "97 %" in page.locator("#about").text_content()
    page = visit((write(synthetic=False, metrics=None) / "index.html").as_uri())
    assert not page.get_by_text("SYNTHETIC DEMO DATA", exact=True).is_visible()
    page.get_by_role("button", name="About").click()
    assert "accuracy here is not known" in page.locator("#about").text_content()


def test_an_atlas_without_kilns_is_a_map_too(visit: Open, write: Callable[..., Path], kilns: gpd.GeoDataFrame) -> None:
    page = visit((write(kilns.iloc[:0]) / "index.html").as_uri())
    assert page.locator("#shown").text_content() == "0"
    page.get_by_role("button", name="Table").click()
    assert page.locator("#table h2").text_content() == "0 kilns"


def test_text_in_the_data_is_never_run(visit: Open, write: Callable[..., Path], kilns: gpd.GeoDataFrame) -> None:
    hostile = "</script><img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
    bad = kilns.iloc[:5].copy()
    for column in ("id", "type", "tile", "provider", "licence", "attribution", "first_seen"):
        bad[column] = [f"{hostile}{index}" for index in range(5)]
    texts = {"title": hostile, "region": hostile, "attribution": [hostile], "licences": [hostile], "commit": hostile}
    models = [{"name": hostile, "sha256": hostile, "card": hostile}]
    page = visit((write(bad, **texts, models=models) / "index.html").as_uri())
    page.get_by_role("button", name="Table").click()
    page.locator("tbody button").first.click()
    assert page.locator("#panel h2").text_content().startswith("Kiln </script>")
    page.get_by_role("button", name="About").click()
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x]").count() == 0


def test_phone_shows_sheets_that_fit(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    page = visit(f"{address}#kiln={kilns['id'][0]}", 390, 844, has_touch=True)
    sheet = page.locator("#panel").bounding_box()
    assert (sheet["x"], sheet["width"]) == (0, 390)
    assert sheet["y"] + sheet["height"] == pytest.approx(844, abs=1)
    page.get_by_role("button", name="Close", exact=True).tap()
    page.get_by_role("button", name="Filters", exact=True).tap()
    assert page.get_by_role("searchbox").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
