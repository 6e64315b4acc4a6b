"""A paper's text: Markdown whose every number is a placeholder, filled in and made a page that stands alone.

`{{ atlas.kilns }}` names a value, `| number`, `| percent` and `| interval` write it; `{{ table("types") }}` and
`{{ figure("map", "Where.") }}` put in what the run made, numbered as they come, and `{{ see_table("types") }}` and
`{{ see_figure("map") }}` refer to them; `{{ given(50, "why, or from where") }}` is a number that the run does not make:
it is listed at the end. A number that stands in the text by itself is refused, and so is a value that the run does not
have.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import TemplateError, Undefined
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from kilnscan.countries import did_you_mean
from kilnscan.errors import ConfigError
from kilnscan.files import read_json, write_text
from kilnscan.paper_check import BLOCK, hand_written, paths_of, quotes, sentence, undefined_of, wrong_placeholders
from kilnscan.paper_front import read_front, same_authors
from kilnscan.paper_numbers import WordsError, interval, number, percent
from kilnscan.paper_page import as_page

KINDS = ("table", "figure")
REFERENCE = re.compile(r"\[((?:Table|Figure) \d+)\]\(#[\w-]+\)")


@dataclass
class Shown:
    """What a text has put in so far: numbers given with their sources, and names of tables and figures in order."""

    given: list[tuple[str, str]] = field(default_factory=list)
    table: list[str] = field(default_factory=list)
    figure: list[str] = field(default_factory=list)


def render(
    text: str,
    values: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, str],
    name: str = "the text",
) -> str:
    """The text, Markdown, with all its placeholders filled in; `figures` are paths by name.

    Raises ConfigError that names every number which stands in the text by itself, every value, table or figure that the
    run does not have, every reference to what the text does not show, and anything else that a template may not do.
    """
    things = {"table": tables, "figure": figures}
    shown = Shown()

    def environment(order: Shown | None = None) -> SandboxedEnvironment:
        nonlocal shown
        shown = Shown()
        return _environment(values, things, shown, order)

    problems = wrong_placeholders(text, environment, values)
    order = shown
    for kind in KINDS:  # what failed would have stood somewhere
        getattr(order, kind).extend(one for one in things[kind] if quotes(problems, one))
    problems += [
        problem for problem in wrong_placeholders(text, lambda: environment(order), values) if problem not in problems
    ]
    loose = hand_written(text)
    if problems or loose:
        raise ConfigError(sentence(problems + loose, name, loose=bool(loose)))
    try:
        filled = environment(order).from_string(text).render(values)
    except TemplateError as error:  # only what the copy of the placeholders does not have: braces that stay open
        raise ConfigError(f"{name}, line {getattr(error, 'lineno', 1)}: a placeholder {BLOCK}.") from error
    rows = [f"- {_plain(value)}: {_plain(source)}" for value, source in shown.given]
    return filled + ("\n## Numbers given, not computed\n\n" + "\n".join(rows) + "\n" if rows else "")


def _environment(
    values: Mapping[str, Any], things: Mapping[str, Mapping[str, Any]], shown: Shown, order: Shown | None
) -> SandboxedEnvironment:
    """What a text may use. Reading fills `shown`; `order` is that of an earlier reading, if there was one."""
    functions = {
        "given": _given(shown.given),
        "table": _from(things["table"], "table", shown.table, _table),
        "figure": _from(things["figure"], "figure", shown.figure, _figure),
        **{f"see_{kind}": _see(things[kind], kind, getattr(order, kind) if order else None) for kind in KINDS},
    }
    environment = _Values(
        undefined=undefined_of(values, [*functions]), autoescape=True, keep_trailing_newline=True,
        finalize=_writable(values),
    )  # fmt: skip
    del environment.filters["random"]  # equal runs have equal papers
    environment.globals.clear()
    environment.filters |= {"number": number, "percent": percent, "interval": interval}
    environment.globals |= functions
    return environment


class _Values(SandboxedEnvironment):
    """Looks names up among the values only: `scenes.items` is no method."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


