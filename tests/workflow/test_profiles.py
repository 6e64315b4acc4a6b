"""The profiles know every rule, ask for what executors really give, and plan the region."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.servers import s3_server

ROOT = Path(__file__).parents[2]
RULE = re.compile(r"^ *(?:use rule \w+ as|rule) (\w+)(?: with)?:", re.MULTILINE)
RULES = {name for path in (ROOT / "rules").glob("*.smk") for name in RULE.findall(path.read_text(encoding="utf-8"))} - {
    "scenes",
    "composites",
    "train",
    "audit",
    "plan",
}  # these only collect, or print
FARGATE_MIB = {
    1: range(2048, 8193, 1024),
    2: range(4096, 16385, 1024),
    4: range(8192, 30721, 1024),
    8: range(16384, 61441, 4096),
}


def profile(name):
    return yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["pcluster", "batch", "basic-batch"])
def test_a_profile_maps_every_rule_and_no_other(name):
    assert set(profile(name)["set-resources"]) == RULES


def test_batch_gets_memory_that_it_would_not_silently_change():
    settings = profile("batch")
    for rule, resources in settings["set-resources"].items():
        assert resources["mem_mb"] in FARGATE_MIB[settings["set-threads"].get(rule, 1)], rule


def test_both_profiles_of_batch_ask_for_the_same():
    one, other = profile("batch"), profile("basic-batch")
    assert one["set-threads"] == other["set-threads"]
    for rule, asked in other["set-resources"].items():
        assert asked["aws_batch_vcpu"] == one["set-threads"].get(rule, 1), rule
        assert asked["aws_batch_mem_mb"] == one["set-resources"][rule]["mem_mb"], rule
        alike = profile("pcluster")["set-resources"][rule]["slurm_partition"]
        assert asked.get("aws_batch_job_queue", other["aws-basic-batch-job-queue"]) == f"kilnscan-{alike}", rule


@pytest.mark.parametrize("name", ["default", "pcluster"])
def test_a_profile_plans_the_region(project, name):
    shutil.rmtree(project.folder / "results")
    (project.folder / name).symlink_to(f"profiles/{name}")
    jobs = project.jobs("--profile", name)
    assert jobs["screen"] == jobs["detect"] == 5


def test_jobs_on_other_machines_have_the_threads_they_ask_for(project):
    shutil.rmtree(project.folder / "results")
    said = project.snakemake("--dry-run", "--profile", "profiles/pcluster", "--cores", "1")
    assert set(re.findall(r"^ +threads: (\d+)", said, re.MULTILINE)) == {"4"}


@pytest.fixture
def s3(tmp_path, socket_enabled):
    """A local server that speaks S3, with an empty bucket; the environment that points to it."""
    with s3_server(tmp_path) as server:
        server.put("kilnscan")
        yield server.env | {
            "SNAKEMAKE_AWS_BATCH_JOB_QUEUE": "arn:aws:batch:us-west-2:123456789012:job-queue/q",
            "SNAKEMAKE_AWS_BATCH_JOB_ROLE": "arn:aws:iam::123456789012:role/r",
        }


STORAGE = ["--default-storage-provider", "s3", "--default-storage-prefix", "s3://kilnscan/run"]


def test_batch_plans_the_region_with_its_files_in_s3(project, s3):
    shutil.rmtree(project.folder / "results")
    said = project.snakemake("--dry-run", "--profile", "profiles/batch", *STORAGE, env=s3)
    assert re.search(r"^screen +5$", said, re.MULTILINE) and "s3://kilnscan/run/results/small/atlas/kilns.gpkg" in said
    assert set(re.findall(r"^localrule (\w+)", said, re.MULTILINE)) <= {"all"}, "jobs run where Snakemake runs"


def test_batch_refuses_files_that_its_jobs_cannot_get(project, s3):
    with (project.folder / "input" / "truth.geojson").open("a") as stream:
        stream.write(" " * 11_000_000)
    batch = ["--dry-run", "--profile", "profiles/batch", *STORAGE]
    said = project.snakemake(*batch, check=False, env=s3)
    assert re.search(r"kilnscan: `reference.path` names input/truth.geojson, which has 11 MB: .* name it s3://", said)
    (project.folder.parent / "own-detector.onnx").write_bytes(b"")
    project.configure(reference={"path": "s3://labels/truth.geojson"}, detect={"model": "../own-detector.onnx"})
    said = project.snakemake(*batch, check=False, env=s3)
    assert "`detect.model` names ../own-detector.onnx, which lies outside this folder" in said
    assert "copy it to s3://kilnscan/run/results/models/own-detector.onnx and name it results/models/own-det" in said
