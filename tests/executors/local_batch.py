"""A local AWS (moto's server: S3, Batch, IAM, EC2, Logs) whose Batch runs each job, in an environment of its own.

    python tests/executors/local_batch.py --port 5123 --work DIR --image DIR

moto's `Job.run`, which needs Docker, is replaced. A job sees (bubblewrap): the system's programs, read-only; the image,
which is a clone of the repository in which `make env` has run, as a fresh copy with its own .venv read-only; the
environment of its definition and what ECS adds; credentials from an address, as ECS gives them; and no network but the
one port of this server. Nothing else, above all no file of the machine that submitted it.

In DIR: events.jsonl (what became of each job), requests.jsonl (each request, with the job that sent it), jobs/ID/.
Faults: PUT /_faults with a JSON list of {"kind", "match", ...}, each used once (`times`):
    reclaim  the job whose name holds `match` loses its host `after_s` seconds into its script, `after_puts` chips kept
    hang     it stands still from then on
    refuse   PUT of an object whose key holds `match` is answered with `status`
"""

import argparse
import fnmatch
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from moto.batch import models
from moto.core.utils import unix_time_millis
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.s3 import make_conditional_writes_one_step

HOST = "127.0.0.1"
SPOT = "Host EC2 (instance i-0123456789abcdef0) terminated."
TIMEOUT = "Job attempt duration exceeded timeout"
EXITED = "Essential container in task exited"


class Cloud:
    """What all jobs and requests share."""

    def __init__(self, work: Path, image: Path, port: int, queues: dict[str, int], env: dict[str, str]) -> None:
        self.work, self.image, self.port, self.queues, self.env = work, image, port, queues, env
        self.keys: dict[str, dict[str, str]] = {}
        """Credentials by job; the secret of each is in memory here and nowhere else."""
        self.jobs: dict[str, str] = {}
        """Identity of the job by access key."""
        self.names: dict[str, str] = {}
        """Name of each job."""
        self.puts: Counter[str] = Counter()
        """How many chips each job has kept."""
        self.faults: list[dict[str, Any]] = []
        self.used: Counter[str] = Counter()
        self.changed = threading.Condition()
        self._lock = threading.Lock()

    def event(self, job: models.Job, status: str, **more: Any) -> None:
        """Write down what became of a job."""
        told = {"t": round(time.time(), 2), "id": job.job_id, "name": job.job_name, "queue": job.job_queue.name}
        self.write("events.jsonl", told | {"status": status} | more)

    def write(self, file: str, record: dict[str, Any]) -> None:
        """Add a line to a file."""
        with self._lock, (self.work / file).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")

    def fault(self, kinds: Iterable[str], name: str) -> dict[str, Any] | None:
        """The next fault of one of `kinds` for what is called `name`, used up."""
        with self._lock:
            for fault in self.faults:
                if fault["kind"] in kinds and fault["match"] in name and fault.get("times", 1) > 0:
                    fault["times"] = fault.get("times", 1) - 1
                    return fault
        return None

    def credentials(self, job: str, name: str) -> dict[str, str]:
        """Keys of a job's role, new for each job."""
        if job not in self.keys:
            key = f"ASIA{uuid.uuid4().hex[:16].upper()}"
            self.jobs[key], self.names[job] = job, name
            self.keys[job] = {
                "AccessKeyId": key,
                "SecretAccessKey": f"secret-{uuid.uuid4().hex}",
                "Token": f"token-{uuid.uuid4().hex}",
                "Expiration": "2099-01-01T00:00:00Z",
            }
        return self.keys[job]


CLOUD: Cloud


def run(self: models.Job) -> None:
    """Instead of moto's: wait for room, run, and say how it ended in Batch's words."""
    queue, cpus, memory, gpus = (
        self.job_queue.name,
        _need(self, "VCPU", 1),
        _need(self, "MEMORY", 2048),
        _need(self, "GPU", 0),
    )
    CLOUD.event(self, "RUNNABLE", vcpu=cpus, mem=memory, gpu=gpus)
    self.status = "RUNNABLE"
    try:
        with CLOUD.changed:
            while CLOUD.used[queue] + cpus > CLOUD.queues.get(queue, 8):
                if self.stop:
                    return _finish(self, None)
                CLOUD.changed.wait(0.2)
            CLOUD.used[queue] += cpus
        try:
            strategy = getattr(self.job_definition, "retry_strategy", None) or {}
            attempts = int(strategy.get("attempts", 1))
            for attempt in range(1, attempts + 1):
                code = _attempt(self, attempt)
                if code == 0 or self.stop or attempt == attempts or not _again(strategy, self.job_stopped_reason, code):
                    return _finish(self, code)
                CLOUD.event(self, "RETRY", exit=code, reason=self.job_stopped_reason)
                self.job_stopped_reason = None
        finally:
            with CLOUD.changed:
                CLOUD.used[queue] -= cpus
                CLOUD.changed.notify_all()
    except Exception as error:  # a fault of this program must not look like a job that runs for ever
        self.job_stopped_reason = f"local Batch: {error!r}"
        _finish(self, 255)