def _writable(values: Mapping[str, Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, str | int | float | Undefined):
            return value
        if value is None:
            raise WordsError("stands for nothing: the run has no value there")
        if isinstance(value, Mapping | list) and value:
            path = next((known for known, one in paths_of(values) if one is value), "it")
            first = [known for known, _ in paths_of({path: value})][1]
            raise WordsError(f"stands for several values: name one of them, as in {{{{ {first} }}}}")
        raise WordsError("stands for neither a number nor words")

    return check


def markdown_table(table: pd.DataFrame) -> str:
    """A table as Markdown."""
    head = [str(name).replace("_", " ") for name in table.columns]
    rows = [[_plain(_cell(value)) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def _table(table: pd.DataFrame, name: str, place: int, caption: str) -> str:
    label = f'<a id="table-{name}"></a>**Table {place}.** {_plain(caption)}'.rstrip()
    return f"\n\n{label}\n\n{markdown_table(table)}\n\n"


def _figure(path: str, name: str, place: int, caption: str) -> str:
    return f"\n\n![{f'Figure {place}. {_plain(caption)}'.rstrip()}]({path})\n\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:,.10g}"
    return str(value)


def _plain(text: object) -> str:
    """Text that neither Markdown nor HTML takes for anything but text."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def _given(given: list[tuple[str, str]]) -> Callable[..., str]:
    def note(value: Any, source: str = "") -> str:
        if not source or not isinstance(source, str):
            raise WordsError('gives a number without its source: write {{ given(7, "where it is from") }}')
        words = f"{value:,}" if isinstance(value, int | float) else str(value)
        if (words, source) not in given:
            given.append((words, source))
        return words

    return note


def _from(
    things: Mapping[str, Any], kind: str, shown: list[str], write: Callable[[Any, str, int, str], str]
) -> Callable[..., Markup]:
    def put(name: str, caption: str = "") -> Markup:
        _known(name, things, kind)
        if name in shown:
            raise WordsError(f'shows a {kind} that stands above already: refer to it by {{{{ see_{kind}("{name}") }}}}')
        shown.append(name)
        words = caption.unescape() if isinstance(caption, Markup) else str(caption)
        return Markup(write(things[name], name, len(shown), REFERENCE.sub(r"\1", words)))  # noqa: S704 (escapes)

    return put


def _see(things: Mapping[str, Any], kind: str, order: list[str] | None) -> Callable[[str], Markup]:
    def refer(name: str) -> Markup:
        _known(name, things, kind)
        if order is not None and name not in order:
            raise WordsError(
                f'refers to a {kind} that the text does not show: put {{{{ {kind}("{name}", "Its caption.") }}}} '
                "where it belongs"
            )
        place = order.index(name) + 1 if order else 0
        return Markup(f"[{kind.capitalize()} {place}](#{kind}-{name})")  # noqa: S704 (names of files of ours)

    return refer


def _known(name: object, things: Mapping[str, Any], kind: str) -> None:
    if not isinstance(name, str):
        raise WordsError(f'names a {kind} without quotes: write {{{{ {kind}("{next(iter(things), "map")}") }}}}')
    if name not in things:
        near = did_you_mean(name, list(things)) or f"; there are {', '.join(sorted(things)) or 'none'}"
        needs = "; it comes with the key `reference`" if name == "accuracy" else ""
        raise WordsError(f"asks for the {kind} `{name}`, which the run does not have{near}{needs}")


def write_paper(
    text: Path, values: Path, tables: Path, figures: Path, markdown: str, page: str, authors: Sequence[str] = ()
) -> None:
    """Write the filled-in text as Markdown, and as one page with its figures inside.

    `values` is JSON, `tables` a folder of CSV files, `figures` one of SVG files; `authors` are those of the
    configuration. Raises ConfigError (see `render`, `read_front`).
    """
    try:
        source = text.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The paper's text {text} cannot be read ({error}): write it as UTF-8.") from error
    front, body = read_front(source, str(text))
    authors = same_authors(front.authors, authors, str(text))
    pictures = {f"figures/{path.name}": path for path in sorted(figures.glob("*.svg"))}
    filled = render(
        body,
        read_json(values),
        {path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in sorted(tables.glob("*.csv"))},
        {path.stem: name for name, path in pictures.items()},
        str(text),
    ).lstrip("\n")
    headings = (html.unescape(line.lstrip("# ")) for line in filled.splitlines() if line.startswith("# "))
    title = front.title or next(headings, text.stem)
    write_text(markdown, front.as_yaml() + filled)
    drawn = {name: path.read_bytes() for name, path in pictures.items()}
    write_text(page, as_page(filled, title, drawn, authors, front.title))
