"""Pages of the site that lie elsewhere in the repository, under the links by which they name each other."""

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "config/README.md": "configuration.md",
    "facts/README.md": "facts.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
}
"""Files of the repository and the pages that they become."""
LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def relinked(text: str, folder: str) -> str:
    """Markdown of a file in `folder` of the repository ("" is its root) with links to files made links to pages."""

    def to_page(link: re.Match) -> str:
        file = posixpath.normpath(posixpath.join(folder, link[2]))
        return link[1] + PAGES.get(file, file.removeprefix("docs/")) + link[3]

    return LINK.sub(to_page, text)


def on_files(files, config):
    """Add the pages to those of docs/."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        text = relinked((ROOT / source).read_text(encoding="utf-8"), posixpath.dirname(source))
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Let pages of docs/ link to files elsewhere as they do in the repository."""
    return markdown if page.file.src_uri in PAGES.values() else relinked(markdown, "docs")
