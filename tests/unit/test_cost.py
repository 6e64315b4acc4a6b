"""kilnscan's own part of the cost report: jobs from records, and the naive design."""

import json

import boto3
import pytest
from moto import mock_aws

from kilnscan.config import load_config
from kilnscan.cost import cost_report, jobs_of
from kilnscan.errors import ConfigError
from kilnscan.footprint import Facts, Job
from kilnscan.naive import Run, all_again, detection_everywhere, imagery_everywhere, one_machine, smallest

CONFIG = {"region": {"name": "x", "aoi": "a.geojson"},
          "sentinel2": {"source": "stac", "start": "2024-01-01", "end": "2024-02-01"}}  # fmt: skip


def record(rule="screen", tile="a", state="done", wall_s=3600.0, **more):
    base = {"rule": rule, "wildcards": {"tile": tile} if tile else {}, "state": state, "attempt": 1,
            "started": "2026-11-24T10:00:00+00:00", "ended": "2026-11-24T11:00:00+00:00", "threads": 2,
            "asked_mb": 2048, "wall_s": wall_s, "cpu_s": 1.5 * wall_s, "peak_mb": 1024, "log": "logs/x.log",
            "read_bytes": {"network": 2_000_000_000, "files": 0}, "earlier": [],
            "executor": {"name": "aws-batch", "node": "n"},
            "machine": {"instance": "c7g.2xlarge", "spot": True, "region": "us-west-2", "cpus": 8,
                        "memory_mb": 15_600}}  # fmt: skip
    return base | more


def run(records, area_km2=100.0, plan=None):
    return Run(records, list(jobs_of(records)), area_km2, plan or {}, None, ["up42-triplesat"])


def test_a_record_becomes_a_job():
    (job,) = jobs_of([record()])
    assert job == Job(
        "screen", 3600.0, threads=2, cpu_s=5400.0, mem_gib=2, peak_gib=1, instance="c7g.2xlarge", spot=True,
        region="us-west-2", cores=8, memory_gib=15_600 / 1024, site="cloud", node="n", start=1_795_514_400.0,
        network_gb=2, tile="a",
    )  # fmt: skip


def test_earlier_attempts_are_lost_or_done_again():
    times = {"lost": 10.0, "failed": 20.0, "done": 30.0}
    earlier = [*({"state": state, "wall_s": wall_s} for state, wall_s in times.items()), {"state": "failed"}]
    jobs = list(jobs_of([record(earlier=earlier), record(state="running"), record(state="stopped")]))
    fates = [("lost", 10.0), ("lost", 20.0), ("superseded", 30.0), ("done", 3600.0), ("lost", 3600.0)]
    assert [(job.fate, job.wall_s) for job in jobs] == fates and {job.tile for job in jobs} == {"a"}


def test_a_poor_record_is_a_poor_job():
    poor = {"rule": "x", "state": "done", "started": "yesterday", "wall_s": 1.0, "machine": None, "read_bytes": None}
    assert list(jobs_of([poor])) == [Job("x", 1.0)]


@pytest.mark.parametrize("nonsense", ["1", None, -1.0, float("nan"), float("inf"), [1]])
def test_times_that_are_none_are_no_job_and_other_amounts_are_unknown(nonsense):
    assert list(jobs_of([record(wall_s=1.0) | {"wall_s": nonsense}])) == []
    (job,) = jobs_of([record(cpu_s=nonsense, asked_mb=nonsense)])
    assert job.cpu_s is None and job.mem_gib is None


def test_imagery_of_everything_costs_its_area_and_ours_what_is_planned():
    records = [record("imagery", km2=8.0, chips=312)]
    (row,) = imagery_everywhere(run(records))
    assert row["values"] == [600.0, 48.0] and row["saving"] == "12.5 times" and "lower bound" in row["assumption"]
    (row,) = imagery_everywhere(run(records, plan={"products": [{"product": "up42-triplesat", "price": 70.0}]}))
    assert row["values"] == [600.0, 70.0] and "the plan's orders" in row["assumption"]


