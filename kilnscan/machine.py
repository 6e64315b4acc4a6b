"""Which machine a job runs on, who runs it there, and what it has used so far."""

import os
import platform
import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import urllib3

METADATA = "http://169.254.169.254"
METADATA_WAIT_S = 1.0
LIFETIME_S = "60"


def executor() -> dict[str, str]:
    """Who runs this process (slurm, aws-batch or local), and its names for job, queue and node."""
    told = {"name": "local", "node": platform.node()}
    if "SLURM_JOB_ID" in os.environ:
        names = {"job": "SLURM_JOB_ID", "queue": "SLURM_JOB_PARTITION", "node": "SLURMD_NODENAME"}
        told["name"] = "slurm"
    elif "AWS_BATCH_JOB_ID" in os.environ:
        names = {"job": "AWS_BATCH_JOB_ID", "queue": "AWS_BATCH_JQ_NAME", "pool": "AWS_BATCH_CE_NAME"}
        told["name"] = "aws-batch"
    else:
        names = {}
    return told | {name: os.environ[variable] for name, variable in names.items() if variable in os.environ}


def hardware() -> dict[str, Any]:
    """Processor, cores and memory of this machine; on EC2 also its type, its region and whether it is Spot."""
    told: dict[str, Any] = {"arch": platform.machine(), "cpus": os.cpu_count()}
    with suppress(OSError, ValueError):
        told["memory_mb"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    with suppress(OSError):
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        told |= {"cpu": models[0].partition(":")[2].strip()} if models else {}
    return told | instance()


def instance() -> dict[str, Any]:
    """`instance`, `spot` and `region` of an EC2 machine; empty elsewhere.

    All three come from its metadata service (IMDSv2), which only a machine that calls itself EC2 is asked, or the
    address in AWS_EC2_METADATA_SERVICE_ENDPOINT. A container that may not reach it learns the type from the machine's
    name for itself; KILNSCAN_INSTANCE says it where that is not there either.
    """
    vendor, product = (_dmi(name) for name in ("sys_vendor", "product_name"))
    named = os.environ.get("KILNSCAN_INSTANCE") or (product if vendor.startswith("Amazon") else "")
    return ({"instance": named[:40]} if named else {}) | _metadata(vendor)


def _metadata(vendor: str) -> dict[str, Any]:
    """What the metadata service tells, if there is one."""
    endpoint = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or (METADATA if vendor.startswith("Amazon") else "")
    if not endpoint or os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return {}
    web = urllib3.PoolManager(timeout=METADATA_WAIT_S, retries=False)
    try:
        said = {"X-aws-ec2-metadata-token-ttl-seconds": LIFETIME_S}
        token = web.request("PUT", f"{endpoint.rstrip('/')}/latest/api/token", headers=said)
        header = {"X-aws-ec2-metadata-token": token.data.decode("ascii")}

        def ask(name: str) -> str | None:
            answer = web.request("GET", f"{endpoint.rstrip('/')}/latest/meta-data/{name}", headers=header)
            return answer.data.decode("ascii")[:40] if answer.status == 200 else None

        spot = ask("instance-life-cycle")
        told = {"instance": ask("instance-type"), "region": ask("placement/region"), "spot": spot and spot == "spot"}
    except (urllib3.exceptions.HTTPError, UnicodeDecodeError, ValueError):
        return {}
    return {name: value for name, value in told.items() if value is not None}


def _dmi(name: str) -> str:
    """What the firmware says of the machine; EC2's own hypervisor names the instance type as the product."""
    with suppress(OSError, UnicodeDecodeError):
        return Path(f"/sys/devices/virtual/dmi/id/{name}").read_text().strip()
    return ""


def cpu_s() -> float:
    """CPU seconds that this process and the children it has waited for used so far (getrusage)."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def peak_mb() -> int:
    """Most resident memory of this process or of one child so far, in MiB.

    Of this process the kernel's VmHWM: what getrusage says of it may be its parent's, from before it was started.
    """
    kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return max(kib, *[int(line.split()[1]) for line in lines if line.startswith("VmHWM")]) >> 10
    return max(kib, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) >> 10
