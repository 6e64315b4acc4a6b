"""Files appear whole or not at all, and are named by what is in them."""

import errno
import os
import platform
import subprocess
from types import SimpleNamespace

import pytest

from kilnscan.errors import KilnscanError, TableError
from kilnscan.files import content_name, read_json, replacing, write_json


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": True})
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"old": True}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_one_sentence(tmp_path):
    with pytest.raises(KilnscanError, match=r"disk is full while writing .*a\.tif"), replacing(tmp_path / "a.tif"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_noticed_whatever_the_writing_library_says(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(KilnscanError, match="disk is full"), replacing(tmp_path / "a.tif"):
        raise RuntimeError("TIFFAppendToStrip: write error")


def test_what_a_killed_process_left_is_cleared_away_and_what_a_living_one_writes_is_not(tmp_path):
    child = subprocess.Popen(["true"])
    child.wait()
    host = platform.node()
    for process in (child.pid, os.getppid()):
        (tmp_path / f".a.json.{host}.{process}.x").mkdir()
    (tmp_path / f".a.json.another-machine.{child.pid}.x").mkdir()
    write_json(tmp_path / "a.json", {})
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted(["a.json", f".a.json.{host}.{os.getppid()}.x", f".a.json.another-machine.{child.pid}.x"])


def test_a_damaged_file_of_ours_says_what_to_do(tmp_path):
    (tmp_path / "scenes.json").write_text('{"half": ')
    with pytest.raises(TableError, match="delete it and run again"):
        read_json(tmp_path / "scenes.json")


def test_a_content_name_follows_the_content_and_not_the_time(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"one")
    first = content_name(path)
    path.touch()
    assert content_name(path) == first
    path.write_bytes(b"two")
    assert content_name(path) != first


def test_large_files_are_named_by_length_and_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("kilnscan.files.WHOLE_BYTES", 10)
    monkeypatch.setattr("kilnscan.files.END_BYTES", 4)
    path = tmp_path / "large.tif"
    names = set()
    for content in (b"headmiddletail", b"HEADmiddletail", b"headmiddleTAIL", b"headmiddle-tail"):
        path.write_bytes(content)
        names.add(content_name(path))
    assert len(names) == 4


def test_a_url_is_named_by_itself():
    assert content_name("https://example.org/a.tif") == "https://example.org/a.tif"
