"""The web map in a real browser: from disk and from a server, with mouse and keyboard, and with hostile data."""

import base64
import csv
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from kilnscan.config_impact import Map, Satellite
from kilnscan.site_words import LANGUAGES
from tests.browser.conftest import make_areas, make_change, make_kilns, make_reports, make_sources

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

Page = Any
Open = Callable[..., Page]

AXE = Path(__file__).parents[2] / "site" / "node_modules" / "axe-core" / "axe.min.js"
ENGLISH = json.loads((LANGUAGES / "en.json").read_text(encoding="utf-8"))
ANY = {"Access-Control-Allow-Origin": "*"}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
KEY = re.compile(r"\b[a-z]+(?:[._][a-z0-9_]+)+\b")


@pytest.fixture
def visit(chromium: Any) -> Iterator[Open]:
    """Open an address and wait for the map; no request may leave this machine and no error may be thrown."""
    contexts, strangers, errors = [], [], []

    def go(address: str, width: int = 1000, height: int = 700, allow: str = "data:", **options: Any) -> Page:
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        local = ("file:", "data:", "blob:", "http://127.0.0.1:", allow)
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


def until(page: Page, true: str) -> None:
    """Wait up to a minute until a function of the page says true. (The page refuses Playwright's own waiting.)"""
    last = time.monotonic() + 60
    while not page.evaluate(true):
        assert time.monotonic() < last, f"{true} did not come true"
        page.wait_for_timeout(100)


def drawn(page: Page, layer: str, fewer_than: int = sys.maxsize) -> int:
    """How many features of a layer stand on the screen, once two looks in a row agree.

    The map may call itself loaded before data set just now are drawn: looks go on for up to a minute until there are
    some, and fewer than asked for.
    """
    last = time.monotonic() + 60
    count = 0
    while time.monotonic() < last:
        settle(page)
        earlier = count
        count = page.evaluate("(layer) => window.__map.queryRenderedFeatures({layers: [layer]}).length", layer)
        if 0 < count == earlier < fewer_than:
            break
        page.wait_for_timeout(200)
    return count


def serious(page: Page) -> list[str]:
    """Findings of axe-core that matter: rule and place."""
    assert AXE.is_file(), "axe-core is missing: run `npm ci` in site/ first"
    page.evaluate(AXE.read_text(encoding="utf-8"))  # the page's policy would refuse a script element
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)")
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in grave for node in one["nodes"]]


def untranslated(page: Page) -> set[str]:
    """Keys of the dictionary that stand on the page instead of words."""
    return set(KEY.findall(page.locator("body").inner_text())) & set(ENGLISH)


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
    until(page, "() => !!window.__map.getLayer('candidates-fill')")
    for layer in ("kilns-clusters", "candidates-fill", "coverage-cloudy", "coverage-line"):
        assert drawn(page, layer) > 0, layer
    if way == "file":
        page.get_by_label("Areas given a second look").check()
        until(page, "() => !!window.__map.getLayer('acquired-fill')")
        assert drawn(page, "acquired-fill") > 0
        page.get_by_role("searchbox").fill(make_kilns()["id"][7])
        page.get_by_role("searchbox").press("Enter")
        page.locator(".kiln-facts:not([aria-busy])").get_by_text("Who lives near").wait_for(timeout=60_000)


