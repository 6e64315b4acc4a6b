"""A paper's text: whoever writes it is told all that is wrong at once, and tables and figures have numbers."""

import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from kilnscan.config import load_config
from kilnscan.config_paper import Paper
from kilnscan.errors import ConfigError
from kilnscan.paper_front import read_front
from kilnscan.paper_numbers import interval, loose_numbers
from kilnscan.paper_text import render, write_paper

VALUES = {
    "atlas": {"kilns": 3, "types": {"FCBK": 3}, "score_median": None, "first_seen": "2024-03-01"},
    "evaluation": {"atlas": {"recall": {"value": 0.5, "ci95": [0.1, 0.9], "of": [1, 2]}}},
    "rows": [{"name": "a", "t": 1.5}],
}
TABLES = {"types": pd.DataFrame({"a": [1]}), "tiles": pd.DataFrame({"b": [2]})}
FIGURES = {"map": "figures/map.svg", "types": "figures/types.svg"}


def filled(text: str) -> str:
    return render(text, VALUES, TABLES, FIGURES, "paper.md")


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        filled(text)
    return str(caught.value)


# wrong placeholders


@pytest.mark.parametrize(
    ("placeholder", "words"),
    [
        ("{{ atlas.killns }}", "`atlas.killns`, which the run does not have (did you mean atlas.kilns?)"),
        ("{{ atlass.kilns }}", "`atlass`, which the run does not have (did you mean atlas?)"),
        ("{{ recall }}", "did you mean evaluation.atlas.recall?"),
        ("{{ zzz }}", "there are atlas, evaluation, figure, given, rows, see_figure, see_table, table"),
        ("{{ evaluation.atlas.recall.of[7] }}", "number 7 of `evaluation.atlas.recall.of`, which has 2 values"),
        ("{{ rows[0].tt }}", "did you mean rows[0].t?"),
        ("{{ atlas.kilns.more }}", "asks for `more` of a value that holds no others"),
        ("{{ atlas.killns * 2 }}", "did you mean atlas.kilns?"),
        ("{{ atlas.killns | number }}", "did you mean atlas.kilns?"),
        ("{{ atlas }}", "stands for several values: name one of them, as in {{ atlas.kilns }}"),
        ("{{ rows }}", "stands for several values: name one of them, as in {{ rows[0] }}"),
        ("{{ atlas.score_median }}", "stands for nothing: the run has no value there"),
        ("{{ atlas.score_median | number }}", "this is nothing: the run has no value there"),
        ("{{ atlas.first_seen | percent }}", "uses `percent`, which writes a number, and this is no number, but words"),
        ("{{ atlas.kilns | interval }}", "uses `interval`, which writes what holds `value` and `ci95`"),
        ("{{ atlas.kilns | numbr }}", "uses the filter `numbr`, which is not there (did you mean number?)"),
        ("{% if atlas.kilns is evn %}{% endif %}", "uses the test `evn`, which is not there (did you mean even"),
        ("{{ atlas. }}", "is no placeholder that can be read"),
        ("{{ atlas.first_seen / 2 }}", "cannot be worked out from these values"),
        ("{{ atlas.kilns() }}", "cannot be worked out from these values"),
        ("{{ atlas.first_seen.__class__ }}", "may not use"),
        ("{% for row in rowz %}{% endfor %}", "`rowz`, which the run does not have (did you mean rows?)"),
        ("{% if atlas %}", "close each {% if %}"),
        ('{{ tabel("types") }}', "did you mean table?"),
        ('{{ table("type") }}', "asks for the table `type`, which the run does not have (did you mean types"),
        ("{{ table(types) }}", 'names a table without quotes: write {{ table("types") }}'),
        ('{{ table("accuracy") }}', "it comes with the key `reference`"),
        ("{{ given(7) }}", "gives a number without its source"),
    ],
)
def test_a_wrong_placeholder_is_told_with_file_line_and_what_it_may_have_meant(placeholder, words):
    said = refused(f"# A\n\n{placeholder}\n")
    assert said.startswith("paper.md, line 3: `{") and words in said
    assert not re.search(r"object|has no attribute|undefined|expected token|TypeError", said)


def test_all_that_is_wrong_is_told_in_one_run():
    said = refused("12 of {{ atlas.killns }} and {{ nothing_at_all }}\n{{ 42 }}\n{{ atlas. }} {{ atlas.kilns }}\n"
                   'Table 3 {{ table("tipes") }}\n{{ given(5) }}\n')  # fmt: skip
    assert said.startswith("paper.md holds 8 things that cannot stay:\n")
    assert [int(line) for line in re.findall(r"^    line (\d): ", said, re.MULTILINE)] == [1, 1, 1, 2, 3, 4, 4, 5]
    assert said.count("A number comes from the run") == 1 and "{{ atlas.kilns }}`" not in said


def test_the_same_mistake_is_told_at_each_of_its_places():
    assert refused("{{ atlas.x }}\n{{ atlas.x }}").count("asks for `atlas.x`") == 2


