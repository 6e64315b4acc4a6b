"""`snakemake --profile pcluster` on a real Slurm: what breaks on the way, and the same bytes as the local run.

Run by `make test-slurm`, as root, with Debian's Slurm. Prints what each fault cost.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kilnscan.status import read_records
from tests.executors.cloud import ROOT, clone, files_under, sums
from tests.executors.slurm import Slurm, slurm

QUICK = (
    "--slurm-init-seconds-before-status-checks",
    "1",
    "--seconds-between-status-checks",
    "1",
    "--latency-wait",
    "5",
)
ONE_TILE = ("--group-components", "search=2", "see=1", "fetch=1", "look=1")
"""The demo has four tiles of 10 km, which would all go into one job: here each gets its own."""
WAIT_S = 900.0


@dataclass
class Run:
    """A run of the demo in `folder`."""

    folder: Path
    process: subprocess.Popen | None = None

    def start(self, *arguments: str) -> "Run":
        """Start Snakemake; what it says goes to run.log."""
        # a shell's background jobs ignore Ctrl-C, and so would all that they start
        command = ["env", "--default-signal=INT", sys.executable, "-m", "snakemake", *arguments]
        with (self.folder / "run.log").open("ab") as said:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=said, stderr=said, start_new_session=True)
        return self

    def finish(self, *, well: bool = True) -> float:
        """Wait for the end; seconds waited."""
        begun = time.monotonic()
        code = self.process.wait(WAIT_S)
        assert (code == 0) == well, self.said()
        return time.monotonic() - begun

    def said(self) -> str:
        """All that Snakemake printed."""
        return (self.folder / "run.log").read_text(errors="replace")

    def records(self) -> dict[str, dict]:
        """Records of jobs by rule and tile."""
        found = {}
        for record in read_records(str(self.folder / "results/demo/jobs")):
            found[f"{record['rule']} {record['wildcards'].get('tile', '')}".strip()] = record
        return found

    def products(self) -> dict[str, str]:
        """SHA-256 of everything in results but the records of jobs."""
        return products(self.folder / "results")


def products(results: Path) -> dict[str, str]:
    unlike = ("/jobs/", ".snakemake_timestamp")
    files = files_under(results)
    return sums({name: content for name, content in files.items() if not any(part in name for part in unlike)})


def fresh(folder: Path, landscape: Path | None = None) -> Run:
    """A clone; with a `landscape` made before, which takes most of the demo's time."""
    clone(ROOT, folder / "kilnscan")
    (folder / "kilnscan/pcluster").symlink_to("profiles/pcluster")
    if landscape:
        shutil.copytree(landscape, folder / "kilnscan/results/landscape")
    return Run(folder / "kilnscan")


def wait_for(what: Callable[[], object], run: Run) -> object:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        assert run.process.poll() is None, f"the run ended before this happened\n{run.said()}"
        time.sleep(0.1)
    raise AssertionError("this never happened")


def running(cluster: Slurm, rule: str) -> Callable[[], list[str]]:
    """The first running job of a rule."""
    return lambda: next((job for job in cluster.jobs("running") if rule in job[6]), [])


def began(run: Run, rule: str, node: str | None = None) -> Callable[[], bool]:
    """Whether some job of a rule has written that it runs (on a node)."""
    return lambda: any(
        name.startswith(rule) and record["state"] == "running" and node in (None, record["executor"]["node"])
        for name, record in run.records().items()
    )


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Path:
    """Results of the demo, run on this machine."""
    run = fresh(tmp_path_factory.mktemp("local")).start()
    print(f"\nlocal: {run.finish():.0f} s")
    return run.folder / "results"


without_accounting = pytest.mark.parametrize("cluster", [False], indirect=True, ids=["without accounting"])
with_and_without = pytest.mark.parametrize("cluster", [False, True], indirect=True, ids=["without", "with accounting"])


@pytest.fixture(scope="module")
def cluster(request) -> Iterator[Slurm]:
    with slurm(accounting=request.param) as cluster:
        yield cluster


@pytest.fixture
def profile(cluster) -> list[str]:
    """How Snakemake is called."""
    return ["--profile", "pcluster", *QUICK, *ONE_TILE]