def terminate(self: models.Job, reason: str) -> None:
    """Instead of moto's, which changes the reason of jobs that have ended."""
    if not self.job_stopped and not self.stop:
        self.job_stopped_reason, self.stop = reason, True


def _need(job: models.Job, kind: str, default: int) -> int:
    for source in (job.container_overrides, job.job_definition.container_properties or {}):
        for need in source.get("resourceRequirements", []):
            if need["type"] == kind:
                return int(need["value"])
    return default


def _again(strategy: dict[str, Any], reason: str | None, code: int | None) -> bool:
    """Whether `evaluateOnExit` says to try again; without a rule that fits, Batch does."""
    for rule in strategy.get("evaluateOnExit") or []:
        said = {"onStatusReason": reason or "", "onExitCode": str(code), "onReason": ""}
        if all(fnmatch.fnmatchcase(said[key], rule[key]) for key in said if key in rule):
            return rule["action"].upper() == "RETRY"
    return True


def _finish(job: models.Job, code: int | None) -> None:
    CLOUD.event(job, "SUCCEEDED" if code == 0 else "FAILED", exit=code, reason=job.job_stopped_reason)
    job._mark_stopped(success=code == 0)


def _attempt(job: models.Job, attempt: int) -> int | None:
    """Run a job once; its exit status, None if its host was lost."""
    box = CLOUD.work / "jobs" / f"{job.job_id}-{attempt}"
    shutil.copytree(
        CLOUD.image,
        box / "workdir",
        symlinks=True,
        ignore=lambda folder, _: {".venv"} if Path(folder) == CLOUD.image else set(),
    )
    command = job._add_parameters_to_command(job._get_container_property("command", []))
    given = {entry["name"]: entry["value"] for entry in job._get_container_property("environment", [])}
    job.status, job.job_started_at, job.log_stream_name = "STARTING", datetime.now(), job._stream_name
    job._start_attempt()
    reason, begun = None, time.monotonic()
    with (box / "job.log").open("wb") as log:
        process = subprocess.Popen(
            jail(box, job, attempt, given) + command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env={}, start_new_session=True,
        )  # fmt: skip
        job.status = "RUNNING"
        CLOUD.event(job, "RUNNING", attempt=attempt, env=sorted(given))
        limit, script, fault = job._get_attempt_duration(), None, None
        while process.poll() is None:
            time.sleep(0.05)
            now = time.monotonic()
            if script is None and any((box / "workdir/.snakemake/scripts").glob("*.py")):
                script = now
                CLOUD.event(job, "SCRIPT", after_s=round(script - begun, 2))
                fault = CLOUD.fault(("reclaim", "hang"), job.job_name)
            due = fault and now - script >= fault.get("after_s", 0)
            if due and CLOUD.puts[job.job_id] >= fault.get("after_puts", 0):
                if fault["kind"] == "reclaim":
                    reason = SPOT
                else:
                    os.killpg(process.pid, signal.SIGSTOP)
                fault = None
            if job.stop:
                reason = job.job_stopped_reason
            elif limit and now - begun > limit:
                reason = TIMEOUT
            if reason:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    code = None if reason == SPOT else 137 if reason else process.returncode
    job.exit_code, job.job_stopped_reason = code, reason or EXITED
    _tell_cloudwatch(job, box / "job.log")
    job._stop_attempt()
    CLOUD.event(job, "ENDED", exit=code, seconds=round(time.monotonic() - begun, 2))
    shutil.rmtree(box / "workdir", ignore_errors=True)
    return code


