"""A message is whole sentences, whatever it quotes."""

import pytest

from kilnscan.errors import ImageryError, SceneError


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("It is damaged: see the exception.. Fetch it again.", "It is damaged: see the exception. Fetch it again."),
        ("It cannot be read: no such file..", "It cannot be read: no such file."),
        ("It names ../area.geojson and a/../b, and so on... .", "It names ../area.geojson and a/../b, and so on... ."),
    ],
)
def test_of_two_full_stops_one_is_left(written, read):
    assert str(ImageryError(written)) == read


def test_a_scene_quotes_its_reason_as_a_sentence():
    assert str(SceneError("S2A", "Not there.")) == "The scene S2A cannot be read: Not there."