def test_the_smallest_order_is_charged_where_there_is_no_plan():
    (row,) = imagery_everywhere(run([record("imagery", km2=1.0, chips=40)]))
    assert row["values"][1] == 30.0  # 5 km2 at 6 EUR


def test_detection_everywhere_follows_from_the_time_of_one_window_and_one_chip():
    records = [record("screen", wall_s=100.0), record("imagery", wall_s=10.0, chips=100, km2=2.56),
               record("detect", wall_s=20.0, windows=50)]  # fmt: skip
    row = detection_everywhere(run(records, area_km2=25.6))
    naive = 1000 * (15 / 100 + 30 / 50)  # 25.6 km2 are a thousand chips
    assert row["values"] == pytest.approx([naive, 150 + 15 + 30])


def test_one_kind_of_machine_is_the_cheapest_that_the_widest_job_fits_on():
    facts = Facts()
    assert smallest(facts, 2, 4).name == "c6g.large" and smallest(facts, 2, 16).name == "r7g.large"
    assert smallest(facts, 500, 1) is None
    (row,) = one_machine(run([record(threads=1, asked_mb=1024), record(threads=2, asked_mb=4096)]), facts)
    assert row["values"] == pytest.approx([2 * 0.068, 1.5 * 0.068]) and "25% of it idle" in row["assumption"]


def test_everything_again_against_one_tile():
    records = [record(tile="a", wall_s=100.0), record(tile="b", wall_s=300.0), record("atlas", "", wall_s=20.0)]
    (row,) = all_again(run(records))
    assert row["values"] == [630.0, 330.0] and row["run"].endswith("in 2 jobs")


def test_a_run_without_records_compares_nothing():
    empty = run([])
    assert [imagery_everywhere(empty), detection_everywhere(empty), one_machine(empty, Facts()), all_again(empty)] == [
        [], {}, [], [],
    ]  # fmt: skip


def test_the_report_reads_a_region_from_its_folder(tmp_path):
    for name, one in (("a", record(km2=500.0)), ("b", record("detect", windows=10))):
        path = tmp_path / "jobs" / name / "x.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(one))
    settings = load_config(CONFIG | {"footprint": {"retention_days": 10}})
    report = cost_report(str(tmp_path), settings, 500.0, 12.5)
    assert report["total"]["jobs"] == 2 and report["imagery"]["paid"] == 12.5
    assert [(unit["unit"], unit["count"]) for unit in report["units"]] == [("1,000 km2 screened", 0.5)]
    assert report["traffic"]["gb"] == 4 and report["storage"]["days"] == 10
    assert report["traffic"]["operational_g"] == pytest.approx([0, 0.004 * 350.861], rel=1e-4)  # the jobs' only region


def test_the_report_reads_a_region_from_s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(
            Bucket="bucket", Key="p/results/x/jobs/a/screen.json", Body=json.dumps(record(km2=500.0, reason="x" * 5000))
        )
        settings = load_config(CONFIG | {"footprint": {"retention_days": 10}})
        report = cost_report("s3://bucket/p/results/x", settings, 500.0, 0.0)
    assert report["total"]["jobs"] == 1 and report["storage"]["gb"] > 0


def test_an_empty_folder_is_a_report_of_nothing(tmp_path):
    assert cost_report(str(tmp_path), load_config(CONFIG), 1.0, 0.0)["total"]["jobs"] == 0


def test_a_misspelt_machine_is_told_by_its_key(tmp_path):
    with pytest.raises(ConfigError, match=r"`footprint` cannot be used: The machine c7h\.large"):
        cost_report(str(tmp_path), load_config(CONFIG | {"footprint": {"instance": "c7h.large"}}), 1.0, 0.0)


@pytest.mark.parametrize("wrong", [{"instance": "C7G"}, {"pue": [2, 1]}, {"g_per_kwh": [-1, 2]}, {"price": 3}])
def test_nonsense_in_the_configuration_is_refused(wrong):
    with pytest.raises(ConfigError, match="footprint"):
        load_config(CONFIG | {"footprint": wrong})
