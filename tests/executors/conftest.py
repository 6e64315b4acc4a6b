"""The image, and what the demo gives on this machine: made once for all tests."""

import os
import shutil
from pathlib import Path

import pytest

from tests.executors.cloud import ROOT, Head, build_image, clone

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.enable_socket)


@pytest.fixture(scope="session")
def image() -> Path:
    """The image of the jobs."""
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")
    return build_image(Path(os.environ.get("KILNSCAN_IMAGE", ROOT / ".image-batch")))


@pytest.fixture(scope="session")
def local(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the demo, run on this machine: what all else is compared with."""
    head = Head(clone(image, tmp_path_factory.mktemp("local") / "kilnscan"), dict(os.environ))
    head.snakemake()
    return head.folder / "results"