@with_and_without
def test_a_lost_node_and_a_killed_allocation_change_no_byte(cluster, profile, local, tmp_path):
    run = fresh(tmp_path).start(*profile)
    begun = time.monotonic()

    _, _, _, _, _, node, _ = wait_for(running(cluster, "see"), run)
    wait_for(began(run, "screen", node), run)
    cluster.fail_node(node)
    print(f"\nnode {node} lost after {time.monotonic() - begun:.0f} s")
    wait_for(
        lambda: node not in cluster.ask("sinfo", "--noheader", "--Node", "--responding", "--format=%N").split(), run
    )
    print(f"noticed by Slurm after {time.monotonic() - begun:.0f} s")
    cluster.start_node(node)

    job, *_ = wait_for(running(cluster, "look"), run)
    wait_for(began(run, "detect"), run)
    cluster.ask("scancel", job)
    print(f"allocation {job} killed after {time.monotonic() - begun:.0f} s")

    run.finish()
    print(f"slurm: {time.monotonic() - begun:.0f} s")
    assert run.products() == products(local)
    records = run.records()
    assert all(record["state"] == "done" for record in records.values())
    assert all(record["executor"]["name"] == "slurm" for record in records.values())
    lost = [name for name, record in records.items() if any(one["state"] == "lost" for one in record["earlier"])]
    assert any(name.startswith("screen") for name in lost)
    assert all(records[name]["attempt"] == 1 for name in lost if name.startswith("screen"))  # Slurm queued it again
    again = [record for name, record in records.items() if name.startswith("detect") and record["attempt"] == 2]
    first = {record["asked_mb"] for name, record in records.items() if name.startswith("detect")} - {
        record["asked_mb"] for record in again
    }
    assert again and all(record["asked_mb"] == 2 * min(first) for record in again)  # a new allocation, twice as large
    print(
        "done again:",
        {name: [one["state"] for one in record["earlier"]] for name, record in records.items() if record["earlier"]},
    )


@without_accounting
def test_every_job_lands_in_its_partition_with_what_it_asked_for(cluster, profile, local, tmp_path):
    run = fresh(tmp_path, local / "landscape").start(*profile)
    run.finish()
    assert run.products() == products(local)
    landed = {(job[6].split("_", 1)[1], job[3]) for job in cluster.jobs() if job[2] == "COMPLETED"}
    rules = dict(landed)
    assert rules["detect" if "detect" in rules else "look_detect"] == "memory"
    for name, record in run.records().items():
        print(
            name,
            record["executor"]["queue"],
            record["threads"],
            record["asked_mb"],
            record["peak_mb"],
            record["wall_s"],
        )


@without_accounting
def test_an_interrupted_run_leaves_no_job_and_goes_on(cluster, profile, local, tmp_path):
    run = fresh(tmp_path, local / "landscape").start(*profile)
    wait_for(began(run, "screen"), run)
    os.kill(run.process.pid, signal.SIGINT)
    waited = run.finish(well=False)
    print(f"\nCtrl-C: {waited:.0f} s until the end")
    assert not cluster.jobs("pending,running")
    begun = time.monotonic()
    done = {name for name, record in run.records().items() if record["state"] == "done"}
    run.start(*profile).finish()
    print(f"{len(done)} jobs had been done; the rest took {time.monotonic() - begun:.0f} s")
    assert run.products() == products(local)


@without_accounting
def test_a_lost_head_node_loses_nothing(cluster, profile, local, tmp_path):
    run = fresh(tmp_path, local / "landscape").start(*profile)
    wait_for(began(run, "screen"), run)
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    begun = time.monotonic()
    while cluster.jobs("pending,running"):
        time.sleep(0.2)
    before = {name: record["ended"] for name, record in run.records().items() if record["state"] == "done"}
    run.start("--unlock").finish()
    run.start(*profile).finish()
    after = {name: record.get("ended") for name, record in run.records().items()}
    again = sorted(name for name, ended in before.items() if after[name] != ended)
    print(f"\nlost head node: {len(before)} jobs had been done, done again: {again}; {time.monotonic() - begun:.0f} s")
    assert run.products() == products(local)