def test_very_many_mistakes_are_counted():
    assert "and 10 more" in refused("{{ x }}\n" * 60)


def test_lines_are_those_of_the_file_also_where_a_placeholder_takes_several():
    assert refused('{{ given(5,\n"a") }}\n\n{{\natlas.x }}').startswith("paper.md, line 4: `{{ atlas.x }}`")
    assert refused("a\r\nb\r\n{{ atlas.x }}\r\n").startswith("paper.md, line 3: ")


def test_braces_that_stay_open_are_told():
    assert refused("{{ atlas.kilns").startswith("paper.md, line 1: a placeholder cannot be read")
    assert refused("{{ atlas.kilns } {{ rows[0].t }}").startswith("paper.md, line 1: `{{ atlas.kilns } {{")


def test_what_may_be_missing_may_be_asked_for():
    assert filled("{% if change is defined %}{{ change.kilns }}{% endif %}{{ x | default(atlas.kilns) }}") == "3"


def test_an_end_inside_quotes_is_none():
    assert filled('{{ given(5, "a }} b") }}').startswith("5\n")


def test_many_quotes_without_an_end_take_no_time():
    assert loose_numbers("{{ " + "'\"" * 5000) == []


# numbers by hand


@pytest.mark.parametrize("text", ["Table 1", "Fig. 2", "Figures 3"])
def test_a_number_of_a_table_by_hand_is_refused_and_the_message_tells_how(text):
    said = refused(f"see {text}.")
    assert f"`{text}` is numbered by hand" in said and '{{ see_table("types") }}' in said


def test_numbers_around_a_placeholder_are_two():
    assert loose_numbers("5 {{ a }} 7 `x` 9") == [(1, "5"), (1, "7"), (1, "9")]


# tables and figures


def test_tables_and_figures_are_numbered_as_they_come():
    text = filled('{{ table("tiles", "A.") }}{{ figure("map", "B.") }}{{ table("types") }}{{ figure("types") }}')
    assert re.findall(r"\*\*(Table \d\.\*\*.*)", text) == ["Table 1.** A.", "Table 2.**"]
    assert re.findall(r"!\[(.*?)\]", text) == ["Figure 1. B.", "Figure 2."]


def test_a_reference_finds_its_table_wherever_that_stands():
    refer = '{{ see_table("types") }}, {{ see_figure("types") }}\n'
    shown = ['{{ table("types") }}\n', '{{ table("tiles") }}\n']
    figures = '{{ figure("types") }}\n'
    assert filled(refer + shown[0] + shown[1] + figures).startswith(
        "[Table 1](#table-types), [Figure 1](#figure-types)"
    )
    assert filled(refer + shown[1] + shown[0] + figures).startswith("[Table 2](#table-types), [Figure 1]")
    assert filled(shown[1] + shown[0] + figures + refer).endswith(
        "[Table 2](#table-types), [Figure 1](#figure-types)\n"
    )


def test_a_reference_to_what_the_text_does_not_show_is_refused():
    said = refused('{{ see_table("types") }}')
    assert 'refers to a table that the text does not show: put {{ table("types", "Its caption.") }}' in said
    assert "(did you mean types" in refused('{{ see_table("typs") }}')
    assert "see_table" not in refused('{{ see_table("types") }} {{ table("types", "of 5") }}')  # told once


def test_a_table_stands_once():
    assert 'refer to it by {{ see_table("types") }}' in refused('{{ table("types") }}\n{{ table("types") }}')


def test_a_caption_may_refer_and_stays_words():
    text = filled('{{ table("types") }}{{ figure("map", "<b> as in " ~ see_table("types") ~ ".") }}')
    assert "![Figure 1. &lt;b&gt; as in Table 1.](figures/map.svg)" in text


# numbers with their range


@pytest.mark.parametrize(
    ("value", "ends", "words"),
    [
        (12345, [11000.4, 13000.6], "12,345 (95 % interval 11,000 to 13,001)"),
        (1200.0, [1100.0, 1300.0], "1,200 (95 % interval 1,100 to 1,300)"),
        (0.5, [0.1, 0.9], "0.500 (95 % interval 0.100 to 0.900)"),
        (1.0, [1.0, 1.0], "1.000 (95 % interval 1.000 to 1.000)"),
        (7.25, [6.1, 8.0], "7.250 (95 % interval 6.100 to 8.000)"),
        (0, [0, 3], "0 (95 % interval 0 to 3)"),
    ],
)
def test_counts_have_no_decimals_and_shares_have_three(value, ends, words):
    assert interval({"value": value, "ci95": ends}) == words


def test_digits_may_be_asked_for():
    assert interval({"value": 12, "ci95": [11, 13]}, digits=1) == "12.0 (95 % interval 11.0 to 13.0)"
    assert filled("{{ evaluation.atlas.recall | interval(2) }}") == "0.50 (95 % interval 0.10 to 0.90)"


