"""AWS Batch through the unmodified plugin: the demo's tables, whatever happens to its jobs on the way.

Each test runs the demo in a local Batch, whose jobs have nothing but their image: minutes, so not part of `make test`.
"""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing

import pytest
import yaml

from tests.executors.cloud import KEYS, ROOT, SECRET, LocalAWS, files_under, local_aws, rule_of, sums

BATCH = [
    "--profile",
    "profiles/batch",
    "--container-image",  # refused without one; the local Batch has only one
    "kilnscan",
    "--default-storage-provider",
    "s3",
    "--default-storage-prefix",
    "s3://kilns/run",
    "--group-components",  # a job for each tile
    "search=1",
    "see=1",
    "fetch=1",
    "look=1",
]
JOBS = {
    "landscape_scenes": 1, "landscape_imagery": 4, "landscape_truth": 1, "tiles": 1, "search_choose_scenes": 4,
    "see_candidates_screen": 4, "fetch_imagery": 4, "look_detect": 4, "atlas": 1, "impact": 1, "sources": 1,
    "ground_reports": 1, "evaluate": 1, "publish": 1,
}  # fmt: skip
RULES = {"search_choose_scenes": "choose_scenes", "see_candidates_screen": "screen", "fetch_imagery": "imagery",
         "look_detect": "detect"}  # fmt: skip
"""The rule of a group's job that asks for most."""
PRICE = 10.0
CHIP_KM2 = 0.16**2


@pytest.fixture
def aws(tmp_path, image):
    with local_aws(tmp_path / "aws", image, vcpus=4) as server:
        yield server


def results(aws: LocalAWS) -> dict[str, str]:
    """Hashes of what a run left in S3."""
    return _compared(aws.objects("run/results"))


def _compared(files: dict[str, bytes]) -> dict[str, str]:
    """Hashes of all results but Snakemake's time stamps and the records of jobs."""
    unlike = ("/jobs/", ".snakemake_timestamp")
    return sums({name: content for name, content in files.items() if not any(part in name for part in unlike)})


def test_the_demo_gives_the_same_bytes_as_on_this_machine(aws, local, tmp_path):
    head = aws.head(tmp_path / "head")
    said = head.snakemake(*BATCH)
    assert aws.ran("SUCCEEDED") == JOBS and not aws.ran("FAILED")
    here, there = _compared(files_under(local)), results(aws)
    assert {name for name in here if here[name] != there.get(name)} == set() and here.keys() == there.keys()
    assert sum(name.endswith((".parquet", ".gpkg", ".geoparquet")) for name in here) > 10

    asked = {rule_of(e["name"]): (e["vcpu"], e["mem"]) for e in aws.lines("events.jsonl") if e["status"] == "RUNNABLE"}
    profile = yaml.safe_load((ROOT / "profiles/batch/profile.yaml").read_text())
    for rule, (cpus, memory) in asked.items():
        rule = RULES.get(rule, rule)
        assert cpus == profile["set-threads"].get(rule, 1), rule
        first = eval(profile["set-resources"][rule]["mem_mb"], {"attempt": 1, "min": min})  # noqa: S307 (our own)
        assert memory == first, f"{rule} got another memory than it asked for"
    assert "is invalid for vCPU" not in said

    logs = [path.read_text(errors="replace") for path in (aws.work / "jobs").glob("*/job.log")]
    assert len(logs) == sum(JOBS.values())
    records = [json.loads(text) for name, text in aws.objects("run/results").items() if "/jobs/" in name]
    assert {(record["state"], record["executor"]["name"]) for record in records} == {("done", "aws-batch")}
    for log in logs:
        assert "Would install snakemake-storage-plugin-s3" in log
        assert not re.search(r"Successfully installed|Downloading|Collecting", log), "a job installs packages"

    jobs = aws.client("batch").describe_job_definitions()["jobDefinitions"]
    assert jobs and not re.search(SECRET, json.dumps(jobs, default=str).encode())
    kept = {**files_under(head.folder), **aws.objects("run"), **files_under(aws.work / "jobs")}
    dag = subprocess.run(["tar", "c", ".snakemake"], cwd=head.folder, capture_output=True, check=True).stdout
    assert [name for name, content in kept.items() if re.search(SECRET, content)] == []
    assert not re.search(SECRET, dag) and KEYS["AWS_ACCESS_KEY_ID"].encode() not in dag

    head.snakemake(*BATCH)
    assert sum(aws.ran().values()) == sum(JOBS.values()), "a second run has nothing to do"


