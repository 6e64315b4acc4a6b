"""kilnscan's own part of the cost report: jobs from records, and the naive design."""

import json

import boto3
import pytest
from moto import mock_aws

from kilnscan.config import load_config
from kilnscan.cost import acquired_km2, cost_report, jobs_of
from kilnscan.errors import ConfigError
from kilnscan.footprint import Facts, Job
from kilnscan.footprint.words import table_words
from kilnscan.naive import Run, all_again, detection_everywhere, imagery_everywhere, one_machine, smallest

CONFIG = {"region": {"name": "x", "aoi": "a.geojson"},
          "sentinel2": {"source": "stac", "start": "2024-01-01", "end": "2024-02-01"}}  # fmt: skip
NEEDED = ("screen", "imagery", "detect", "atlas", "x")


def record(rule="screen", tile="a", state="done", wall_s=3600.0, **more):
    base = {"rule": rule, "wildcards": {"tile": tile} if tile else {}, "state": state, "attempt": 1,
            "started": "2026-11-24T10:00:00+00:00", "ended": "2026-11-24T11:00:00+00:00", "threads": 2,
            "asked_mb": 2048, "wall_s": wall_s, "cpu_s": 1.5 * wall_s, "peak_mb": 1024, "log": "logs/x.log",
            "read_bytes": {"network": 2_000_000_000, "files": 0}, "earlier": [],
            "executor": {"name": "aws-batch", "node": "n"},
            "machine": {"instance": "c7g.2xlarge", "spot": True, "region": "us-west-2", "cpus": 8,
                        "memory_mb": 15_600}}  # fmt: skip
    return base | more


def run(records, area_km2=100.0, acquired_km2=0.0, plan=None):
    jobs = list(jobs_of(records, NEEDED))
    return Run(records, jobs, area_km2, acquired_km2, plan or {}, None, ["up42-triplesat"])


@pytest.fixture
def keep(tmp_path):
    """Puts records into a region's folder."""

    def write(*records):
        for one in records:
            path = tmp_path / "jobs" / one["rule"] / "x.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(one))
        return str(tmp_path)

    return write


def report_on(folder, area_km2=500.0, paid=0.0, prefix="", **more):
    return cost_report(folder, load_config(CONFIG | more), area_km2, paid, [*NEEDED, "change"], prefix)


def test_a_record_becomes_a_job():
    (job,) = jobs_of([record()], NEEDED)
    assert job == Job(
        "screen", 3600.0, threads=2, cpu_s=5400.0, mem_gib=2, peak_gib=1, instance="c7g.2xlarge", spot=True,
        region="us-west-2", cores=8, memory_gib=15_600 / 1024, site="cloud", node="n", start=1_795_514_400.0,
        network_gb=2, tile="a",
    )  # fmt: skip


def test_earlier_attempts_are_lost_or_done_again():
    times = {"lost": 10.0, "failed": 20.0, "done": 30.0}
    earlier = [*({"state": state, "wall_s": wall_s} for state, wall_s in times.items()), {"state": "failed"}]
    jobs = list(jobs_of([record(earlier=earlier), record(state="running"), record(state="stopped")], NEEDED))
    fates = [("lost", 10.0), ("lost", 20.0), ("superseded", 30.0), ("done", 3600.0), ("lost", 3600.0)]
    assert [(job.fate, job.wall_s) for job in jobs] == fates and {job.tile for job in jobs} == {"a"}


def test_a_poor_record_is_a_poor_job():
    poor = {"rule": "x", "state": "done", "started": "yesterday", "wall_s": 1.0, "machine": None, "read_bytes": None}
    assert list(jobs_of([poor], NEEDED)) == [Job("x", 1.0)]


@pytest.mark.parametrize("nonsense", ["1", None, -1.0, float("nan"), float("inf"), [1]])
def test_times_that_are_none_are_no_job_and_other_amounts_are_unknown(nonsense):
    assert list(jobs_of([record(wall_s=1.0) | {"wall_s": nonsense}], NEEDED)) == []
    (job,) = jobs_of([record(cpu_s=nonsense, asked_mb=nonsense)], NEEDED)
    assert job.cpu_s is None and job.mem_gib is None


def test_imagery_of_everything_costs_its_area_and_ours_what_is_planned():
    (row,) = imagery_everywhere(run([], acquired_km2=8.0))
    assert row["values"] == [600.0, 48.0] and row["saving"] == "12.5 times" and "lower bound" in row["assumption"]
    planned = {"products": [{"product": "up42-triplesat", "price": 70.0}]}
    (row,) = imagery_everywhere(run([], acquired_km2=8.0, plan=planned))
    assert row["values"] == [600.0, 70.0] and "the orders of the plan" in row["assumption"]


def test_list_prices_do_not_pass_for_money_paid(keep):
    report = report_on(keep(record("imagery", km2=8.0)), plan={"products": ["up42-triplesat"]})
    assert report["imagery"]["words"].startswith("0.00 EUR really paid so far, by the ledger; 8.00 km2 in use")
    row = report["naive"][0]
    assert (row["against"], row["run"]) == ("imagery, list price: up42-triplesat", "48 EUR if ordered")
    assert "not money paid" in row["basis"] and f"- imagery, list price: {row['basis']}." in table_words(report)


