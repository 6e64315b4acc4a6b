"""The change report: one page that opens in any browser, without scripts, network or files beside it."""

from pathlib import Path
from typing import Any

import geopandas as gpd
from jinja2 import Environment, StrictUndefined

from kilnscan.change import STATUS
from kilnscan.files import write_text

MOST = 500
"""Kilns of one status that the page lists; the table has them all."""
TOLD = tuple(status for status in STATUS if status != "persisting")
MEANING = {
    "new": "found now, and an earlier run looked there and saw none",
    "gone": "found earlier; this run looked there and saw none",
    "moved": "found now at some distance, and no other kiln is near",
    "changed type": "found both times, with another type",
    "persisting": "found both times",
    "uncertain": "found once only, and too little is known to call it new or gone",
}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Change: {{ title }}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid #d5dbe3 }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.loud { background: #fff3c4; padding: .4rem .8rem }
</style>
<h1>Brick kilns of {{ title }}: {{ sums.earlier | join(", ") }} and {{ sums.season }}</h1>
{% if sums.synthetic %}
<p class="loud">An invented landscape. No kiln told of here exists.</p>
{% endif %}
<table>
<tr><th>Status<th class="n">Kilns<th>Meaning
{% for status, count in sums.counts.items() %}<tr><td>{{ status }}<td class="n">{{ count }}<td>{{ meaning[status] }}
{% endfor %}</table>
<p>Of {{ "{:,.1f}".format(sums.region_km2) }} km² this run saw {{ "{:,.1f}".format(sums.seen_km2) }} km² clearly.
{% if sums.seen_both_km2 is none %}What {{ sums.earlier[-1] }} looked at is not known: nothing can be called new.
{% else %}{{ sums.earlier[-1] }} and this run both saw {{ "{:,.1f}".format(sums.seen_both_km2) }} km²
({{ "{:.1%}".format(sums.seen_both_share or 0) }}).{% endif %}
{% if sums.outside_region %}{{ sums.outside_region }} earlier kilns lie outside this region and have no row.
{% endif %}</p>
<p>A kiln within {{ "{:g}".format(sums.match_m) }} m of an earlier one is the same, one to one.
The detector misses kilns and takes other things for kilns:
some of what is called gone still stands, and some of what is called new stood before or is no
kiln. {% if sums.expected_misses is not none %}By its measured recall this run fails to find about
{{ sums.expected_misses }} of the earlier kilns that still stand: compare that with what it calls gone or uncertain.
{% endif %}Look before you act on a row.</p>
{% for status, rows, more in lists %}{% if rows %}
<h2>{{ status | capitalize }} ({{ rows | length + more }})</h2>
<table>
<tr><th>Kiln<th>Latitude, longitude<th>Type<th class="n">Score<th>First and last seen<th>Why
{% for row in rows %}<tr><td>{{ row.id }}<td>{{ row.place }}<td>{{ row.types }}<td class="n">{{ row.scores }}
<td>{{ row.days }}<td>{{ row.reason }}{% if status == "moved" %} ({{ row.moved_m }} m){% endif %}
{% endfor %}</table>
{% if more %}<p>and {{ more }} more: atlas/change.parquet</p>{% endif %}{% endif %}{% endfor %}
</html>
"""


def write_report(path: str | Path, table: gpd.GeoDataFrame, sums: dict[str, Any], title: str) -> None:
    """Write the page of a table of change and its sums (`change.compare`); every text in it is escaped."""
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(PAGE)
    lists = []
    for status in TOLD:
        part = table[table["status"] == status]
        lists.append((status, [_row(row) for row in part.head(MOST).itertuples()], max(len(part) - MOST, 0)))
    write_text(path, page.render(title=title, sums=sums, meaning=MEANING, lists=lists))


def _row(row: Any) -> dict[str, str]:
    scores = [f"{value:.2f}" for value in (row.score_before, row.score) if value == value]
    types = [text for text in dict.fromkeys((row.type_before, row.type)) if text]
    return {
        "id": row.id,
        "place": f"{row.geometry.y:.5f}, {row.geometry.x:.5f}",
        "types": " → ".join(types),
        "scores": " → ".join(scores),
        "days": " to ".join(dict.fromkeys(filter(None, (row.first_seen, row.last_seen)))),
        "reason": row.reason,
        "moved_m": f"{row.moved_m:.0f}" if row.moved_m == row.moved_m else "",
    }