def test_interrupted_reclaimed_hung_and_refused_it_loses_nothing_and_buys_nothing_twice(aws, local, tmp_path):
    head = aws.head(tmp_path / "head")
    region = yaml.safe_load((head.folder / "config/regions/demo.yaml").read_text())
    (head.folder / "own").mkdir()  # a user's own files, which the image does not have
    shutil.copy(head.folder / "config/regions/demo.geojson", head.folder / "own/area.geojson")
    region["region"]["aoi"] = "own/area.geojson"
    region["imagery"] |= {"price_per_km2": PRICE, "budget": 1000.0}
    (head.folder / "own/region.yaml").write_text(yaml.safe_dump(region))
    batch = [*BATCH, "--configfile", "own/region.yaml", "--aws-batch-task-timeout", "180"]

    running = head.start(*batch)
    _until(lambda: aws.ran("SCRIPT")["see_candidates_screen"], running)
    running.send_signal(signal.SIGINT)
    assert running.wait(120) != 0
    _until(lambda: not aws.left_running())
    assert not aws.ran("FAILED")["tiles"] and aws.ran("FAILED")["see_candidates_screen"]
    before = aws.ran("SUCCEEDED")

    aws.inject(
        {"kind": "reclaim", "match": "snakejob-see_"},
        {"kind": "reclaim", "match": "snakejob-fetch_imagery-", "after_puts": 20},
        {"kind": "hang", "match": "snakejob-look_"},
        {"kind": "refuse", "match": "/results/imagery/", "status": 503, "times": 3},
        {"kind": "refuse", "match": "/detections.parquet", "status": 500, "times": 8},
    )
    head.snakemake(*batch)
    faults = [e for e in aws.lines("events.jsonl") if e["status"] == "FAILED"]
    reasons = [(rule_of(e["name"]), e["reason"]) for e in faults if e["reason"] != "terminated by snakemake"]
    assert sorted(reasons) == [
        ("fetch_imagery", "Host EC2 (instance i-0123456789abcdef0) terminated."),
        ("look_detect", "Essential container in task exited"),
        ("look_detect", "Job attempt duration exceeded timeout"),
        ("see_candidates_screen", "Host EC2 (instance i-0123456789abcdef0) terminated."),
    ]
    extra = aws.ran("SUCCEEDED") - Counter(JOBS)
    assert aws.ran("SUCCEEDED") >= Counter(JOBS) and not set(extra) - set(before)
    assert extra.total() <= 2, "only jobs that ended while Snakemake was interrupted ran again"

    here, there = _compared(files_under(local)), results(aws)
    differ = {name for name in here if here[name] != there.get(name) and "spending" not in name}
    told = {"demo/atlas/provenance.json", "demo/site/downloads/provenance.json"}
    assert differ <= told | {"demo/stac/demo.json"}, "they tell the configuration, or its record's hash"
    chips = aws.puts("/results/imagery/")
    ledger = chips.pop("/kilns/run/results/imagery/spending.sqlite")
    assert set(chips.values()) == {1}, "a chip was bought twice"
    (tmp_path / "ledger").write_bytes(aws.objects("run/results/imagery")["spending.sqlite"])
    with closing(sqlite3.connect(tmp_path / "ledger")) as opened:
        paid = opened.execute("select count(*), sum(price) from paid").fetchone()
    assert paid[0] == len(chips) and paid[1] == pytest.approx(len(chips) * CHIP_KM2 * PRICE)
    assert ledger <= JOBS["fetch_imagery"], "one change a job"


def test_queues_and_definitions_of_ones_own_give_the_same_bytes(aws, local, tmp_path):
    aws.inject({"kind": "reclaim", "match": "snakejob-see_"})
    basic = ["--profile", "profiles/basic-batch", *BATCH[2:]]
    aws.head(tmp_path / "head").snakemake(*basic)
    assert aws.ran("SUCCEEDED") == JOBS and not aws.ran("FAILED")
    assert aws.ran("RETRY") == {"see_candidates_screen": 1}, (
        "Batch repeats what a reclaimed host cost: Snakemake does not notice"
    )
    here, there = _compared(files_under(local)), results(aws)
    assert {name for name in here if here[name] != there.get(name)} == set() and here.keys() == there.keys()
    queues = {rule_of(event["name"]): event["queue"] for event in aws.lines("events.jsonl")}
    memory = {rule for rule, queue in queues.items() if queue == "kilnscan-memory"}
    assert memory == {"look_detect", "atlas", "impact", "publish"} and set(queues.values()) == {
        "kilnscan-memory",
        "kilnscan-compute",
    }
    assert "pip" not in "".join(path.read_text() for path in (aws.work / "jobs").glob("*/job.log"))


def _until(met, process=None, seconds=900) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end and (process is None or process.poll() is None)
        time.sleep(0.1)
