"""A target whose section the region file lacks says which section that is, and shows one that is good."""

import re
from pathlib import Path

import pytest
import yaml

from kilnscan.config import load_config
from kilnscan.unasked import TARGETS, unasked

ROOT = Path(__file__).parents[2]
LEAST = {"region": {"name": "x"}, "sentinel2": {"source": "mosaic", "path": "m.tif"}}


def test_a_region_file_without_sections_gets_one_sentence_for_each_target():
    said = unasked(load_config(LEAST))
    assert set(said) == set(TARGETS)
    assert said["reconcile"].startswith("`snakemake reconcile` needs `inventories`, which the region file lacks")
    assert all(sentence.endswith(f"({TARGETS[target].page}).") for target, sentence in said.items())


@pytest.mark.parametrize("target", TARGETS)
def test_the_line_that_is_shown_is_all_it_takes(target: str):
    wanted = TARGETS[target]
    section = yaml.safe_load(wanted.line)
    assert list(section) == [wanted.section]
    assert (ROOT / wanted.page).is_file()
    assert target not in unasked(load_config(LEAST | section))


def test_every_rule_that_hangs_on_a_section_is_among_the_targets():
    """Rule files define such rules below `if settings.<section>:`; the target is called as the file or the rule."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    sections = set(re.findall(r"^if settings\.(\w+):", text, re.MULTILINE))
    assert sections == {wanted.section for wanted in TARGETS.values()}
    assert all(re.search(rf"^    rule {target}:", text, re.MULTILINE) for target in TARGETS)
