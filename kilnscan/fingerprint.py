"""Hash what a stage computes, so that only a change of it makes jobs run again.

The fingerprint of a script covers its syntax tree and those of the kilnscan modules it imports, directly or not.
Comments, docstrings, layout and file times are not part of it, and neither are the
configuration's form and the modules in `NO_COMPUTATION`.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "kilnscan"
ROOT = Path(__file__).parent
NO_COMPUTATION = {PACKAGE} | {
    f"{PACKAGE}.{name}"
    for name in ("errors", "console", "records", "machine", "traffic", "web", "ranges", "azure", "store")
}
"""Words for people, what is noted of jobs, and how bytes travel."""
FORM = f"{PACKAGE}.config"
"""How modules of the configuration's form begin: they are left out, for its values reach jobs as params."""


@cache
def fingerprint(script: str | Path) -> str:
    """Hash of a script and of all package modules it imports, as 16 hexadecimal digits."""
    script = Path(script)
    tree = _parse(script)
    modules = {name: _code(_tree(name)) for name in sorted(_closure(_imports(tree)))}
    return hashlib.sha256(repr((_code(tree), modules)).encode()).hexdigest()[:16]


def _closure(modules: list[str]) -> set[str]:
    found: set[str] = set()
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name not in found and name not in NO_COMPUTATION and not name.startswith(FORM):
            found.add(name)
            todo += _imports(_tree(name))
    return found


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _tree(module: str) -> ast.Module:
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(module)
    return _parse(path)


@cache
def _path(module: str) -> Path | None:
    """File of a package module, found without importing anything; None if there is none of that name."""
    stem = ROOT.joinpath(*module.split(".")[1:])
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


@cache  # by the tree itself: scripts share most of their modules
def _imports(tree: ast.Module) -> list[str]:
    """Package modules that a module imports, wherever in it the import stands."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] == PACKAGE and _path(name)]


@cache
def _code(tree: ast.Module) -> str:
    """Source of a module without comments, docstrings and layout."""
    tree = ast.parse(ast.unparse(tree))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [item for item in body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]
            node.body = kept or [ast.Pass()]
    return ast.unparse(tree)