@pytest.mark.parametrize("zoom", [12.5, 15.5])
def test_click_on_a_kiln_opens_its_panel(visit: Open, address: str, kilns: gpd.GeoDataFrame, zoom: float) -> None:
    kiln = kilns.iloc[3 if zoom < 13 else 6]
    page = visit(address)
    click_kiln(page, kiln, zoom)
    panel = page.locator("#panel")
    assert panel.locator("h2").text_content(timeout=60_000) == f"Kiln {kiln.id}"
    panel.locator(".kiln-facts:not([aria-busy])").wait_for(timeout=60_000)
    text = panel.inner_text()
    facts = [kiln.tile, kiln.first_seen, kiln.licence, f"{kiln.score:.0%}".replace("%", " %"), kiln.area]
    facts += [f"{kiln.schools_2km}", "No kiln within 500 m of a village", "section 4(a)", "350 m away, limit 500 m"]
    for fact in [*facts, "Plant 17" if zoom > 13 else "Other sources within 5 km"]:
        assert fact in text, fact
    assert ("A kiln · Zigzag · working" in text.replace("2025-02-03 · ", "")) == (kiln.id == kilns["id"][3])
    width = "(image) => image.decode().then(() => image.naturalWidth)"  # waits until it is loaded
    assert panel.locator("img").count() == (2 if kiln.chip_before else 1)
    assert ("Earlier · 2018 · Earlier Org" in text and f"Now · {kiln.attribution}" in text) == bool(kiln.chip_before)
    assert panel.locator("img").last.evaluate(width) == 256
    assert kiln.id in page.evaluate("location.hash")
    if zoom < 13:
        panel.get_by_role("button", name="How sure is this?").click()
        assert page.evaluate("document.activeElement.id") == "about-accuracy"
        page.keyboard.press("Escape")
    else:
        pdf = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
        sheet = page.locator("#evidence").text_content()
        for fact in (kiln.id, "section 4(a)", "0123abc", "CC BY 4.0", "97 %", "#map=", "Nobody 2025"):
            assert fact in sheet, fact
    panel.locator("h2").focus()
    page.keyboard.press("Escape")
    assert panel.is_hidden()


def test_click_on_a_hole_says_why_it_is_one(visit: Open, address: str) -> None:
    page = visit(f"{address}#map=13/28.595/77.395")
    settle(page)
    page.mouse.click(560, 400)
    assert "No clear look in 11 scenes." in page.locator("#panel").text_content(timeout=60_000)
    assert "Too cloudy, not searched: 1 tile" in page.locator("#filters").text_content()


def shown(page: Page) -> int:
    return int(page.locator("#shown").text_content())