def test_the_smallest_order_is_charged_where_there_is_no_plan():
    (row,) = imagery_everywhere(run([], acquired_km2=1.0))
    assert row["values"][1] == 30.0  # 5 km2 at 6 EUR


def test_detection_everywhere_follows_from_the_time_of_one_window_and_one_chip():
    records = [record("screen", wall_s=100.0), record("imagery", wall_s=10.0),
               record("detect", wall_s=20.0, windows=50)]  # fmt: skip
    row = detection_everywhere(run(records, area_km2=25.6, acquired_km2=2.56))
    naive = 1000 * (15 / 100 + 30 / 50)  # 25.6 km2 are a thousand chips
    assert row["values"] == pytest.approx([naive, 150 + 15 + 30]) and row["unit"] == "CPU s"
    assert (row["naive"], row["run"]) == ("12.50 CPU min", "195 CPU s")
    assert row["basis"] == "no screen, every window as slow as those around candidates: likely more than it would take"


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


def test_the_report_reads_a_region_from_its_folder(keep):
    folder = keep(record(km2=500.0), record("detect", windows=10))
    report = report_on(folder, paid=12.5, footprint={"retention_days": 10})
    assert report["total"]["jobs"] == 2 and report["imagery"]["paid"] == 12.5
    assert [(unit["unit"], unit["count"]) for unit in report["units"]] == [("1,000 km2 screened", 0.5)]
    assert report["traffic"]["gb"] == 4 and report["storage"]["days"] == 10
    assert report["traffic"]["operational_g"] == pytest.approx([0, 0.004 * 350.861], rel=1e-4)  # the jobs' only region


def test_side_work_changes_nothing_of_what_the_atlas_took(keep):
    atlas = [record(km2=500.0), record("detect", windows=10)]
    before = report_on(keep(*atlas))
    later = {"started": "2026-11-24T15:00:00+00:00"}
    side = [record(rule, "", **later) for rule in ("paper_text", "audit_sample", "change", "plan_orders")]
    after = report_on(keep(*side))
    assert after["products"] == before["products"] == before["total"] and after["units"] == before["units"]
    assert after["naive"] == before["naive"] and after["what_if"] == before["what_if"]
    assert (after["besides"]["jobs"], after["total"]["jobs"]) == (4, 6)
    assert list(after["rules_besides"]) == ["audit_sample", "change", "paper_text", "plan_orders"]
    assert "audit_sample, change, paper_text, plan_orders" in after["notes"][-1]


def test_rules_of_a_module_are_known_by_their_own_names(keep):
    report = report_on(keep(record("kilns_screen", km2=500.0)), prefix="kilns_")
    assert list(report["rules"]) == ["screen"] and report["units"][0]["count"] == 0.5


def test_a_chip_at_the_border_of_two_tiles_is_land_once(tmp_path):
    for tile, keys in (("a", ("k1", "k2")), ("b", ("k2", "k3"))):
        (tmp_path / "tiles" / tile).mkdir(parents=True)
        chips = [[0, number, key] for number, key in enumerate(keys)]
        (tmp_path / "tiles" / tile / "imagery.json").write_text(json.dumps({"chips": chips}))
    records = [record("imagery", tile, km2=2 * 0.0256) for tile in "ab"]
    assert acquired_km2(str(tmp_path), records) == pytest.approx(3 * 0.0256)
    assert acquired_km2(str(tmp_path), [*records, record("imagery", "gone", km2=1.0)]) == pytest.approx(1.0768)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"chips": 3}', '{"chips": [[1, 2]]}', '{"chips": [[1, 2, []]]}'])
def test_a_damaged_list_of_chips_counts_by_its_record(tmp_path, text):
    (tmp_path / "tiles" / "a").mkdir(parents=True)
    (tmp_path / "tiles" / "a" / "imagery.json").write_text(text)
    assert acquired_km2(str(tmp_path), [record("imagery", km2=1.5)]) == 1.5


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
        report = report_on("s3://bucket/p/results/x", footprint={"retention_days": 10})
    assert report["total"]["jobs"] == 1 and report["storage"]["gb"] > 0


def test_an_empty_folder_is_a_report_of_nothing(tmp_path):
    assert report_on(str(tmp_path))["total"]["jobs"] == 0


def test_a_misspelt_machine_is_told_by_its_key(tmp_path):
    with pytest.raises(ConfigError, match=r"`footprint` cannot be used: The machine c7h\.large"):
        report_on(str(tmp_path), footprint={"instance": "c7h.large"})


@pytest.mark.parametrize("wrong", [{"instance": "C7G"}, {"pue": [2, 1]}, {"g_per_kwh": [-1, 2]}, {"price": 3}])
def test_nonsense_in_the_configuration_is_refused(wrong):
    with pytest.raises(ConfigError, match="footprint"):
        load_config(CONFIG | {"footprint": wrong})
