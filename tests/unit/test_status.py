"""The state of a run, from the records of its jobs."""

import json
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from kilnscan.instances import cost_usd, instance_of
from kilnscan.status import read_records, right_size, tell

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def record(rule="screen", tile="a", state="done", begun_min=60, wall_s=600.0, **more):
    started = NOW - timedelta(minutes=begun_min)
    ended = {"ended": (started + timedelta(seconds=wall_s)).isoformat()} if state not in ("running", "lost") else {}
    base = {"rule": rule, "wildcards": {"tile": tile}, "state": state, "attempt": 1, "started": started.isoformat(),
            "threads": 4, "asked_mb": 8192, "wall_s": wall_s, "cpu_s": 3 * wall_s, "peak_mb": 2000, "log": "logs/x.log",
            "earlier": [], "machine": {}}  # fmt: skip
    return base | ended | more


def test_progress_is_counted_by_rule():
    jobs = [record(tile="a"), record(tile="b", state="failed", reason="Why."), record(tile="c", state="running")]
    said = tell(jobs, {"screen": 5, "detect": 5}, now=NOW)
    rows = {line.split()[0]: line.split() for line in said.partition("\n\n")[0].splitlines()}
    assert rows["screen"][:5] == ["screen", "1", "5", "1", "1"]  # done, of, running, failed
    assert rows["detect"] == ["detect", "0", "5"]


def test_a_failure_tells_its_reason_and_its_log():
    said = tell([record(tile="b", state="failed", reason="The disk is full.", attempt=3)], {"screen": 1}, now=NOW)
    assert "failed: screen b, attempt 3, log logs/x.log\n    The disk is full." in said


def test_the_end_follows_from_the_pace_so_far():
    jobs = [record(tile=str(tile), begun_min=60, wall_s=900) for tile in range(8)]  # two at a time for an hour
    said = tell([*jobs, record(tile="8", state="running", begun_min=1)], {"screen": 16}, now=NOW)
    assert "8 jobs are left; the first began 1 h 0 min ago." in said
    assert "ends about 2026-11-24 13:00 UTC, in 1 h 0 min." in said


def test_rules_that_have_not_run_are_named_and_not_guessed():
    said = tell([record(), record(tile="b", state="running")], {"screen": 2, "detect": 2}, now=NOW)
    assert "not counted, because none has run yet: detect." in said


def test_a_pause_does_not_count():
    week_ago = [record(tile=str(tile), begun_min=7 * 24 * 60, wall_s=360) for tile in range(50)]
    now = [record(tile=str(tile), begun_min=60 - 6 * (tile - 50), wall_s=360, km2=100.0) for tile in range(50, 60)]
    said = tell([*week_ago, *now, record(tile="60", state="running")], {"screen": 70}, now=NOW)
    assert "10 jobs are left" in said and "in 1 h 0 min." in said and "in the last hour: 1,000 km2" in said


def test_a_run_that_stands_still_says_so():
    slow = [record(begun_min=600), record(tile="b", state="running", begun_min=300)]
    assert "None has ended in the last hour." in tell(slow, {"screen": 2}, now=NOW)


@pytest.mark.parametrize("state", ["done", "stopped", "failed", "lost"])
def test_a_run_of_which_nothing_is_heard_is_not_running_and_has_no_end(state):
    last = {"seen": (NOW - timedelta(minutes=6)).isoformat()} if state == "lost" else {}
    jobs = [record(begun_min=60, wall_s=600), record(tile="b", state=state, begun_min=26, wall_s=1200, **last)]
    said = tell(jobs, {"screen": 9}, now=NOW)
    assert "Not running since 2026-11-24 11:54 UTC, 6 min ago" in said and "it ends about" not in said


def test_between_two_jobs_a_run_is_not_given_up_but_has_no_end_either():
    said = tell([record(begun_min=14, wall_s=600)], {"screen": 9}, now=NOW)
    assert "No job is running just now; one was 4 min ago." in said and "it ends about" not in said


def test_tiles_of_another_grid_do_not_count():
    old = [record(tile=tile) for tile in "abcd"]
    said = tell(old, {"screen": 4}, tiles=["a", "e", "f", "g"], now=NOW)
    assert "3 jobs are left" in said


def test_a_finished_run_says_when_and_leaves_to_snakemake_what_is_out_of_date():
    said = tell([record(begun_min=60, wall_s=1800)], {"screen": 1}, now=NOW)
    assert "Every job has been done, the last one on 2026-11-24T11:30:00+00:00" in said and "`snakemake -n`" in said


def test_before_anything_ran():
    assert "Nothing has begun yet." in tell([], {"screen": 3}, now=NOW)