@pytest.mark.parametrize("measured", [{"value": None, "ci95": None}, {"value": 3, "ci95": [1, None]}, {"value": 3}, 3])
def test_what_was_not_measured_has_no_interval(measured):
    with pytest.raises(ValueError, match="uses `interval`"):
        interval(measured)


# front matter


def page_of(folder: Path, text: str, authors: tuple[str, ...] = ()) -> tuple[str, str]:
    for name in ("tables", "figures"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "values.json").write_text('{"atlas": {"kilns": 3}}')
    (folder / "text.md").write_text(text)
    made = [folder / "paper.md", folder / "paper.html"]
    write_paper(*(folder / name for name in ("text.md", "values.json", "tables", "figures")), *map(str, made), authors)
    return made[0].read_text(), made[1].read_text()


def test_front_matter_gives_title_and_authors(tmp_path):
    text = "---\ntitle: 'Kilns: all'\nauthors: [A. One, {name: B. Two}]\n---\n\n{{ atlas.kilns }} kilns.\n"
    markdown, page = page_of(tmp_path, text)
    assert markdown == '---\ntitle: "Kilns: all"\nauthor: ["A. One", "B. Two"]\n---\n\n3 kilns.\n'
    assert "<title>Kilns: all</title>" in page and "<h1>Kilns: all</h1>" in page
    assert '<p class="authors">A. One, B. Two</p>' in page and "---" not in page


def test_authors_of_the_configuration_stand_below_the_heading(tmp_path):
    assert '<h1>T</h1>\n<p class="authors">A &lt;One&gt;</p>' in page_of(tmp_path, "# T\n\na", ("A <One>",))[1]


def test_authors_are_told_in_one_place(tmp_path):
    with pytest.raises(ConfigError, match=r"front matter, but `paper\.authors` names B\. Two"):
        page_of(tmp_path, "---\nauthor: A. One\n---\na", ("B. Two",))


def test_lines_below_front_matter_keep_their_numbers(tmp_path):
    with pytest.raises(ConfigError, match=r"text\.md, line 4: `\{\{ atlas\.x \}\}`"):
        page_of(tmp_path, "---\ntitle: A\n---\n{{ atlas.x }}")


def test_a_text_without_front_matter_stays_as_it_is():
    for text in ("# A\n\n---\n\nb\n\n---\n", "---\nno end", ""):
        assert read_front(text, "p.md")[1] == text


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("date: 2026-11-30", r"`date`.*`paper\.published`"),
        ("title: 12 kilns", "a placeholder or a number"),
        ("title: '{{ atlas.kilns }} kilns'", "a placeholder or a number"),
        ("title: {{ atlas.kilns }}", "placeholder|YAML"),
        ("title: a: b", r"p\.md, line 2, .*no YAML.*in quotes"),
        ("some words", "opens front matter"),
        ("title: 2024", "title"),
        ("authors: [1]", "no names"),
        ("author: A\nauthors: B", "keep one"),
    ],
)
def test_other_front_matter_is_refused_in_one_sentence(front, words):
    with pytest.raises(ConfigError, match=words) as caught:
        read_front(f"---\n{front}\n---\na", "p.md")
    assert str(caught.value).startswith("p.md") and "\n" not in str(caught.value)


# licence and day of publication


def paper_config(**keys: object) -> Paper:
    raw = {"region": {"name": "x"}, "sentinel2": {"source": "mosaic", "path": "a.tif"}}
    return load_config(raw | {"paper": {"text": "p.md", **keys}}).paper


@pytest.mark.parametrize("licence", ["", "CC-BY-4.0", "CC0-1.0", "https://example.org/licence?v=1"])
def test_licences_by_their_name_or_address_pass(licence):
    assert paper_config(licence=licence).licence == licence


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("CC BY 4.0", r"`paper\.licence`: 'CC BY 4\.0' is no licence .*did you mean CC-BY-4\.0\?"),
        ("cc-by-4.0", r"did you mean CC-BY-4\.0"),
        ("all rights reserved", "write one of CC-BY-4.0, .*https address"),
        ("http://example.org/a", "https address"),
        ("https://", "https address"),
        ("https://example.org/a b", "https address"),
        ("javascript://x", "https address"),
    ],
)
def test_other_licences_are_refused_with_those_that_are_known(licence, words):
    with pytest.raises(ConfigError, match=words):
        paper_config(licence=licence)


def test_a_day_may_stand_without_quotes():
    assert paper_config(published=date(2026, 11, 30)).published == "2026-11-30"


@pytest.mark.parametrize("day", ["30 Nov 2026", "2026-11-31", "2026-11", "20261130", 2026, "2026-11-30T00:00"])
def test_a_day_that_is_none_is_told_in_plain_words(day):
    words = r"`paper\.published`: '.*' is no day of the calendar; write year, month and day, as in 2026-11-30\.$"
    with pytest.raises(ConfigError, match=words):
        paper_config(published=day)
