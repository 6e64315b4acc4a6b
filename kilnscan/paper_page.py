"""A paper's filled-in text as one HTML page that needs no other file."""

import base64
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from markdown import markdown as to_html

STYLE = """
body { font: 17px/1.6 Georgia, "Noto Serif", serif; color: #222; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3 { font-family: system-ui, sans-serif; line-height: 1.25 }
table { border-collapse: collapse; font: 14px/1.4 system-ui, sans-serif; margin: 1rem 0 }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid #ddd }
figure { margin: 1.5rem 0 } figure img { max-width: 100% } figcaption { font-size: 15px; color: #555 }
code { font-size: .85em } .authors { color: #555 }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def as_page(text: str, title: str, pictures: Mapping[str, bytes], authors: Sequence[str] = (), head: str = "") -> str:
    """A filled-in text as one HTML page without scripts that needs no other file; `pictures` are SVG by their path.

    `authors` stand below the first heading, which is `head` if that is given.
    """
    body = to_html(text, extensions=["tables", "sane_lists"], output_format="html")
    if head:
        body = f"<h1>{html.escape(head)}</h1>\n{body}"
    if authors:
        line = f'<p class="authors">{html.escape(", ".join(authors))}</p>'
        start, closed, rest = body.partition("</h1>")
        body = f"{start}{closed}\n{line}{rest}" if closed else f"{line}\n{body}"

    def with_picture(match: re.Match[str]) -> str:
        words, path = match["words"], html.unescape(match["path"])
        picture = base64.b64encode(pictures[path]).decode() if path in pictures else ""
        image = f'<img alt="{words}" src="data:image/svg+xml;base64,{picture}">'
        caption = re.sub(r"^(Figure \d+\.)", r"<strong>\1</strong>", words)
        place = html.escape(f"figure-{PurePosixPath(path).stem}")
        return f'<figure id="{place}">{image}<figcaption>{caption}</figcaption></figure>'

    body = re.sub(r'<p><img alt="(?P<words>[^"]*)" src="(?P<path>[^"]*)"\s*/?></p>', with_picture, body)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n{body}\n</html>\n"
    )
