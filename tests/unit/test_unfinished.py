"""A job that ended when nobody waited for it any more is not done: Snakemake runs it again."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from snakemake.persistence.file import FilePersistence

from kilnscan.unfinished import judged, unfinished

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OUTPUT = "results/demo/tiles/45QVA/screen.tif"


def record(ago_s, state="done", executor="local", **more):
    ended = (NOW - timedelta(seconds=ago_s)).isoformat()
    return {"rule": "screen", "state": state, "ended": ended, "executor": {"name": executor}, "makes": OUTPUT} | more


@pytest.mark.parametrize("output", [OUTPUT, "s3://kilns/run/results/a.tif", f"results/{'long/' * 80}ä?>.tif"])
def test_the_marks_that_snakemake_leaves_are_read(tmp_path, output):
    where = FilePersistence._record_path(SimpleNamespace(_fetch_max_len=lambda subject: 255), str(tmp_path), output)
    (tmp_path / where).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / where).touch()
    assert unfinished(tmp_path) == {output}


def test_no_marks_and_strange_files_are_nothing(tmp_path):
    assert unfinished(tmp_path / "gone") == set()
    (tmp_path / "a").touch()
    (tmp_path / urlsafe_b64encode(b"\xff\xfe").decode()).touch()
    assert unfinished(tmp_path) == set()


@pytest.mark.parametrize(
    ("job", "state"),
    [
        (record(16), "stopped"),
        (record(14), "done"),  # Snakemake is about to notice
        (record(299, executor="slurm"), "done"),  # it asks the scheduler now and then
        (record(301, executor="slurm"), "stopped"),
        (record(900, state="failed"), "failed"),
        (record(900, makes="results/other.tif"), "done"),
        ({"rule": "old", "state": "done"}, "done"),  # a record of an earlier version
    ],
)
def test_a_job_is_stopped_if_it_says_done_and_snakemake_has_long_not_noticed(job, state):
    assert judged(job, {OUTPUT}, NOW)["state"] == state
