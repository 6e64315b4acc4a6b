"""Front matter: what stands above a paper's text between two lines `---`, as Pandoc, Quarto and Jekyll read it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from kilnscan.errors import ConfigError
from kilnscan.paper_numbers import PLACEHOLDER, loose_numbers

FENCED = re.compile(r"\A---[ \t]*\r?\n(?P<inside>.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
ELSEWHERE = {
    "date": "the day stands in `paper.published`",
    "license": "the licence stands in `paper.licence`",
    "licence": "the licence stands in `paper.licence`",
    "abstract": "write it as text, below a heading",
    "bibliography": "write references below the heading References",
}


@dataclass(frozen=True)
class Front:
    """What front matter may say."""

    title: str = ""
    authors: tuple[str, ...] = ()

    def as_yaml(self) -> str:
        """The front matter as it stands above a filled-in text; empty if it says nothing."""
        lines = [f"title: {json.dumps(self.title, ensure_ascii=False)}"] if self.title else []
        lines += [f"author: {json.dumps(self.authors, ensure_ascii=False)}"] if self.authors else []
        return "\n".join(["---", *lines, "---", ""]) + "\n" if lines else ""


def read_front(text: str, name: str) -> tuple[Front, str]:
    """Front matter of a text, and the rest with as many lines, so that lines keep their numbers.

    Raises ConfigError, naming the text `name`, for front matter that says more than title and authors.
    """
    fenced = FENCED.match(text)
    if not fenced:
        return Front(), text
    rest = "\n" * fenced[0].count("\n") + text[fenced.end() :]
    try:
        said = yaml.safe_load(fenced["inside"]) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 2}," if mark else ""
        raise ConfigError(
            f"{name}{line} begins with front matter (between lines of ---) that is no YAML: write `title: ...` and "
            "`authors: [...]` there, with words that hold a colon in quotes, or take it out."
        ) from None
    if not isinstance(said, dict):
        raise ConfigError(
            f"{name} begins with a line ---, which opens front matter: write `title: ...` and `authors: [...]` there, "
            "or take the line out."
        )
    strange = [key for key in said if key not in ("title", "author", "authors")]
    if strange:
        hint = ELSEWHERE.get(str(strange[0]).lower(), "take it out")
        raise ConfigError(
            f"{name} has front matter with `{strange[0]}`, but it may hold `title` and `authors` only: {hint}."
        )
    if PLACEHOLDER.search(fenced["inside"]) or loose_numbers(str(said.get("title", ""))):
        raise ConfigError(
            f"{name} has a placeholder or a number in its front matter: write a title without, or begin "
            "the text with `# ` and the title instead, where placeholders are filled in."
        )
    if "author" in said and "authors" in said:
        raise ConfigError(f"{name} has front matter with `author` and `authors`: keep one of them.")
    return Front(_title(said.get("title", ""), name), _authors(said.get("authors", said.get("author")), name)), rest


def same_authors(front: Sequence[str], config: Sequence[str], name: str) -> tuple[str, ...]:
    """The authors, as the front matter of the text `name` or config `paper.authors` has them.

    Raises ConfigError if both have some, and others.
    """
    if front and config and list(front) != list(config):
        raise ConfigError(
            f"{name} names the authors {', '.join(front)} in its front matter, but `paper.authors` names "
            f"{', '.join(config)}: name them in one of the two."
        )
    return tuple(front or config)


def _title(title: object, name: str) -> str:
    if title is not None and not isinstance(title, str):
        raise ConfigError(f"{name} has front matter whose `title` is {title!r}: write words.")
    return " ".join((title or "").split())


def _authors(authors: object, name: str) -> tuple[str, ...]:
    listed = authors if isinstance(authors, list) else [] if authors is None else [authors]
    names = [person.get("name") if isinstance(person, dict) else person for person in listed]
    if not all(isinstance(person, str) and person.strip() for person in names):
        raise ConfigError(f"{name} has front matter whose `authors` are no names: write `authors: [A. Author]`.")
    return tuple(" ".join(person.split()) for person in names)