def test_time_in_vain_and_lost_attempts_are_told():
    earlier = [{"state": "lost", "attempt": 1, "wall_s": 1800.0, "reason": "It ended without a word."},
               {"state": "done", "attempt": 1, "wall_s": 1800.0}]  # fmt: skip
    said = tell([record(wall_s=1800.0, earlier=earlier)], {"screen": 1}, now=NOW)
    assert "Jobs worked 1.50 h" in said and "0.50 h of it in vain" in said
    assert "1 earlier attempts were lost: It ended without a word." in said
    assert said.splitlines()[1].split()[:4] == ["screen", "1", "1", "1"]  # done, of, again


def test_cost_is_the_share_of_the_machine_times_its_price():
    job = record(wall_s=3600.0, machine={"instance": "c7g.2xlarge", "spot": False})
    assert cost_usd(job) == pytest.approx((0.145, 0.145))  # half of its 8 vCPU and of its 16 GiB
    del job["machine"]["spot"]  # a container does not know: from the cheapest Spot to the full price
    assert cost_usd(job) == pytest.approx((0.0886, 0.145))
    job["machine"]["spot"] = True
    assert cost_usd(job) == pytest.approx((0.0886, 0.1303))
    job["asked_mb"] = 12_288  # three quarters of its memory
    assert cost_usd(job) == pytest.approx((0.75 * 0.1772, 0.75 * 0.2606))
    whole = {"instance": "g5.xlarge", "spot": False}  # nobody shares a GPU
    assert cost_usd(record(machine=whole, wall_s=3600.0)) == pytest.approx((1.006, 1.006))


def test_other_sizes_of_a_family_cost_in_proportion_and_unknown_ones_nothing_is_said_of():
    assert instance_of("c7g.4xlarge").on_demand == pytest.approx(0.58)
    assert instance_of("c7g.xlarge").mem_gib == 8
    assert instance_of("r7g.large").vcpu == 2
    for name in ("g5.2xlarge", "c7g.metal", "c7g", "", "x9.large", "c7g.0xl"):
        assert instance_of(name) is None
    assert cost_usd(record(machine={"instance": "c99.large"})) is None
    priced = record(tile="b", machine={"instance": "c7g.2xlarge", "spot": False}, wall_s=3600.0)
    said = tell([record(machine={"instance": "c99.large"}), priced], {"screen": 2}, now=NOW)
    assert "0.14 USD" in said and "0.17 h on machines whose price is not known" in said
    assert "No price is known of c99.large" in said


def test_who_asks_for_too_much_is_named():
    lean = [record(asked_mb=2816, peak_mb=2000, threads=4, wall_s=100.0, cpu_s=350.0)]
    assert right_size(lean)["advice"] == ""
    fat = [record(asked_mb=16384, peak_mb=2000, threads=8, wall_s=100.0, cpu_s=150.0)]
    assert right_size(fat)["advice"] == "asks for too much memory, asks for too many threads"
    assert right_size(fat)["enough_mb"] == 2816
    assert right_size([record(asked_mb=1000, peak_mb=2000)])["advice"] == "asks for too little memory"
    assert right_size([record(threads=1, wall_s=100.0, cpu_s=5.0)])["advice"] == "asks for too much memory"
    assert right_size([]) is None


def test_records_are_read_from_a_folder_and_strange_files_are_passed_over(tmp_path):
    (tmp_path / "tile").mkdir()
    (tmp_path / "tile" / "screen.json").write_text(json.dumps(record()))
    (tmp_path / "atlas.json").write_text(json.dumps(record("atlas", state="running")))
    (tmp_path / "half.json").write_text('{"rule": "scr')
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "other.json").write_text("{}")
    jobs = read_records(str(tmp_path))
    assert {(job["rule"], job["state"]) for job in jobs} == {("screen", "done"), ("atlas", "running")}


def test_a_job_that_runs_and_has_been_silent_is_taken_for_lost(tmp_path):
    path = tmp_path / "screen.json"
    path.write_text(json.dumps(record(state="running")))
    os.utime(path, (time.time() - 600, time.time() - 600))
    (job,) = read_records(str(tmp_path))
    assert job["state"] == "lost" and job["reason"].startswith("Silent for 10 minutes")
    assert job["wall_s"] > 0, "it costs what it ran until its last sign"


def test_records_that_are_being_written_are_not_read(tmp_path):
    half = tmp_path / ".screen.json.host.1.x"
    half.mkdir()
    (half / "screen.json").write_text(json.dumps(record()))
    assert read_records(str(tmp_path)) == []
