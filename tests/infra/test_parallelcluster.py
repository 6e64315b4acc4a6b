"""Cluster configurations: ParallelCluster's own schema, and its own `create-cluster --dryrun` against moto."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
import yaml
from conftest import CLUSTERS, REGION, ROOT, Aws, replaced

PROGRAMS = ROOT / ".venv-infra" / "pcluster" / "bin"
BUCKET = "kilnscan-example-bucket"
SUBNET = "subnet-0123456789abcdef0"
# moto's answer to a dry run of an instance lacks its disks; nobody logs in by a key
SUPPRESSED = ("HeadNodeLaunchTemplateValidator", "ComputeResourceLaunchTemplateValidator", "KeyPairValidator")
SCHEMA = """
import json, sys, yaml
from marshmallow import ValidationError
from pcluster.schemas.cluster_schema import ClusterSchema
said = {}
for path in sys.argv[1:]:
    try:
        ClusterSchema(cluster_name="kilnscan").load(yaml.safe_load(open(path)))
        said[path] = ""
    except ValidationError as error:
        said[path] = str(error)
print(json.dumps(said))
"""

each_cluster = pytest.mark.parametrize("path", CLUSTERS, ids=lambda path: path.stem)


def with_lustre(text: str) -> str:
    """The configuration with its optional last part."""
    start = text.index("# SharedStorage:")
    return text[:start] + re.sub(r"^# ", "", text[start:], flags=re.MULTILINE)


@pytest.fixture(scope="module")
def dry_run(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict]:
    """`dry_run(configuration)` gives ParallelCluster's answer."""
    boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    home = tmp_path_factory.mktemp("home")
    options = ["--dryrun", "true", "--suppress-validators", *(f"type:{name}" for name in SUPPRESSED)]

    def answer(text: str) -> dict:
        config = home / "cluster.yaml"
        config.write_text(text.replace(SUBNET, aws.subnet))
        command = [PROGRAMS / "pcluster", "create-cluster", "-n", "kilnscan", "-c", config, *options]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HOME": str(home)})
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    return answer


@each_cluster
@pytest.mark.parametrize("optional", [str, with_lustre], ids=["as it is", "with Lustre"])
def test_a_dry_run_succeeds_without_a_warning(path: Path, optional: Callable, dry_run: Callable[[str], dict]):
    said = dry_run(optional(path.read_text()))
    notes = [*said.get("configurationValidationErrors", ()), *said.get("validationMessages", ())]
    wrong = [note["message"] for note in notes if note["level"] != "INFO"]
    assert not wrong, f"{path.name}: {wrong[0]}"
    assert said["message"] == "Request would have succeeded, but DryRun flag is set.", f"{path.name}: {said}"


@pytest.mark.parametrize(
    ("right", "wrong", "validator"),
    [
        ("c6a.2xlarge", "c7g.2xlarge", "InstanceArchitectureCompatibilityValidator"),
        ("c6a.2xlarge", "c6a.xlarge", "InstancesCPUValidator"),
        ("Strategy: lowest-price", "Strategy: capacity-optimized", "InstancesAllocationStrategyValidator"),
        ("- MinJobAge: 3600", "- SlurmctldHost: me", "CustomSlurmSettingsValidator"),
    ],
)
def test_a_dry_run_finds_what_is_wrong(right: str, wrong: str, validator: str, dry_run: Callable[[str], dict]):
    text = next(path for path in CLUSTERS if "x86" in path.name).read_text()
    said = dry_run(replaced(text, right, wrong))
    assert validator in json.dumps(said), f"{wrong} went through: {said}"


def test_the_schema_accepts_ours_and_finds_what_is_wrong(tmp_path: Path):
    text = CLUSTERS[0].read_text()
    broken = {
        "misspelt": replaced(text, "MinCount: 0", "MinimumCount: 0"),
        "enum": replaced(text, "CapacityType: SPOT", "CapacityType: CHEAP"),
        "range": replaced(text, "RetentionInDays: 30", "RetentionInDays: 31"),
        "batch": replaced(text, "Scheduler: slurm", "Scheduler: awsbatch"),
    }
    for name, content in broken.items():
        (tmp_path / f"{name}.yaml").write_text(content)
    paths = [str(path) for path in [*CLUSTERS, *sorted(tmp_path.glob("*.yaml"))]]
    done = subprocess.run([PROGRAMS / "python", "-c", SCHEMA, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = {Path(path).stem: error for path, error in json.loads(done.stdout).items()}
    assert [said[path.stem] for path in CLUSTERS] == ["", ""]
    assert all(said[name] for name in broken), said
    assert "MinimumCount" in said["misspelt"]


@each_cluster
def test_queues_are_those_of_the_profile_and_scale_to_zero(path: Path):
    profile = yaml.safe_load((ROOT / "profiles" / "pcluster" / "profile.yaml").read_text())
    wanted = {rule["slurm_partition"] for rule in profile["set-resources"].values()}
    queues = {queue["Name"]: queue for queue in yaml.safe_load(path.read_text())["Scheduling"]["SlurmQueues"]}
    assert set(queues) == wanted == {"compute", "memory", "gpu"}
    assert {name: queue["CapacityType"] for name, queue in queues.items()} == {
        "compute": "SPOT", "memory": "ONDEMAND", "gpu": "SPOT"
    }  # fmt: skip
    for name, queue in queues.items():
        (pool,) = queue["ComputeResources"]
        assert pool["MinCount"] == 0, name
        alone = pool["Instances"] == [{"InstanceType": "g5g.4xlarge"}]
        assert alone or len(pool["Instances"]) >= 3, f"{name} has too few instance types to find Spot capacity"


@each_cluster
def test_disks_are_encrypted_and_nobody_comes_in(path: Path):
    config = yaml.safe_load(path.read_text())
    head = config["HeadNode"]
    assert config["Imds"] == {"ImdsSupport": "v2.0"}
    assert head["Ssh"] == {"AllowedIps": "127.0.0.1/32"}
    assert "SharedStorage" not in config, "the default costs nothing that is not used"
    nodes = [head, *(queue | queue["ComputeSettings"] for queue in config["Scheduling"]["SlurmQueues"])]
    for node in nodes:
        assert node["LocalStorage"]["RootVolume"]["Encrypted"] is True
        assert node["Iam"]["S3Access"] == [{"BucketName": BUCKET, "EnableWriteAccess": True}]
    assert config["Tags"] == [{"Key": "project", "Value": "kilnscan"}]
    assert config["Scheduling"]["SlurmSettings"]["EnableMemoryBasedScheduling"] is True
    assert "CustomActions" not in path.read_text(), "nodes install nothing when they start"
