"""A fingerprint changes with what is computed and with nothing else."""

import pytest

from kilnscan import fingerprint as module
from kilnscan.fingerprint import fingerprint


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A toy package and script in place of ours: script -> stage -> shared; other stands alone."""
    root = tmp_path / "kilnscan"
    (root / "sub").mkdir(parents=True)
    (root / "__init__.py").write_text('__version__ = "1"\n')
    (root / "errors.py").write_text("class E(Exception): ...\n")
    (root / "shared.py").write_text('"""Shared."""\n\n\ndef f(x):\n    """Doc."""\n    return x + 1\n')
    (root / "sub" / "__init__.py").write_text("from kilnscan.shared import f\n")
    (root / "stage.py").write_text("from kilnscan.errors import E\nfrom kilnscan.sub import f\n\nX = f(1)\n")
    (root / "other.py").write_text("Y = 1\n")
    (tmp_path / "run.py").write_text("from kilnscan.stage import X\n\nprint(X)\n")
    monkeypatch.setattr(module, "ROOT", root)

    def of(**changes: str) -> str:
        for name, text in changes.items():
            path = tmp_path / "run.py" if name == "run" else root / f"{name}.py"
            path.write_text(text)
        for cached in (module.fingerprint, module._tree, module._path):
            cached.cache_clear()
        return fingerprint(tmp_path / "run.py")

    yield of
    for cached in (module.fingerprint, module._tree, module._path):
        cached.cache_clear()


@pytest.mark.parametrize(
    "change",
    [
        {"shared": "# a comment\ndef f(x):\n    '''Another doc.'''\n\n    return x  +  1\n"},
        {"other": "Y = 2\n"},
        {"errors": "class E(ValueError): ...\n"},
        {"__init__": '__version__ = "2"\n'},
    ],
    ids=["comment, docstring and layout", "unrelated module", "words for people", "version"],
)
def test_what_computes_nothing_changes_nothing(package, change):
    assert package() == package(**change)


@pytest.mark.parametrize(
    "change",
    [{"shared": "def f(x):\n    return x + 2\n"}, {"run": "from kilnscan.stage import X\n\nprint(X, X)\n"}],
    ids=["module imported by an import", "the script itself"],
)
def test_a_changed_algorithm_changes_the_fingerprint(package, change):
    assert package() != package(**change)
