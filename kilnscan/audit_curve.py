"""The curve of recall against area: from the atlas' kilns to a table and a picture."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from kilnscan.files import replacing, write_text
from kilnscan.grid import Tile, transformer
from kilnscan.lattice import chip_holding

WIDTH, HEIGHT, MARGIN = 560, 360, 56  # pixels of the picture


def chip_scores_of_kilns(
    kilns: gpd.GeoDataFrame, units: pd.DataFrame, tiles: list[Tile], threshold: float
) -> np.ndarray:
    """The score of the chip that each kiln's centre lies in (kilns of the atlas, degrees); at least `threshold`.

    They were all found on acquired land; a chip at the edge of the imagery may be missing from `units`.
    """
    epsg_of = {tile.id: tile.epsg for tile in tiles}
    scores = units.set_index(["epsg", "i", "j"])["score"]
    found = []
    for lon, lat, tile in zip(kilns["lon"], kilns["lat"], kilns["tile"], strict=True):
        x, y = transformer(4326, epsg_of[tile]).transform(lon, lat)
        found.append(max(scores.get((epsg_of[tile], *chip_holding(x, y)), 0.0), threshold))
    return np.array(found)


def write_curve(result: dict[str, Any], table: str | Path, picture: str | Path) -> None:
    """Write the curve of `kilnscan.audit.estimate` as CSV and SVG."""
    with replacing(table) as temporary:
        pd.DataFrame(result["curve"]).to_csv(temporary, index=False, lineterminator="\n")
    write_text(picture, _svg(result))


def _svg(result: dict[str, Any]) -> str:
    rows = sorted((row for row in result["curve"] if row["recall"] is not None), key=lambda row: row["acquired_share"])
    most = max([row["acquired_share"] for row in rows], default=1.0) or 1.0

    def place(share: float, recall: float) -> str:
        x = MARGIN + share / most * (WIDTH - 2 * MARGIN)
        return f"{x:.1f},{HEIGHT - MARGIN - recall * (HEIGHT - 2 * MARGIN):.1f}"

    band = [place(row["acquired_share"], row["recall_high"]) for row in rows]
    band += [place(row["acquired_share"], row["recall_low"]) for row in reversed(rows)]
    line = [place(row["acquired_share"], row["recall"]) for row in rows]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for tenth in range(0, 11, 2):
        x, y = place(0, tenth / 10).split(",")
        lines.append(f'<line x1="{x}" y1="{y}" x2="{WIDTH - MARGIN}" y2="{y}" stroke="#ddd"/>')
        lines.append(f'<text x="{MARGIN - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{tenth * 10} %</text>')
    for quarter in range(5):
        x = MARGIN + quarter / 4 * (WIDTH - 2 * MARGIN)
        label = f"{most * quarter / 4:.1%}"
        lines.append(f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">{label}</text>')
    lines += [
        f'<polygon points="{" ".join(band)}" fill="#c9704a" opacity="0.25"/>',
        f'<polyline points="{" ".join(line)}" fill="none" stroke="#a5482a" stroke-width="2"/>',
    ]
    for row in rows:
        if row["threshold"] == result["threshold"]:
            x, y = place(row["acquired_share"], row["recall"]).split(",")
            lines.append(f'<circle cx="{x}" cy="{y}" r="4" fill="#a5482a"/>')
            lines.append(
                f'<text x="{float(x) + 8:.1f}" y="{float(y) + 18:.1f}">threshold {row["threshold"]:.2f}</text>'
            )
    lines += [
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">land acquired</text>',
        f'<text x="{MARGIN}" y="24">kilns kept, of those that the second look can see (band: 95 % interval)</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
