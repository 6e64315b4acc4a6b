"""A run whose results lie in S3 refuses at once, in one sentence, what could not end well, and deletes no bucket."""

import shutil

import boto3
import pytest

from tests.servers import s3_server
from tests.workflow.conftest import Project, copy_workflow

STORAGE = ["--default-storage-provider", "s3", "--default-storage-prefix"]
BATCH = {
    "SNAKEMAKE_AWS_BATCH_JOB_QUEUE": "arn:aws:batch:us-west-2:123456789012:job-queue/q",
    "SNAKEMAKE_AWS_BATCH_JOB_ROLE": "arn:aws:iam::123456789012:role/r",
}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The workflow with the demo's region file, of which nothing has run."""
    folder = tmp_path_factory.mktemp("fresh")
    copy_workflow(folder)
    (folder / "region.yaml").write_text((folder / "config/regions/demo.yaml").read_text())
    return Project(folder)


@pytest.fixture
def server(tmp_path, socket_enabled):
    with s3_server(tmp_path) as server:
        server.put("kilns")
        yield server


def refusal(said):
    """All that was said but Snakemake's note on its profiles: one line."""
    (line,) = [line for line in said.splitlines() if line and not line.startswith("Using ")]
    return line


NOBODY = {
    "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_CONFIG_FILE": "none", "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCESS_KEY_ID": "", "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
}  # fmt: skip
"""An environment without credentials, and with nobody to ask."""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([*STORAGE, "kilns/run"], "kilnscan: Results cannot lie at 'kilns/run'"),
        ([*STORAGE, "s3://kilns"], "kilnscan: Results go to s3://kilns, but there are no AWS credentials"),
        (["--profile", "profiles/basic-batch"], "kilnscan: results have no place yet: add --default-storage-prefix"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line_before_anybody_is_asked(fresh, arguments, says):
    assert refusal(fresh.snakemake("--dry-run", *arguments, check=False, env=NOBODY)).startswith(says)


def test_a_misspelt_bucket_is_refused_and_not_made(fresh, server):
    said = fresh.snakemake("--dry-run", *STORAGE, "s3://klins/run", check=False, env=server.env)
    assert refusal(said).startswith("kilnscan: The bucket klins does not exist")
    assert buckets(server) == {"kilns": []}


def buckets(server):
    """Keys by bucket."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    s3 = boto3.resource("s3", endpoint_url=server.url, region_name="us-east-1", **keys)
    return {bucket.name: [item.key for item in bucket.objects.all()] for bucket in s3.buckets.all()}


def test_batch_without_an_image_starts_no_job_and_leaves_nothing(fresh, server):
    prefix = ["--default-storage-prefix", "s3://kilns/run"]
    said = fresh.snakemake("--profile", "profiles/batch", *prefix, "tiles", check=False, env=server.env | BATCH)
    assert "kilnscan: jobs on Batch need kilnscan's image: add --container-image" in said
    assert "\nrule " not in said and "Traceback" not in said
    assert buckets(server) == {"kilns": []}


def test_basic_batch_says_which_files_its_image_must_hold(fresh, server):
    prefix = ["--default-storage-prefix", "s3://kilns/run"]
    said = fresh.snakemake("--profile", "profiles/basic-batch", *prefix, "tiles", check=False, env=server.env)
    (line,) = [line for line in said.splitlines() if line.startswith("kilnscan: basic-batch sends no files")]
    assert "region.yaml" in line and "below /kilnscan" in line


def test_status_of_a_bucket_with_nothing_but_its_own_log_keeps_the_bucket(fresh, server):
    server.put("kilns/run/logs/demo/status.log", b"of the last time")
    said = fresh.snakemake("status", *STORAGE, "s3://kilns/run", env=server.env)
    assert "Nothing has begun yet." in said
    assert buckets(server) == {"kilns": ["run/logs/demo/status.log"]}


def test_results_of_runs_without_storage_are_not_taken_for_the_storages(fresh, server):
    """What configuration and tables call results/... is the storage's while its jobs run here, and only then."""
    run, results = ("tiles", *STORAGE, "s3://kilns/run"), fresh.folder / "results"
    fresh.snakemake(*run, env=server.env)
    assert results.is_symlink()
    fresh.snakemake("tiles")
    assert not results.is_symlink() and (results / "demo/tiles.geojson").is_file()
    said = fresh.snakemake(*run, "--forcerun", "tiles", check=False, env=server.env)
    assert "kilnscan: this run's results are in s3://kilns/run, but results/ here" in said
    assert "\nrule " not in said and (results / "demo/tiles.geojson").is_file()
    shutil.rmtree(results)
