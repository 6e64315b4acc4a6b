"""Whether a paper's placeholders can be filled in: all that cannot, each with its line, before anything is written.

Placeholders are tried on a copy of the text that holds nothing else, one a line, so that whatever goes wrong has a line
of its own. What fails is noted and taken out, and the rest is tried again.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.sandbox import SecurityError
from jinja2.utils import missing

from kilnscan.countries import did_you_mean
from kilnscan.paper_numbers import PLACEHOLDER, WordsError, loose_numbers

MOST_NAMED = 50
LONGEST = 70
UNREADABLE = (
    'is no placeholder that can be read: write {{ atlas.kilns }}, {{ atlas.kilns | number }} or {{ table("types") }}'
)
BLOCK = "cannot be read: close each {% if %} by {% endif %}, each {% for %} by {% endfor %} and each {{ by }}"
NO_VALUE = 'stands for no value of the run: name one, or write {{ given(7, "where it is from") }}'
MAY = (
    "A number comes from the run, {{ atlas.kilns | number }}, or from you with its source, "
    '{{ given(7, "where it is from") }}; a table or figure is referred to by its name, {{ see_table("types") }}, '
    '{{ see_figure("map") }}; years of citations, names such as PM2.5, code and what stands below the heading '
    "References may stay (docs/paper.md)."
)


@dataclass(frozen=True, order=True)
class Problem:
    """A piece of the text that cannot stay."""

    line: int
    what: str
    why: str


def hand_written(text: str) -> list[Problem]:
    """The numbers that stand in a text by themselves."""
    return [
        Problem(line, what, "is numbered by hand" if what[0].isalpha() else "is a number that no rule makes")
        for line, what in loose_numbers(text)
    ]


def sentence(problems: list[Problem], name: str, *, loose: bool) -> str:
    """What to tell of the problems of the text `name`; with `loose`, what numbers may stand, too."""
    told = [f"line {problem.line}: `{problem.what}` {problem.why}" for problem in sorted(problems)]
    if len(told) == 1:
        return f"{name}, {told[0]}. {MAY if loose else ''}".strip()
    more = [f"and {len(told) - MOST_NAMED} more"] if len(told) > MOST_NAMED else []
    listed = "".join(f"\n    {words}" for words in [*told[:MOST_NAMED], *more])
    return f"{name} holds {len(told)} things that cannot stay:{listed}.{f'{chr(10)}    {MAY}' if loose else ''}"


def wrong_placeholders(text: str, make: Callable[[], Environment], values: Mapping[str, Any]) -> list[Problem]:
    """The placeholders of a text that cannot be filled in from `values`, in an environment as `make` makes them.

    A block that fails ({% if %}, {% set %}) ends the search, since what follows hangs on it.
    """
    pieces = [(text.count("\n", 0, match.start()) + 1, match[0]) for match in PLACEHOLDER.finditer(text)]
    copy = [re.sub(r"\r\n?|\n", " ", source) for _, source in pieces]
    found: dict[int, Problem] = {}

    def note(index: int, why: str) -> None:
        line, source = pieces[index]
        found.setdefault(index, Problem(line, _short(source), why))

    environment = make()
    for index, source in enumerate(copy):
        if source.startswith("{{") and not _readable(source, environment):
            note(index, UNREADABLE)
            copy[index] = ""
    try:
        for line, why in _refused(environment.parse("\n".join(copy)), environment):
            note(line - 1, why)
    except TemplateSyntaxError as error:
        note(error.lineno - 1, BLOCK)
        return list(found.values())
    for index in found:
        if copy[index].startswith("{{"):
            copy[index] = ""
    while True:
        try:
            make().from_string("\n".join(copy)).render(values)
            break
        except Exception as error:  # whatever a text does
            index = _line(error) - 1
            note(index, _why(error))
            if not copy[index].startswith("{{"):
                break
            copy[index] = ""
    return list(found.values())


def paths_of(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below `values` with its path as a text writes it: `evaluation.atlas.recall.of[0]`."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            named = str(key) if not path else f"{path}.{key}" if str(key).isidentifier() else f"{path}[{str(key)!r}]"
            yield named, value
            yield from paths_of(value, named)
    elif isinstance(values, list):
        for place, value in enumerate(values):
            yield f"{path}[{place}]", value
            yield from paths_of(value, f"{path}[{place}]")


def no_such_value(name: object, holder: Any, values: Mapping[str, Any], functions: list[str]) -> str:
    """Words for a value called `name` that `holder` lacks (`values` itself for the first name of a placeholder)."""
    places = dict(paths_of(values))
    path = next((known for known, value in places.items() if value is holder), "")
    if isinstance(holder, list):
        return f"asks for number {name} of `{path}`, which has {len(holder)} values, counted from 0"
    if not isinstance(holder, Mapping):
        return f"asks for `{name}` of a value that holds no others"
    prefix = f"{path}." if path else ""
    there = [f"{key}" for key in holder] + (functions if holder is values else [])
    near = [f"{prefix}{known}" for known in difflib.get_close_matches(str(name), there, n=3)]
    near = near or [known for known in places if known.rsplit(".", 1)[-1] == name][:3]  # of that name, but elsewhere
    hint = f" (did you mean {' or '.join(near)}?)" if near else f"; there {_listed(there)}"
    needs = "; it comes with the key `reference`" if prefix + str(name) == "evaluation" else ""
    return f"asks for `{prefix}{name}`, which the run does not have{hint}{needs}"


def _listed(names: list[str]) -> str:
    shown = sorted(names)[:12]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"{'are' if len(names) > 1 else 'is'} {', '.join(shown)}{more}" if shown else "is nothing"


def _short(source: str) -> str:
    source = " ".join(source.split())
    return source if len(source) <= LONGEST else f"{source[: LONGEST - 4]} ..."


def _readable(source: str, environment: Environment) -> bool:
    try:
        environment.parse(source)
    except TemplateSyntaxError:
        return False
    return True


def _refused(parsed: nodes.Template, environment: Environment) -> Iterator[tuple[int, str]]:
    """Lines with what a text may not hold: {{ 42 }}, a number in a caption, filters and tests that are not there."""
    written = [part for output in parsed.find_all(nodes.Output) for part in output.nodes]
    for node in [*written, *(given.node for given in parsed.find_all(nodes.Assign))]:
        names = [node] if isinstance(node, nodes.Name) else list(node.find_all(nodes.Name))
        if not isinstance(node, nodes.TemplateData) and not names:
            yield node.lineno, NO_VALUE
    for kind, known in ((nodes.Filter, environment.filters), (nodes.Test, environment.tests)):
        for node in parsed.find_all(kind):
            if node.name not in known:
                word = kind.__name__.lower()
                yield (
                    node.lineno,
                    f"uses the {word} `{node.name}`, which is not there{did_you_mean(node.name, [*known])}",
                )
    for call in parsed.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("table", "figure"):
            captions = [*call.args[1:], *(word.value for word in call.kwargs if word.key == "caption")]
            for part in (part for caption in captions for part in (caption, *caption.find_all(nodes.Const))):
                if isinstance(part, nodes.Const) and isinstance(part.value, str) and loose_numbers(part.value):
                    loose = loose_numbers(part.value)[0][1]
                    yield (
                        call.lineno,
                        f"has a caption with a number that no rule makes, {loose!r}: put it together with `~` from "
                        'values of the run, as in "of " ~ atlas.kilns',
                    )


def _line(error: BaseException) -> int:
    """Line of the template in which an error came up; Jinja gives its own frames a name and a line."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _why(error: Exception) -> str:
    if isinstance(error, SecurityError):
        return "reaches for what a text may not use"
    if isinstance(error, WordsError | UndefinedError):
        return str(error)
    if isinstance(error, TemplateSyntaxError):
        return UNREADABLE
    return "cannot be worked out from these values: name one value, and let `number`, `percent` or `interval` write it"


def quotes(problems: list[Problem], name: str) -> bool:
    """Whether one of the pieces that cannot stay names `name` in quotes."""
    return any(f'"{name}"' in problem.what or f"'{name}'" in problem.what for problem in problems)


def undefined_of(values: Mapping[str, Any], functions: list[str]) -> type[Undefined]:
    """A class for values that are not there: it says so in words when somebody writes it or reckons with it."""

    class Missing(StrictUndefined):
        __slots__ = ()

        @property
        def _undefined_message(self) -> str:
            holder = values if self._undefined_obj is missing else self._undefined_obj
            return no_such_value(self._undefined_name, holder, values, functions)

    return Missing
