"""A local AWS for the tests of executors: the server, its bucket, role and queues, and clones that use it."""

import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3

from tests.servers import HOST, free_port, running

ROOT = Path(__file__).parents[2]
REGION = "us-west-2"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAHEAD", "AWS_SECRET_ACCESS_KEY": f"secret-{32 * 'f'}"}
"""Credentials of who submits. All secrets here look alike, so that they can be searched for: SECRET."""
SECRET = rb"(secret|token)-[0-9a-f]{32}"
PIP = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_DRY_RUN": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""What turns the plugin's `pip install` of its own parts, before every job, into a look at what the image has."""


def clone(source: Path, folder: Path) -> Path:
    """A clone of a repository with what is not committed yet."""
    if not (folder / ".git").exists():  # else git would take the repository around it for it
        subprocess.run(["git", "clone", "--quiet", str(source), str(folder)], check=True)
    for command in (["fetch", "--quiet", str(source), "HEAD"], ["reset", "--quiet", "--hard", "FETCH_HEAD"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    changes = subprocess.run(["git", "-C", str(source), "diff", "--binary", "HEAD"], check=True, capture_output=True)
    if changes.stdout:
        subprocess.run(["git", "-C", str(folder), "apply"], input=changes.stdout, check=True)
    return folder


def build_image(image: Path) -> Path:
    """What a container image holds: the repository with the pinned packages, and the wheels that pip looks for.

    It is kept between runs, and built anew when requirements change.
    """
    wheels = clone(ROOT, image) / ".wheels"
    subprocess.run(["make", "--quiet", "env", f"PYTHON={sys.executable}"], cwd=image, check=True)
    if not wheels.exists():
        pip = [str(image / ".venv/bin/python"), "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
        subprocess.run([*pip, "-c", "requirements.lock", "snakemake-storage-plugin-s3"], cwd=image, check=True)
    return image


@dataclass
class Head:
    """A clone on the machine that submits."""

    folder: Path
    env: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake."""
        # a shell's background jobs ignore Ctrl-C, and so would all that they start
        command = ["env", "--default-signal=INT", sys.executable, "-m", "snakemake", *arguments]
        with (self.folder / "run.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=self.env)

    def snakemake(self, *arguments: str, check: bool = True, timeout: float = 1800) -> str:
        """Run Snakemake to its end; what this and earlier runs printed."""
        code = self.start(*arguments).wait(timeout)
        said = (self.folder / "run.log").read_text()
        assert not check or code == 0, said[-8000:]
        return said


@dataclass
class LocalAWS:
    """The server and what was made in it."""

    url: str
    work: Path
    image: Path
    env: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A boto3 client with the submitter's credentials."""
        keys = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"]}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **keys)

    def inject(self, *faults: dict[str, Any]) -> None:
        """Faults to come, in place of those that have not come yet."""
        request = urllib.request.Request(f"{self.url}/_faults", json.dumps(faults).encode(), method="PUT")
        urllib.request.urlopen(request, timeout=30).close()

    def lines(self, file: str) -> list[dict[str, Any]]:
        """Records that the server wrote."""
        path = self.work / file
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def ran(self, status: str = "RUNNING") -> Counter[str]:
        """How often a job of each rule had a status."""
        return Counter(rule_of(event["name"]) for event in self.lines("events.jsonl") if event["status"] == status)

    def puts(self, part: str) -> Counter[str]:
        """How often each object whose key holds `part` was written."""
        told = self.lines("requests.jsonl")
        return Counter(r["path"] for r in told if r["method"] == "PUT" and part in r["path"] and not r["fault"])

    def left_running(self) -> set[str]:
        """Jobs that have begun and not ended."""
        told = self.lines("events.jsonl")
        begun, ended = (
            {e["id"] for e in told if e["status"] in kinds} for kinds in (["RUNNABLE"], ["SUCCEEDED", "FAILED"])
        )
        return begun - ended

    def objects(self, prefix: str, bucket: str = "kilns") -> dict[str, bytes]:
        """Objects under a prefix, by the rest of their key."""
        s3 = self.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {key.removeprefix(f"{prefix}/"): s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def head(self, folder: Path) -> Head:
        """A clone of the image's repository that submits here."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SNAKEMAKE_"))}
        return Head(clone(self.image, folder), plain | self.env)


def rule_of(name: str) -> str:
    """The rule of a job of either plugin by its name."""
    return name.removeprefix("snakejob-").rsplit("-", 5)[0]


@contextmanager
def local_aws(work: Path, image: Path, vcpus: int = 8) -> Iterator[LocalAWS]:
    """A local AWS with a bucket `kilns`, queues `kilnscan-compute`, `-memory`, `-gpu`, and two job definitions."""
    work.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://{HOST}:{port}"
    queues = {name: f"kilnscan-{name}" for name in ("compute", "memory", "gpu")}
    program = [sys.executable, str(Path(__file__).with_name("local_batch.py")), "--port", str(port)]
    program += ["--work", str(work), "--image", str(image), "--vcpus", *(f"{name}={vcpus}" for name in queues.values())]
    settings = PIP | {"PIP_FIND_LINKS": str(image / ".wheels")}
    program += ["--env", *(f"{name}={value}" for name, value in settings.items())]
    with running(program, f"{url}/moto-api/", work / "server.log"):
        aws = LocalAWS(url, work, image)
        made = {name: _queue(aws, queue) for name, queue in queues.items()}
        role = aws.client("iam").create_role(RoleName="job", AssumeRolePolicyDocument=_trust("ecs-tasks"))["Role"][
            "Arn"
        ]
        for kind in ("cpu", "gpu"):
            _definition(aws, f"kilnscan-{kind}", role)
        aws.client("s3").create_bucket(Bucket="kilns", CreateBucketConfiguration={"LocationConstraint": REGION})
        aws.env |= KEYS | {
            "AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": REGION, "SNAKEMAKE_AWS_BATCH_JOB_QUEUE": made["compute"],
            "SNAKEMAKE_AWS_BATCH_JOB_ROLE": role,
        }  # fmt: skip
        yield aws


def _trust(service: str) -> str:
    who = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [who]})


def _queue(aws: LocalAWS, name: str) -> str:
    """Make a queue with a compute environment of its own; its ARN."""
    iam, ec2, batch = (aws.client(service) for service in ("iam", "ec2", "batch"))
    service = iam.create_role(RoleName=f"{name}-service", AssumeRolePolicyDocument=_trust("batch"))["Role"]["Arn"]
    profile = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Arn"]
    where = {
        "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
        "securityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
    }
    machines = {
        "type": "SPOT",
        "minvCpus": 0,
        "maxvCpus": 16,
        "instanceTypes": ["c6i.2xlarge"],
        "instanceRole": profile,
    }
    environment = batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED", state="ENABLED", serviceRole=service,
        computeResources=machines | where | {"spotIamFleetRole": service, "bidPercentage": 100},
    )  # fmt: skip
    order = [{"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}]
    made = batch.create_job_queue(jobQueueName=name, state="ENABLED", priority=1, computeEnvironmentOrder=order)
    return made["jobQueueArn"]


def _definition(aws: LocalAWS, name: str, role: str) -> None:
    """Register a job definition that has Batch itself repeat what a reclaimed host cost, and nothing else."""
    rules = [{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
    aws.client("batch").register_job_definition(
        jobDefinitionName=name, type="container", platformCapabilities=["EC2"],
        retryStrategy={"attempts": 3, "evaluateOnExit": rules},
        containerProperties={"image": "kilnscan", "jobRoleArn": role, "resourceRequirements": needs},
    )  # fmt: skip


def sums(files: dict[str, bytes]) -> dict[str, str]:
    """SHA-256 of contents, by name."""
    return {name: sha256(content).hexdigest() for name, content in sorted(files.items())}


def files_under(folder: Path) -> dict[str, bytes]:
    """Contents of the files under a folder, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