def test_filters_count_what_is_in_the_data(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    page = visit(address)
    assert shown(page) == len(kilns)
    page.get_by_label("Fixed chimney").uncheck()
    other = kilns["type"] != "FCBK"
    assert shown(page) == other.sum()
    page.locator("#score").fill("0.8")
    good = kilns["score"].round(4) >= 0.8
    assert shown(page) == (good & other).sum()
    assert int(page.locator("output[data-word=FCBK]").text_content()) == (good & ~other).sum()
    assert page.locator("#status").text_content() == f"{(good & other).sum()} of 60 kilns shown"
    with page.expect_download() as download:
        page.locator("#csv").click()
    assert download.value.suggested_filename == "kilns-demo.csv"
    with download.value.path().open(newline="") as handle:
        rows = {row["id"]: row for row in csv.DictReader(handle)}
    assert set(rows) == set(kilns.loc[good & other, "id"])
    kiln = kilns[good & other].iloc[0]
    assert float(rows[kiln.id]["pm25_t_high"]) == pytest.approx(kiln.pm25_t_high, abs=0.001)
    with page.expect_download() as download:
        page.locator("#geojson").click()
    written = gpd.read_file(download.value.path()).set_index("id")
    assert written.loc[kiln.id].geometry.symmetric_difference(kiln.geometry).area < 0.02 * kiln.geometry.area
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_text("Place and year").click()
    page.get_by_label("First year").select_option("2020")
    page.get_by_label("Last year").select_option("2022")
    year = kilns["first_seen"].str[:4].astype(int).between(2020, 2022)
    assert shown(page) == year.sum()
    page.get_by_label("State or province").fill("haryana")
    page.get_by_label("State or province").press("Enter")
    page.locator("#part-siting summary").click()
    page.get_by_label("Breaks a rule").check()
    broken = year & (kilns["state"] == "Haryana") & (kilns["siting"] == "breaks")
    assert shown(page) == broken.sum()
    page.get_by_label("within 1 km of a school").check()
    assert shown(page) == (broken & kilns["rules_broken"].str.contains("school-1000")).sum()
    page.get_by_role("button", name="Remove Haryana").click()
    assert page.locator("#states-input").evaluate("(input) => input === document.activeElement")


def test_table_opens_a_kiln_by_keyboard_alone(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    page = visit(address)
    page.keyboard.press("Tab")  # the skip link comes first
    for key in ("Enter", "Enter", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    third = kilns.sort_values("score", ascending=False, kind="stable")["id"].iloc[2]
    assert page.locator("#panel h2").text_content(timeout=60_000) == f"Kiln {third}"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == third
    page.locator("th[data-name=length_m] button").press("Enter")
    assert page.locator("th[data-name=length_m]").get_attribute("aria-sort") == "descending"
    longest = kilns.loc[kilns["length_m"].idxmax(), "id"]
    assert page.locator("#table tbody tr").first.get_attribute("data-id") == longest
    assert "Breaks a rule" in page.locator("#table").inner_text()


def test_search_finds_ids_names_and_places(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    page = visit(address)
    search = page.get_by_role("searchbox")
    title = page.locator("#panel h2")
    for typed, found in (
        (kilns["id"][7][-6:].lower(), f"Kiln {kilns['id'][7]}"),
        ("east", "East"),
        ("plant 17", "Plant 17"),
    ):
        search.fill(typed)
        search.press("Enter")
        assert title.text_content(timeout=60_000) == found
    search.fill("28.5, 77.1")
    search.press("Enter")
    settle(page)
    until(page, "() => Math.abs(window.__map.getCenter().lng - 77.1) < 0.001")
    search.fill("Plant 23")  # its licence does not allow showing it
    assert "Nothing has this id" in page.locator("#results").text_content()
    search.fill("<img src=x onerror=alert(1)>")
    assert "Nothing has this id" in page.locator("#results").text_content()


def test_shared_link_restores_the_view(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    kiln = kilns.iloc[8]
    chosen = (
        f"kiln={kiln.id}&types=clamp&types=zigzag&types=FCBK&score=0.5&years=2019-2022&country=IND&state=Haryana"
        "&area=West%2C+Haryana&siting=breaks&rule=habitation-500&show=so2&kind=cement&status=operating"
        "&base=dark&metric=air&layers=areas%2Ckilns%2Csources"
    ).replace("&types=FCBK", "")
    page = visit(f"{address}#map=14/{kiln.lat}/{kiln.lon}&{chosen}")
    assert page.locator("#panel h2").text_content() == f"Kiln {kiln.id}"
    broken = kilns["rules_broken"].str.contains("habitation") & (kilns["state"] == "Haryana")
    expected = (kilns["type"] != "FCBK") & (kilns["score"] >= 0.5) & (kilns["first_seen"] < "2023") & broken
    assert shown(page) == expected.sum()
    assert page.evaluate("window.__map.getZoom()") == pytest.approx(14)
    assert not page.get_by_label("Candidates").is_checked()
    assert page.locator("#metric").input_value() == "air"
    assert page.locator("#measure").input_value() == "so2"
    sources = make_sources().iloc[:23]
    cement = ((sources["kind"] == "cement") & (sources["status"] == "operating")).sum()
    assert page.locator(".below label:has([value=cement]) output").text_content() == str(cement)
    assert sorted(page.evaluate("location.hash").split("&")[1:]) == sorted(chosen.split("&"))
    page.evaluate("location.hash = '#map=nonsense&kiln=x&types=%00&score=-4&layers=__proto__&around=1/2/99&years=9-1'")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert shown(page) == 0  # no type at all


def test_sums_around_a_point_are_those_of_the_table(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    page = visit(address)
    page.get_by_role("button", name="Around a point").press("Enter")
    page.get_by_label("Latitude, longitude", exact=True).fill("95, 77")
    page.get_by_role("button", name="Add up").press("Enter")
    assert page.locator("#around-fault").is_visible()
    page.get_by_label("Latitude, longitude", exact=True).fill("28.4, 77.2")
    page.get_by_label("Radius in km").fill("12")
    page.get_by_role("button", name="Add up").press("Enter")

    def inside(table: gpd.GeoDataFrame) -> np.ndarray:
        lon, lat = np.radians(table.geometry.x), np.radians(table.geometry.y)
        h = np.sin((lat - np.radians(28.4)) / 2) ** 2
        h += np.cos(lat) * np.cos(np.radians(28.4)) * np.sin((lon - np.radians(77.2)) / 2) ** 2
        return (2 * 6371.0088 * np.arcsin(np.sqrt(h)) <= 12).to_numpy()

    near = kilns[inside(kilns.set_geometry(gpd.points_from_xy(kilns.lon, kilns.lat), crs=None))]
    assert page.locator("#around-kilns").text_content() == str(len(near))
    text = page.locator("#around-sums").inner_text()
    for end in ("", "_low", "_high"):
        total = float(f"{near[f'co2_t{end}'].sum():.3g}")  # three digits, as the page writes it
        assert f"{total:,.0f}" in text
    sources = make_sources().iloc[:23].set_crs(None, allow_override=True)
    for kind, number in sources[inside(sources)]["kind"].value_counts().items():
        assert re.search(rf"{kind}\s+{number}\b", text, re.IGNORECASE)
    for siting, words in (("breaks", "Breaks a rule"), ("meets", "Meets the rules")):
        assert re.search(rf"{words}\s+{(near['siting'] == siting).sum()}\b", text)
    assert "around=28.4/77.2/12" in page.evaluate("decodeURIComponent(location.hash)")
    page.mouse.click(400, 300)
    until(page, "() => !location.hash.includes('28.4%2F77.2')")


def test_what_is_not_known_of_kilns_is_left_out_of_sums_and_not_taken_for_nothing(
    visit: Open, write: Callable[..., Path], kilns: gpd.GeoDataFrame
) -> None:
    some = kilns.copy()
    missing = np.arange(len(some)) % 3 > 0
    some.loc[missing, [name for name in some.columns if re.search(r"_t(_low|_high)?$", name)]] = np.nan
    page = visit(f"{(write(some) / 'index.html').as_uri()}#around=28.4/77.2/50&show=pm25")
    page.get_by_role("button", name="Around a point").press("Enter")
    text = page.locator("#around-sums").inner_text()
    assert f"without {missing.sum()} kilns" in text
    assert f"{float(f'{some.co2_t.sum():.3g}'):,.0f}" in text
    none = some[missing].reset_index(drop=True)
    page = visit(f"{(write(none) / 'index.html').as_uri()}#around=28.4/77.2/50&show=pm25")
    page.get_by_role("button", name="Around a point").press("Enter")
    assert page.locator("#around-kilns").text_content() == str(len(none))
    assert "tonnes" not in page.locator("#around-sums").inner_text().lower()
    labels = "window.__map.querySourceFeatures('kilns').flatMap((one) => one.properties.label ?? [])"
    assert set(page.evaluate(labels)) == {"\u2013"}


def test_areas_are_coloured_listed_and_filtered_by(visit: Open, address: str, kilns: gpd.GeoDataFrame) -> None:
    page = visit(f"{address}#layers=areas,kilns")
    assert drawn(page, "areas-fill") >= 2
    legend = page.locator(".below .classes").first
    page.locator("#metric").select_option(label="PM2.5 in the air, µg/m³")
    assert "110 or more" in legend.inner_text()
    page.evaluate("window.__map.jumpTo({center: [77.3, 28.3], zoom: 10.5})")
    settle(page)
    page.mouse.click(620, 420)
    panel = page.locator("#panel")
    assert panel.locator("h2").text_content(timeout=60_000) == "East"
    east = make_areas(kilns).set_index("area").loc["East"]
    for words in ("Uttar Pradesh", f"Kilns\n{east.kilns}", "PM2.5 in the air", "111", "868 km²"):
        assert words in panel.inner_text()
    panel.get_by_role("button", name="Only kilns here").click()
    assert shown(page) == east.kilns


def test_sources_are_filtered_by_kind_and_reports_are_shown(visit: Open, address: str) -> None:
    page = visit(f"{address}#layers=sources,reports,kilns")
    assert drawn(page, "reports-points") == 2  # the rejected one is not among the data
    sources = make_sources().iloc[:23]
    coal = page.locator(".below label:has([value='coal power']) output")
    assert coal.text_content() == str((sources["kind"] == "coal power").sum())
    page.evaluate("window.__map.jumpTo({center: [77.2, 28.4], zoom: 10})")
    before = drawn(page, "sources-points")
    page.get_by_label("Coal power").uncheck()
    assert 0 < drawn(page, "sources-points", fewer_than=before) < before
    page.get_by_label("Status of sources").fill("Retired")
    page.get_by_label("Status of sources").press("Enter")
    retired = ((sources["kind"] == "cement") & (sources["status"] == "retired")).sum()
    assert page.locator(".below label:has([value=cement]) output").text_content() == str(retired)


def named(change: gpd.GeoDataFrame, status: str) -> Any:
    """The first kiln of a status."""
    return change[change["status"] == status].iloc[0]


def test_change_is_a_filter_whose_counts_are_those_of_the_table(
    visit: Open, seasons: str, kilns: gpd.GeoDataFrame
) -> None:
    page, change = visit(seasons), make_change(kilns)
    page.get_by_text("Change since earlier seasons").last.click()
    for status, number in change["status"].value_counts().items():
        assert page.locator(f"fieldset.changes output[data-word='{status}']").text_content() == str(number)
    page.locator("fieldset.changes").get_by_label("New").check()
    assert shown(page) == (change["status"] == "new").sum()
    assert not page.locator("#shown-gone").is_visible()
    page.locator("fieldset.changes").get_by_label("Changed type").check()
    assert shown(page) == change["status"].isin(["new", "changed type"]).sum()
    page.locator("#measure").select_option("change")
    legend = page.locator(".measure .classes").inner_text()
    assert "Persisting" in legend and "Gone" not in legend
    assert "show=change" in page.evaluate("location.hash")
    page.get_by_role("button", name="Table").click()
    texts = page.locator("#table tbody tr").all_inner_texts()
    assert len(texts) == shown(page)
    assert all("New" in text or "Changed type" in text for text in texts)
    page.get_by_role("button", name="Clear", exact=True).click()
    assert shown(page) == len(kilns)
    assert page.locator("#shown-gone").text_content() == "7 no longer found"


def test_kilns_that_are_gone_are_marks_of_their_own_and_rows_of_the_table(
    visit: Open, seasons: str, kilns: gpd.GeoDataFrame
) -> None:
    page, change = visit(seasons), make_change(kilns)
    gone = named(change, "gone")
    assert drawn(page, "gone-points") == 7
    page.get_by_text("Change since earlier seasons").last.click()
    page.locator("fieldset.layers").get_by_label("Kilns no longer found").uncheck()
    until(page, "() => !window.__map.queryRenderedFeatures({layers: ['gone-points']}).length")
    page.locator("fieldset.changes").get_by_label("Gone").check()  # who asks for them wants to see them
    assert page.get_by_label("Kilns no longer found").is_checked()
    assert (shown(page), drawn(page, "gone-points", fewer_than=7)) == (0, 5)
    page.locator("#part-place summary").click()
    page.get_by_label("State or province").fill("Uttar Pradesh")  # the gone ones stood in Haryana
    page.get_by_label("State or province").press("Enter")
    assert page.locator("fieldset.changes output[data-word=gone]").text_content() == "0"
    page.get_by_role("button", name="Remove Uttar Pradesh").click()
    place = pd.Series({"lon": gone.geometry.x, "lat": gone.geometry.y})
    click_kiln(page, place, 15)
    assert page.locator("#panel h2").text_content(timeout=60_000) == f"Kiln {gone.id}"
    text = page.locator("#panel").inner_text()
    for fact in ("Clamp", "83 %", "West, Haryana", "2021-11-02", "2023-02-11", gone.reason, "Look before you act"):
        assert fact in text, fact
    page.get_by_role("button", name="Table").click()
    assert page.locator("#table h2").text_content() == "0 kilns · 5 no longer found"
    page.locator("#table tbody button").nth(1).click()
    assert page.locator("#panel h2").text_content() == f"Kiln {change['id'].iloc[len(kilns) + 1]}"
    page.get_by_role("searchbox").fill(change["id"].iloc[-1])
    page.get_by_role("searchbox").press("Enter")
    text = page.locator("#panel").inner_text()
    assert "old sort" in text and "Uncertain" in text and "the tile is cloudy" in text


def test_a_changed_kiln_says_why_and_still_fits_on_a_page(visit: Open, seasons: str, kilns: gpd.GeoDataFrame) -> None:
    change = make_change(kilns)
    retyped, moved = named(change, "changed type"), named(change, "moved")
    page = visit(f"{seasons}#kiln={retyped.id}")
    page.locator(".kiln-facts:not([aria-busy])").wait_for(timeout=60_000)
    text = page.locator("#panel").inner_text()
    for fact in ("Changed type", "Circular fixed chimney", "First seen", retyped.first_seen, "Look before you act"):
        assert fact in text, fact
    assert "Moved by" not in text
    assert "Changed type" in page.locator("#evidence").text_content()
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 1
    page.get_by_role("searchbox").fill(moved.id)
    page.get_by_role("searchbox").press("Enter")
    page.locator(".kiln-facts:not([aria-busy])").get_by_text("87 m").wait_for(timeout=60_000)


def test_a_shared_link_keeps_the_change_that_was_asked_for(visit: Open, seasons: str, kilns: gpd.GeoDataFrame) -> None:
    page = visit(f"{seasons}#map=9/28.4/77.2&change=gone&change=moved&change=%3Cb%3E&show=change")
    assert shown(page) == (make_change(kilns)["status"] == "moved").sum()
    assert drawn(page, "gone-points") == 5
    assert page.locator("fieldset.changes").get_by_label("Gone").is_visible()  # the part is open
    settle(page)
    assert page.evaluate("location.hash").split("&")[1:] == ["change=gone", "change=moved", "show=change"]


def test_a_map_without_change_shows_nothing_of_it(visit: Open, address: str) -> None:
    page = visit(f"{address}#change=new&show=change")
    assert page.locator("#part-change, [name=gone], #measure [value=change]").count() == 0
    page.evaluate("location.hash = ''")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.get_by_role("button", name="Table").click()
    assert page.locator("#table th[data-name=change]").count() == 0
    assert page.locator("#metric [value=estimated]").count() == 0


def test_areas_and_the_region_tell_how_many_kilns_are_estimated(visit: Open, seasons: str) -> None:
    page = visit(f"{seasons}#layers=areas,kilns&metric=estimated")
    panel = page.locator("#panel")
    for area, number in (("West", "31 (29\N{EN DASH}38)"), ("East", "47 (40 or more)")):
        page.get_by_role("searchbox").fill(area)
        page.get_by_role("searchbox").press("Enter")
        assert panel.locator("h2").text_content(timeout=60_000) == area
        text = panel.inner_text()
        assert f"Kilns estimated\n{number}" in text
        assert ("rates of the whole region" in text) == (area == "East")
    assert page.locator("#metric").input_value() == "estimated"
    page.get_by_role("button", name="About").click()
    assert "67 (67\N{EN DASH}100)" in page.locator("#about").inner_text()


@pytest.mark.parametrize("code", ["hi", "ur", "bn"])
def test_change_speaks_every_language_on_a_phone(visit: Open, seasons: str, kilns: gpd.GeoDataFrame, code: str) -> None:
    words = json.loads((LANGUAGES / f"{code}.json").read_text(encoding="utf-8"))
    page = visit(f"{seasons}#change=gone&lang={code}", 390, 844, has_touch=True)
    page.get_by_role("button", name=words["nav.filters"], exact=True).tap()
    assert words["change.persisting"] in page.locator("fieldset.changes").inner_text()
    assert words["layer.gone"] in page.locator("fieldset.layers").inner_text()
    page.get_by_role("searchbox").fill(named(make_change(kilns), "gone").id)
    page.locator("#results button").first.tap()
    text = page.locator("#panel").inner_text()
    assert words["gone.note.gone"] in text and words["change.last_found"] in text
    assert serious(page) == []
    assert untranslated(page) == set()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


LOOKS = [
    ("en", "dark", {}),
    ("hi", "phone", {"width": 390, "height": 844, "has_touch": True}),
    ("ur", "light", {}),
    ("bn", "picture", {"color_scheme": "dark"}),
]


@pytest.mark.parametrize(("code", "look", "options"), LOOKS)
def test_every_language_speaks_and_is_accessible(
    visit: Open, address: str, kilns: gpd.GeoDataFrame, code: str, look: str, options: dict[str, Any]
) -> None:
    words = json.loads((LANGUAGES / f"{code}.json").read_text(encoding="utf-8"))
    base = f"&base={look}" if look in ("dark", "light") else ""
    phone = look == "phone"
    page = visit(f"{address}#kiln={kilns['id'][0]}&lang={code}{base}", **options)
    page.locator(".kiln-facts:not([aria-busy])").wait_for()
    html = page.locator("html")
    assert (html.get_attribute("lang"), html.get_attribute("dir")) == (code, "rtl" if code == "ur" else "ltr")
    assert words["emissions.title"] in page.locator("#panel").inner_text()
    assert serious(page) == []
    assert untranslated(page) == set()
    panel, filters = page.locator("#panel").bounding_box(), page.locator("#filters").bounding_box()
    if phone:
        page.locator("#panel .close").tap()
        page.get_by_role("button", name=words["nav.filters"], exact=True).tap()
        small = page.evaluate(
            "[...document.querySelectorAll('button, select, input:not([type=checkbox],[type=radio]), summary, "
            "fieldset label')].filter((one) => one.checkVisibility() && !one.closest('.maplibregl-map') && "
            "one.getBoundingClientRect().height < 43.5).map((one) => one.outerHTML.slice(0, 90))"
        )
        assert small == []
    else:
        assert (panel["x"] < filters["x"]) == (code == "ur")
        page.locator("#table-button").click()
    for part in page.locator("summary").all():
        if part.is_visible():
            part.click()
    assert serious(page) == []
    if code == "en":
        page.locator("#language").select_option("ur")
        page.wait_for_selector("html[dir=rtl] body[data-ready]")
        assert "lang=ur" in page.evaluate("location.hash")
        assert "بھٹہ" in page.locator("#panel h2").text_content()
    page.evaluate("document.getElementById('about-button').click()")
    assert serious(page) == []
    assert untranslated(page) == set()


def test_a_language_of_ones_own_falls_back_to_english(visit: Open, write: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "ne.json").write_text(json.dumps({"language": "नेपाली", "nav.table": "तालिका"}), encoding="utf-8")
    settings = Map(language="ne", languages=["ne", "en"], dictionaries={"ne": str(tmp_path / "ne.json")})
    page = visit((write(tables={"settings": settings}) / "index.html").as_uri())
    assert page.locator("#table-button").text_content() == "तालिका"
    assert page.locator("#about-button").text_content() == "About"
    with page.expect_download() as download:
        page.evaluate("document.getElementById('about-button').click()")
        page.locator("#dictionary").click()
    assert json.loads(download.value.path().read_text(encoding="utf-8"))["nav.table"] == "तालिका"
    dialog = page.locator("#about").inner_text()
    for words in (
        "97 % (89\N{EN DASH}99 %)",
        "Invented emission factors, 2026",
        "Nobody 2025",
        "section 4(b)",
        "People: invented",
    ):
        assert words in dialog


def test_synthetic_data_says_so_and_real_data_does_not(visit: Open, address: str, write: Callable[..., Path]) -> None:
    page = visit((write(synthetic=False, metrics=None) / "index.html").as_uri())
    assert not page.get_by_text("SYNTHETIC DEMO DATA", exact=True).is_visible()
    page.get_by_role("button", name="About").click()
    assert "accuracy here is not known" in page.locator("#about").text_content()


def test_a_tile_service_is_asked_only_when_it_is_chosen(visit: Open, write: Callable[..., Path]) -> None:
    host, asked = "https://tiles.example.org/", []
    settings = Map(satellite=Satellite(url=f"{host}{{z}}/{{x}}/{{y}}.png", attribution="Tiles: <b>Someone</b>"))
    page = visit((write(tables={"settings": settings}) / "index.html").as_uri(), allow=host)
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith(host) else None)
    page.route(f"{host}**", lambda route: route.fulfill(status=200, content_type="image/png", body=PIXEL, headers=ANY))
    page.evaluate("window.__map.jumpTo({zoom: 9})")
    settle(page)
    assert asked == []
    assert "Someone" not in page.locator("#credit").text_content()
    with page.expect_request(f"{host}**"):
        page.get_by_label("Satellite service").check()
    settle(page)
    assert page.locator("#credit").text_content().startswith("Tiles: <b>Someone</b>")


def test_a_public_edition_without_boxes_and_layers_is_a_map_too(visit: Open, write: Callable[..., Path]) -> None:
    kilns = make_kilns()
    places = gpd.points_from_xy(kilns["lon"].round(1), kilns["lat"].round(1), crs=4326)
    coarse = gpd.GeoDataFrame(kilns[["id", "type", "country", "pm25_t"]], geometry=places)
    none: dict[str, Any] = dict.fromkeys(("siting", "rules", "areas", "sources", "reports"))
    bare = {**none, "candidates": None, "acquired": None, "coverage": kilns.iloc[:0]}
    page = visit((write(coarse, tables=bare) / "index.html").as_uri())
    assert drawn(page, "kilns-clusters") > 0
    place = places[0]
    page.evaluate(f"window.__map.jumpTo({{center: [{place.x}, {place.y}], zoom: 15}})")
    settle(page)
    page.mouse.click(500, 350 + page.locator("main").bounding_box()["y"] / 2)
    together = int(((places.x == place.x) & (places.y == place.y)).sum())
    assert page.locator("#panel h2").text_content(timeout=60_000) == f"{together} kilns"
    page.locator("#panel .plain button").first.click()
    page.locator(".kiln-facts:not([aria-busy])").wait_for()
    page.get_by_role("button", name="Table").click()
    assert page.locator("#table thead th").count() == 4


def test_an_atlas_without_kilns_is_a_map_too(visit: Open, write: Callable[..., Path], kilns: gpd.GeoDataFrame) -> None:
    page = visit((write(kilns.iloc[:0]) / "index.html").as_uri())
    assert page.locator("#shown").text_content() == "0"
    page.get_by_role("button", name="Table").click()
    assert page.locator("#table h2").text_content() == "0 kilns"


def test_text_in_the_data_is_never_run(visit: Open, write: Callable[..., Path], kilns: gpd.GeoDataFrame) -> None:
    hostile = "</script><img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
    bad = kilns.iloc[:5].copy()
    for column in ("id", "type", "tile", "provider", "licence", "attribution", "first_seen", "area", "siting"):
        bad[column] = [f"{hostile}{index}" for index in range(5)]
    bad["rules_broken"] = hostile
    texts = {"title": hostile, "region": hostile, "attribution": [hostile], "licences": [hostile], "commit": hostile}
    texts |= {"emissions": [hostile], "credits": [hostile], "version": hostile}
    models = [{"name": hostile, "sha256": hostile, "card": hostile}]
    sources, reports, areas, change = make_sources(), make_reports(kilns), make_areas(kilns), make_change(kilns)
    for column in ("id", "type_before", "reason", "first_seen", "last_seen", "last_found"):
        change[column] = [f"{hostile}{index}" for index in range(len(change))]
    change.loc[:4, "status"] = hostile
    for column in ("name", "kind", "owner", "status", "source"):
        sources[column] = hostile
    for column in ("date", "saw", "type", "verdict"):
        reports[column] = hostile
    reports["kiln"] = bad["id"].iloc[0]
    areas[["area", "state"]] = hostile
    rules = pd.DataFrame({"id": [hostile], "title": [hostile], "citation": [hostile]})
    siting = pd.DataFrame(
        {"kiln": bad["id"], "rule": hostile, "status": hostile, "nearest": hostile, "reason": hostile}
    )
    tables = {
        "sources": sources,
        "reports": reports,
        "areas": areas,
        "rules": rules,
        "siting": siting,
        "change": change,
    }
    site = write(bad, tables={**tables, "area_labels": {"air": hostile}}, **texts, models=models)
    page = visit(f"{(site / 'index.html').as_uri()}#layers=areas,sources,reports,kilns")
    page.get_by_role("button", name="Table").click()
    page.locator("#table tbody button").first.click()
    page.locator(".kiln-facts:not([aria-busy])").wait_for()
    assert page.locator("#panel h2").text_content().startswith("Kiln </script>")
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 1
    for typed in ("script", "<"):
        page.get_by_role("searchbox").fill(typed)
    for mark in (".areas", ".shape"):
        page.locator(f"#results button:has({mark})").first.click()
        page.get_by_role("searchbox").fill("<")
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
