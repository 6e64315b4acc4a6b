"""A paper's figures as SVG; the same tables give the same bytes."""

import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import geopandas as gpd
import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kilnscan.styles import TYPES

Draw = Callable[[Axes], None]
STYLE = {"svg.hashsalt": "kilnscan", "svg.fonttype": "path", "font.size": 9, "axes.spines.top": False,
         "axes.spines.right": False, "legend.frameon": False}  # fmt: skip
STATUS = {"ok": "#eef2e6", "empty": "#e4e4e4", "cloudy": "#f3d9a4", "failed": "#f0b4a8"}
NAMES = {"pm25": "PM2.5", "so2": "SO$_2$", "co": "CO", "bc": "black carbon", "co2": "CO$_2$"}
INK, ACCENT = "#333333", "#a8341b"


def figures_of(
    kilns: gpd.GeoDataFrame,
    acquired: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    tables: Mapping[str, pd.DataFrame],
    values: Mapping[str, Any],
) -> dict[str, bytes]:
    """The figures by name, SVG: map, funnel, and where there is something to show accuracy and emissions."""
    figures = {
        "map": _svg(_map(kilns, acquired, coverage), (6.3, _height(coverage))),
        "funnel": _svg(_funnel(values), (6.3, 2.0)),
    }
    if len(tables.get("accuracy", ())):
        figures["accuracy"] = _svg(_accuracy(tables["accuracy"]), (6.3, 2.0))
    if len(tables.get("emissions", ())):
        figures["emissions"] = _svg(_emissions(tables["emissions"]), (6.3, 2.2))
    return figures


def literal(text: str) -> str:
    """Text from data that matplotlib shows as it is: a `$` would begin a formula, a first `_` keep it from legends."""
    return (f" {text}" if text.startswith("_") else text).replace("$", r"\$")


def _svg(draw: Draw, size: tuple[float, float]) -> bytes:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        handle = io.BytesIO()
        figure.savefig(handle, format="svg", metadata={"Date": None, "Creator": "kilnscan"})
    return handle.getvalue()


def _map(kilns: gpd.GeoDataFrame, acquired: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame) -> Draw:
    def draw(axes: Axes) -> None:
        colours = [STATUS.get(status, "#ffffff") for status in coverage["status"]]
        coverage.plot(ax=axes, color=colours, edgecolor="#999999", linewidth=0.6)
        bought = acquired[~acquired.geometry.is_empty]
        if len(bought):
            bought.plot(ax=axes, color="#a9c4d8", linewidth=0)
        for name, group in kilns.groupby("type", sort=True):
            colour = TYPES[str(name)][1] if name in TYPES else INK
            label = f"{literal(str(name))} ({len(group)})"
            axes.scatter(group["lon"], group["lat"], s=9, color=colour, label=label, zorder=3)
        if len(kilns):
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="kilns")
        axes.set_xlabel("longitude, degrees")
        axes.set_ylabel("latitude, degrees")
        axes.ticklabel_format(useOffset=False)

    return draw


def _height(coverage: gpd.GeoDataFrame) -> float:
    """Inches that a map of the tiles takes beside its legend, without empty bands above and below."""
    west, south, east, north = coverage.total_bounds
    wide = max((east - west) * math.cos(math.radians((south + north) / 2)), 1e-9)
    return min(max(4.6 * (north - south) / wide + 0.7, 2.0), 6.5)


def _funnel(values: Mapping[str, Any]) -> Draw:
    told = values["coverage"]
    steps = {"region": told["area_km2"], "acquired": told["acquired_km2"], "kilns' boxes": told["boxes_km2"]}

    def draw(axes: Axes) -> None:
        names, areas = list(steps), [max(area, 1e-6) for area in steps.values()]
        axes.barh(names[::-1], areas[::-1], color=["#a9c4d8", "#7fa3bd", ACCENT][::-1], height=0.6)
        for place, area in enumerate(areas[::-1]):
            axes.annotate(f" {area:,.0f} km²" if area >= 100 else f" {area:.3g} km²", (area, place), va="center")
        axes.set_xscale("log")
        axes.set_xlim(min(areas) / 2, max(areas) * 8)
        axes.set_xlabel("area, km²")

    return draw


def _accuracy(table: pd.DataFrame) -> Draw:
    rows = table.iloc[::-1]

    def draw(axes: Axes) -> None:
        _ranges(axes, rows, "value", [f"{literal(row.measure)} (n = {row.of})" for row in rows.itertuples()])
        axes.set_xlabel("share, with 95 % interval")
        axes.set_xlim(min(0.9, float(rows["low"].min())) - 0.02, 1.01)

    return draw


def _emissions(table: pd.DataFrame) -> Draw:
    rows = table.iloc[::-1]

    def draw(axes: Axes) -> None:
        _ranges(axes, rows, "t_a_year", [NAMES.get(name) or literal(name) for name in rows["pollutant"]])
        axes.set_xscale("log")
        axes.set_xlabel("tonnes a year, median and 95 % range")

    return draw


def _ranges(axes: Axes, rows: pd.DataFrame, middle: str, names: list[str]) -> None:
    """A line for each row: the value `middle` between `low` and `high`, the first row lowest."""
    spread = [rows[middle] - rows["low"], rows["high"] - rows[middle]]
    axes.errorbar(rows[middle], range(len(rows)), xerr=spread, fmt="o", color=ACCENT, ecolor=INK, capsize=3)
    axes.set_yticks(range(len(rows)), names)
