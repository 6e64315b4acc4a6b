"""The templates, and an AWS made of paper: moto on this machine, dummy keys, and proxies that lead nowhere."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
TEMPLATES = sorted(INFRA.glob("*.yaml"))
CLUSTERS = sorted((INFRA / "parallelcluster").glob("*.yaml"))
REGION = "us-west-2"
NOWHERE = "http://127.0.0.1:9"

# set before anything of moto or boto3 is imported
os.environ.update(
    {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1",
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    }
)
for inherited in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "https_proxy", "http_proxy", "no_proxy"):
    os.environ.pop(inherited, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What is wrong, in a sentence."""
    for report in terminalreporter.stats.get("failed", []) + terminalreporter.stats.get("error", []):
        crash = getattr(report.longrepr, "reprcrash", None)
        said = (crash.message if crash else str(report.longrepr)).partition("\nassert ")[0]
        terminalreporter.write_line(f"{report.nodeid}: {' '.join(said.split())[:600]}", red=True)


def replaced(text: str, right: str, wrong: str) -> str:
    """The text with a mistake in it."""
    assert right in text, f"a test wants to replace {right!r}, which is no longer there"
    return text.replace(right, wrong)


@dataclass(frozen=True)
class Aws:
    """moto's address, and what an account has that templates are put into."""

    url: str
    vpc: str
    subnet: str
    route_table: str


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An AWS with a network and ParallelCluster's images; `AWS_ENDPOINT_URL` points to it until the tests end."""
    images = tmp_path_factory.mktemp("moto") / "images.json"
    images.write_text(json.dumps([_image("x86_64"), _image("arm64")]))
    os.environ["MOTO_AMIS_PATH"] = str(images)
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = os.environ["AWS_ENDPOINT_URL"] = "http://{}:{}".format(*server.get_host_and_port())
        ec2 = boto3.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            ec2.modify_vpc_attribute(VpcId=vpc, **{attribute: {"Value": True}})
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20", AvailabilityZone=f"{REGION}a")["Subnet"]
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        yield Aws(url, vpc, subnet["SubnetId"], table)
    finally:
        os.environ.pop("AWS_ENDPOINT_URL", None)
        server.stop()


def _image(architecture: str) -> dict:
    """What ParallelCluster looks for: its own machine image, published by Amazon."""
    return {
        "ami_id": "ami-0000000000000000" + ("a" if architecture == "arm64" else "b"),
        "name": f"aws-parallelcluster-3.16.1-ubuntu-2404-lts-hvm-{architecture}-202601010000 2026-01-01T00-00-00.000Z",
        "description": "stands for the real one",
        "owner_id": "247102896272",
        "image_location": f"amazon/aws-parallelcluster-{architecture}",
        "architecture": architecture,
        "state": "available",
        "public": True,
        "image_type": "machine",
        "hypervisor": "xen",
        "virtualization_type": "hvm",
        "sriov": "simple",
        "root_device_type": "ebs",
        "root_device_name": "/dev/sda1",
        "platform": None,
        "creation_date": "2026-01-01T00:00:00.000Z",
    }
