"""The table of rules and executors in docs/executors.md: what each rule asks for, where it lands, what it used.

.venv/bin/python benchmarks/rules_and_machines.py [folder of job records ...]
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from kilnscan.status import read_records, right_size

ROOT = Path(__file__).parent.parent


class Plain(yaml.SafeLoader):
    """YAML in which CloudFormation's own tags mean nothing."""


Plain.add_multi_constructor("!", lambda loader, tag, node: None)


def profile(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))


def families(types: Iterable[str]) -> str:
    """Instance families of instance types, as `c7i, c6i`."""
    return ", ".join(dict.fromkeys(kind.split(".")[0] for kind in types))


def slurm_families() -> dict[str, str]:
    """Instance families by Slurm partition."""
    cluster = yaml.safe_load((ROOT / "infra/parallelcluster/cluster-x86.yaml").read_text(encoding="utf-8"))
    return {
        queue["Name"]: families(one["InstanceType"] for part in queue["ComputeResources"] for one in part["Instances"])
        for queue in cluster["Scheduling"]["SlurmQueues"]
    }


def main(places: list[str]) -> None:
    slurm, batch, basic = profile("pcluster"), profile("batch"), profile("basic-batch")
    nodes = slurm_families()
    jobs = [job for place in places for job in read_records(place) if job["state"] == "done"]
    print("| rule | threads | Slurm partition (machines) | Batch, one queue: MiB | queue of basic-batch "
          "| asked here, MB | used, MB | wall s |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for rule, asked in batch["set-resources"].items():
        partition = slurm["set-resources"][rule]["slurm_partition"]
        memory = [eval(asked["mem_mb"], {"attempt": attempt, "min": min}) for attempt in (1, 4)]  # noqa: S307 (our own)
        queue = basic["set-resources"][rule].get("aws_batch_job_queue", basic["aws-basic-batch-job-queue"])
        mine = [job for job in jobs if job["rule"] == rule]
        size = right_size(mine)
        used = f"{size['asked_mb']} | {size['peak_mb']} | {max(job['wall_s'] for job in mine):.1f}" if size else "| |"
        print(f"| {rule} | {batch['set-threads'].get(rule, 1)} | {partition} ({nodes[partition]}) "
              f"| {memory[0]} to {memory[1]} | {queue} | {used} |")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:] or ["results/demo/jobs", "results/landscape"])
