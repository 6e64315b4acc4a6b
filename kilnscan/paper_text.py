"""A paper's text: Markdown whose every number is a placeholder, filled in and made a page that stands alone.

`{{ atlas.kilns }}` names a value, `| number`, `| percent` and `| interval` write it; `{{ table("types") }}` and
`{{ figure("map", "Where.") }}` put in what the run made; `{{ given(50, "why, or from where") }}` is a number that the
run does not make: it is listed at the end. A number that stands in the text by itself is refused, and so is a value
that the run does not have.
"""

import base64
import html
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.sandbox import SandboxedEnvironment
from markdown import markdown as to_html
from markupsafe import Markup

from kilnscan.errors import ConfigError
from kilnscan.files import read_json, write_text

PLACEHOLDER = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
NO_TEXT = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|<[^>\n]*>|https?://\S+", re.DOTALL)
"""Code, and addresses."""
NAMES = re.compile(r"\b\w*[^\W\d_]\w*(?:[-.]\w+)*|(?<=[^\W\d_]-)\d+\b")
"""Words that hold a letter: Sentinel-2, PM2.5, F1."""
YEAR = re.compile(
    r"\b(?:[A-Z]\w*|after|and|before|between|during|from|in|since|to|until) \(?(?:19|20)\d\d\b\)?"
    r"|\((?:[^()]*\s)?(?:19|20)\d\d\)"
)
"""The year of a citation, or of some time: Guttikunda 2014, (Weyant et al. 2014), since 2019; not: found 2019."""
REFERENCES = re.compile(r"^#+ References[ \t]*$", re.MULTILINE)
NUMBER = re.compile(r"\d(?:[\d., ]*\d)?\s*%?")
STYLE = """
body { font: 17px/1.6 Georgia, "Noto Serif", serif; color: #222; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3 { font-family: system-ui, sans-serif; line-height: 1.25 }
table { border-collapse: collapse; font: 14px/1.4 system-ui, sans-serif; margin: 1rem 0 }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid #ddd }
figure { margin: 1.5rem 0 } figure img { max-width: 100% } figcaption { font-size: 15px; color: #555 }
code { font-size: .85em }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def loose_numbers(text: str) -> list[tuple[int, str]]:
    """Numbers that stand in a text by themselves: line and what stands there. Below REFERENCES they may."""
    found = []
    text = REFERENCES.split(text, maxsplit=1)[0]
    for pattern in (PLACEHOLDER, NO_TEXT, YEAR, NAMES):
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"^\s*(?:#+\s+)?\d+[.)]\s", "", line)  # the number of a heading or of a list's entry
        found += [(number, match[0].strip()) for match in NUMBER.finditer(line)]
    return found


def render(
    text: str,
    values: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, str],
    name: str = "the text",
) -> str:
    """The text, Markdown, with all its placeholders filled in; `figures` are paths by name.

    Raises ConfigError for a number that stands in the text by itself, a value, table or figure that the run does not
    have, and anything else that a template may not do.
    """
    loose = loose_numbers(text)
    if loose:
        named = "; ".join(f"{what!r} in line {line}" for line, what in loose[:5])
        raise ConfigError(
            f"{name} holds {len(loose)} number(s) that no rule makes: {named}. Name a value of the run "
            'instead, or write {{ given(7, "where it is from") }}.'
        )
    given: list[tuple[str, str]] = []
    environment = _Values(undefined=StrictUndefined, autoescape=True, keep_trailing_newline=True, finalize=_writable)
    del environment.filters["random"]  # equal runs have equal papers
    environment.globals.clear()
    environment.filters |= {"number": number, "percent": percent, "interval": interval}
    environment.globals |= {
        "given": _given(given),
        "table": _from(tables, "table", lambda what, caption: Markup(markdown_table(what, caption))),  # noqa: S704 (escapes)
        "figure": _from(figures, "figure", lambda what, caption: Markup(f"\n\n![{_plain(caption)}]({what})\n\n")),  # noqa: S704 (escapes)
    }
    try:
        _check_placeholders(environment.parse(text), name)
        filled = environment.from_string(text).render(values)
    except TemplateError as error:
        where = f", line {error.lineno}" if getattr(error, "lineno", None) else ""
        raise ConfigError(f"{name}{where} asks for what the run does not have: {error.message}.") from error
    except (TypeError, ValueError, ArithmeticError, KeyError, LookupError) as error:
        raise ConfigError(f"{name} cannot be filled in: {error}.") from error
    rows = [f"- {_plain(value)}: {_plain(source)}" for value, source in given]
    return filled + ("\n## Numbers given, not computed\n\n" + "\n".join(rows) + "\n" if rows else "")


def _check_placeholders(parsed: nodes.Template, name: str) -> None:
    """Raise ConfigError for a placeholder that stands for no value, as {{ 42 }}, and for a number in a caption."""
    written = [part for output in parsed.find_all(nodes.Output) for part in output.nodes]
    for node in [*written, *(given.node for given in parsed.find_all(nodes.Assign))]:
        names = [node] if isinstance(node, nodes.Name) else list(node.find_all(nodes.Name))
        if not isinstance(node, nodes.TemplateData) and not names:
            raise ConfigError(
                f"{name} has a placeholder in line {node.lineno} that stands for no value of the run: name one, or "
                'write {{ given(7, "where it is from") }}.'
            )
    for call in parsed.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("table", "figure"):
            captions = [*call.args[1:], *(word.value for word in call.kwargs if word.key == "caption")]
            said = [part for caption in captions for part in (caption, *caption.find_all(nodes.Const))]
            for part in said:
                if isinstance(part, nodes.Const) and isinstance(part.value, str) and loose_numbers(part.value):
                    raise ConfigError(
                        f"{name} has a caption in line {call.lineno} with a number that no rule makes: "
                        f"{loose_numbers(part.value)[0][1]!r}. Put it together with `~` from values of the run."
                    )


def as_page(text: str, title: str, pictures: Mapping[str, bytes]) -> str:
    """A filled-in text as one HTML page without scripts that needs no other file; `pictures` are SVG by their path."""
    body = to_html(text, extensions=["tables", "sane_lists"], output_format="html")

    def with_picture(match: re.Match[str]) -> str:
        words, path = match["words"], html.unescape(match["path"])
        picture = base64.b64encode(pictures[path]).decode() if path in pictures else ""
        image = f'<img alt="{words}" src="data:image/svg+xml;base64,{picture}">'
        return f"<figure>{image}<figcaption>{words}</figcaption></figure>"

    body = re.sub(r'<p><img alt="(?P<words>[^"]*)" src="(?P<path>[^"]*)"\s*/?></p>', with_picture, body)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n{body}\n</html>\n"
    )


class _Values(SandboxedEnvironment):
    """Looks names up among the values only: `scenes.items` is no method."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