def _tell_cloudwatch(job: models.Job, log: Path) -> None:
    lines = log.read_text(errors="replace").splitlines()[-1000:] or [" "]
    job._log_backend.ensure_log_group(job._log_group)
    job._log_backend.ensure_log_stream(job._log_group, job.log_stream_name)
    now = unix_time_millis(datetime.now())
    events = [{"timestamp": now, "message": line or " "} for line in lines]
    job._log_backend.put_log_events(job._log_group, job.log_stream_name, events)


def jail(box: Path, job: models.Job, attempt: int, given: dict[str, str]) -> list[str]:
    """The command that shuts a job in."""
    image, bridge = CLOUD.image, Path(__file__).with_name("bridge.py")
    CLOUD.credentials(job.job_id, job.job_name)
    env = {
        "PATH": f"{image}/.venv/bin:/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2", "AWS_BATCH_JOB_ID": job.job_id, "AWS_BATCH_JQ_NAME": job.job_queue.name,
        "AWS_BATCH_JOB_ATTEMPT": str(attempt), "AWS_ENDPOINT_URL": f"http://{HOST}:{CLOUD.port}",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{HOST}:{CLOUD.port}/_credentials/{job.job_id}",
        **CLOUD.env, **given,
    }  # fmt: skip
    command = [
        "bwrap",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-net",
        "--die-with-parent",
        "--clearenv",
    ]
    for name, value in env.items():
        command += ["--setenv", name, value]
    for folder in ("/usr", "/etc/ssl", "/etc/alternatives", "/etc/passwd", "/etc/ld.so.cache", sys.base_prefix):
        command += ["--ro-bind", folder, folder]
    for name in ("bin", "lib", "lib64", "sbin"):
        command += ["--symlink", f"usr/{name}", f"/{name}"]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/root"]  # noqa: S108 (the jail's own)
    command += ["--bind", str(box / "workdir"), str(image), "--ro-bind", str(image / ".venv"), str(image / ".venv")]
    command += ["--ro-bind", str(CLOUD.work / "socket"), "/run/aws", "--ro-bind", str(bridge), "/run/bridge.py"]
    command += ["--chdir", str(image)]
    return [*command, f"{image}/.venv/bin/python", "/run/bridge.py", str(CLOUD.port), "/run/aws/port"]


def counting(app: Callable) -> Callable:
    """`app` with credentials for jobs and faults on demand; writes down each request."""

    def serve(environ: dict[str, Any], start: Callable) -> Any:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path.startswith("/_credentials/"):
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(CLOUD.keys[path.rpartition("/")[2]]).encode()]
        if path == "/_faults":
            CLOUD.faults[:] = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            start("200 OK", [])
            return [b""]
        signer = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)", environ.get("HTTP_AUTHORIZATION", ""))
        job = CLOUD.jobs.get(signer[1], "head") if signer else ""
        CLOUD.puts[job] += method == "PUT" and "/results/imagery/" in path
        fault = CLOUD.fault(["refuse"], path) if method == "PUT" else None
        told = {
            "t": round(time.time(), 2),
            "job": job,
            "name": CLOUD.names.get(job, job),
            "service": signer[2] if signer else "",
            "method": method,
        }
        CLOUD.write("requests.jsonl", told | {"path": path, "fault": fault and fault["status"]})
        if fault:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start(f"{fault['status']} Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"]
        return app(environ, start)

    return serve


def main() -> None:
    """Serve until killed."""
    global CLOUD
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--image", type=Path, required=True, help="clone of the repository in which `make env` has run")
    parser.add_argument("--vcpus", nargs="*", default=[], metavar="QUEUE=N", help="how many CPUs a queue has (8)")
    parser.add_argument("--env", nargs="*", default=[], metavar="NAME=VALUE", help="the image's environment")
    given = parser.parse_args()
    queues = {name: int(count) for name, _, count in (item.partition("=") for item in given.vcpus)}
    env = {name: value for name, _, value in (item.partition("=") for item in given.env)}
    CLOUD = Cloud(given.work.resolve(), given.image.resolve(), given.port, queues, env)
    (CLOUD.work / "socket").mkdir(parents=True, exist_ok=True)
    models.Job.run, models.Job.terminate = run, terminate
    make_conditional_writes_one_step()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = counting(DomainDispatcherApplication(create_backend_app))
    inner = make_server(f"unix://{CLOUD.work}/socket/port", 0, app, threaded=True)
    threading.Thread(target=inner.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    make_server(HOST, given.port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
