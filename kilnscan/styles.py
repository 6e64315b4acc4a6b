"""How QGIS shows the layers of the GeoPackage: the map's colours, as QML."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pandas as pd

TYPES = {
    "FCBK": ("Fixed chimney (FCBK)", "#c8441b"),
    "CFCBK": ("Circular fixed chimney (CFCBK)", "#8a3ffc"),
    "zigzag": ("Zigzag", "#1668c7"),
    "clamp": ("Clamp", "#b0146b"),
}
"""Names and colours of kiln types, as in site/src/types.js."""
SPARE = ("#00796b", "#7a4a00", "#4d5b69", "#5d7a00")
STATUS = {
    "ok": ("Searched", "#2e7d32", "solid"),
    "empty": ("No imagery", "#6b6b6b", "cross"),
    "cloudy": ("Too cloudy", "#6b6b6b", "b_diagonal"),
    "failed": ("Failed", "#b00020", "diagonal_x"),
}
VERDICTS = {
    "confirms": ("Confirms", "#2e7d32"),
    "disagrees": ("Disagrees", "#b00020"),
    "new": ("New", "#1668c7"),
    "unsure": ("Unsure", "#6b6b6b"),
}
CHANGES = {
    "new": ("New", "#b00020", "triangle"),
    "gone": ("Gone", "#1c2430", "square"),
    "moved": ("Moved", "#8a3ffc", "diamond"),
    "changed type": ("Changed type", "#1668c7", "pentagon"),
    "persisting": ("Persisting", "#2e7d32", "circle"),
    "uncertain": ("Uncertain", "#8c8c8c", "star"),
}
BASES = {
    "sample": ("Estimated from its own sample", "#2e7d32", "solid"),
    "partly model": ("Estimated in part from the region's rates", "#7a4a00", "dash"),
    "model": ("Estimated from the region's rates", "#c98a12", "dot"),
    "none": ("No estimate: too little was looked at", "#6b6b6b", "dot"),
    "not mapped": ("Not mapped", "#8c8c8c", "dot"),
}
HAVE = {
    "both": ("The atlas and others have it", "#2e7d32", "circle"),
    "ours": ("Only the atlas has it", "#c8441b", "triangle"),
    "theirs": ("Only others have it", "#1668c7", "square"),
}
HAS_IT = """CASE WHEN "in_kilnscan" AND "lists" > 1 THEN 'both' WHEN "in_kilnscan" THEN 'ours' ELSE 'theirs' END"""
AGREED = {
    "much": ("All lists have three quarters of the places or more", "#2e7d32"),
    "some": ("All lists have a quarter of the places or more", "#c98a12"),
    "little": ("All lists have less than a quarter of the places", "#b00020"),
}
AGREE = """CASE WHEN "agreed" >= 0.75 THEN 'much' WHEN "agreed" >= 0.25 THEN 'some' ELSE 'little' END"""
MARKERS = ("circle", "square", "triangle", "diamond", "pentagon", "star")


@dataclass(frozen=True)
class Look:
    """One symbol: how a class of features looks."""

    value: str
    label: str
    colour: str
    fill: str = "no"
    """Brush of polygons: no, solid, b_diagonal, cross, diagonal_x."""
    marker: str = "circle"
    line: str = "solid"


def style_of(layer: str, table: pd.DataFrame, points: bool) -> str:
    """The QML of a layer; categories are those of its rows, in a fixed order."""
    if layer == "kilns":
        return _qml("type", _types(table["type"]), points)
    if layer == "coverage":
        looks = [Look(value, *STATUS[value][:2], fill=STATUS[value][2]) for value in STATUS]
        return _qml("status", looks, points)
    if layer == "sources":
        return _qml("kind", _spread(table["kind"]), points)
    if layer == "orders":
        return _qml("product", [_dashed(look) for look in _spread(table["product"])], points)
    if layer == "reports":
        return _qml("verdict", [Look(value, *VERDICTS[value], marker="diamond") for value in VERDICTS], points)
    if layer == "change":
        return _qml("status", [Look(value, *CHANGES[value][:2], marker=CHANGES[value][2]) for value in CHANGES], points)
    if layer == "estimates":
        return _qml("basis", [Look(value, *BASES[value][:2], line=BASES[value][2]) for value in BASES], points)
    if layer == "reconciled":
        return _qml(HAS_IT, [Look(value, *HAVE[value][:2], marker=HAVE[value][2]) for value in HAVE], points)
    if layer == "disagreement":
        return _qml(AGREE, [Look(value, *AGREED[value], fill="solid") for value in AGREED], points)
    alone = {
        "candidates": Look("", "Candidate", "#e0a800"),
        "acquired": Look("", "Imagery acquired", "#1668c7", fill="solid"),
        "areas": Look("", "Administrative area", "#4d5b69", line="dash"),
    }
    return _qml("", [alone[layer]], points)


def _types(column: pd.Series) -> list[Look]:
    """Known types first, then the others by name, as the map has them."""
    present = set(column.fillna("").astype(str))
    others = sorted(present - set(TYPES))
    looks = [Look(name, *TYPES[name], fill="solid") for name in TYPES if name in present]
    return looks + [
        Look(name, name or "Unknown type", SPARE[place % len(SPARE)], fill="solid") for place, name in enumerate(others)
    ]


def _spread(column: pd.Series) -> list[Look]:
    """Every value with a colour and a marker of its own, as far as they last."""
    colours = [*SPARE, *(colour for _, colour in TYPES.values())]
    return [
        Look(value, value or "Other", colours[place % len(colours)], marker=MARKERS[place % len(MARKERS)])
        for place, value in enumerate(sorted(set(column.fillna("").astype(str))))
    ]


def _dashed(look: Look) -> Look:
    return Look(look.value, look.label, look.colour, line="dash")


def _qml(column: str, looks: Iterable[Look], points: bool) -> str:
    """A categorised renderer by `column`, which may be an expression of QGIS, or a single symbol without one."""
    root = ET.Element("qgis", version="3.22.0", styleCategories="Symbology")
    kind = "categorizedSymbol" if column else "singleSymbol"
    renderer = ET.SubElement(root, "renderer-v2", type=kind, attr=column, symbollevels="0", enableorderby="0")
    categories = ET.SubElement(renderer, "categories") if column else None
    symbols = ET.SubElement(renderer, "symbols")
    for number, look in enumerate(looks):
        if categories is not None:
            ET.SubElement(
                categories, "category", value=_clean(look.value), label=_clean(look.label), symbol=str(number),
                render="true",
            )  # fmt: skip
        _symbol(symbols, str(number), look, points)
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    return f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{text}\n"


def _symbol(parent: ET.Element, name: str, look: Look, points: bool) -> None:
    symbol = ET.SubElement(parent, "symbol", name=name, type="marker" if points else "fill", alpha="1")
    layer = ET.SubElement(
        symbol, "layer", {"class": "SimpleMarker" if points else "SimpleFill"}, enabled="1", locked="0"
    )
    opaque, faint = _colour(look.colour, 255), _colour(look.colour, 90)
    settings: Mapping[str, str] = {
        "color": opaque if points else faint,
        "outline_color": "255,255,255,255" if points else opaque,
        "outline_style": look.line,
        "outline_width": "0.2" if points else "0.4",
        "outline_width_unit": "MM",
    }
    settings |= {"name": look.marker, "size": "2.6", "size_unit": "MM"} if points else {"style": look.fill}
    for key, value in settings.items():
        ET.SubElement(layer, "prop", k=key, v=value)  # every QGIS 3 reads these; newer ones write another form


def _colour(code: str, alpha: int) -> str:
    return ",".join(str(int(code[place : place + 2], 16)) for place in (1, 3, 5)) + f",{alpha}"


def _clean(text: str) -> str:
    """Text without the control characters that XML cannot hold."""
    return "".join(letter for letter in text if letter >= " " and letter not in "\ufffe\uffff")