def _writable(value: Any) -> Any:
    if not isinstance(value, str | int | float | Undefined):
        what = "nothing" if value is None else f"a {type(value).__name__}"
        raise ValueError(f"a placeholder stands for {what}, which is neither a number nor words")
    return value


def number(value: float, digits: int = 0) -> str:
    """A number with commas between thousands; `digits` after the point, or significant ones where it is below 1."""
    return f"{value:,.{digits}f}" if digits or abs(value) >= 1 or value == 0 else f"{value:.2g}"


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return f"{100 * share:.{digits}f} %"


def interval(measured: Mapping[str, Any], digits: int = 3) -> str:
    """A measured share with its 95 % interval: `value`, `ci95`."""
    low, high = measured["ci95"]
    return f"{measured['value']:.{digits}f} (95 % interval {low:.{digits}f} to {high:.{digits}f})"


def markdown_table(table: pd.DataFrame, caption: str = "") -> str:
    """A table as Markdown."""
    head = [str(name).replace("_", " ") for name in table.columns]
    rows = [[_plain(_cell(value)) for value in row] for row in table.itertuples(index=False)]
    lines = [f"*{_plain(caption)}*", ""] if caption else []
    lines += ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n" + "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:,.10g}"
    return str(value)


def _plain(text: object) -> str:
    """Text that neither Markdown nor HTML takes for anything but text."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def _given(given: list[tuple[str, str]]) -> Callable[[Any, str], str]:
    def note(value: Any, source: str) -> str:
        words = f"{value:,}" if isinstance(value, int | float) else str(value)
        if (words, source) not in given:
            given.append((words, source))
        return words

    return note


def _from(things: Mapping[str, Any], kind: str, write: Callable[[Any, str], Markup]) -> Callable[..., Markup]:
    def look_up(name: str, caption: str = "") -> Markup:
        if name not in things:
            raise ConfigError(f"The paper's text asks for the {kind} {name!r}; there are {', '.join(sorted(things))}.")
        return write(things[name], caption)

    return look_up


def write_paper(text: Path, values: Path, tables: Path, figures: Path, markdown: str, page: str) -> None:
    """Write the filled-in text as Markdown, and as one page with its figures inside.

    `values` is JSON, `tables` a folder of CSV files, `figures` one of SVG files. Raises ConfigError (see `render`).
    """
    try:
        source = text.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The paper's text {text} cannot be read ({error}): write it as UTF-8.") from error
    pictures = {f"figures/{path.name}": path for path in sorted(figures.glob("*.svg"))}
    filled = render(
        source,
        read_json(values),
        {path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in sorted(tables.glob("*.csv"))},
        {path.stem: name for name, path in pictures.items()},
        str(text),
    )
    title = next((html.unescape(line.lstrip("# ")) for line in filled.splitlines() if line.startswith("# ")), text.stem)
    write_text(markdown, filled)
    write_text(page, as_page(filled, title, {name: path.read_bytes() for name, path in pictures.items()}))
