"""Every job leaves a record: of what it took if it ended, and that it began if it was killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from kilnscan import machine, traffic
from kilnscan.records import Record

PROGRAM = """
import sys, time
from types import SimpleNamespace
from kilnscan.console import job
from kilnscan.errors import ImageryError


class Log(list):
    def items(self):
        return [("record", self[1])]


task = SimpleNamespace(rule="screen", wildcards={"tile": "45QVA"}, threads=2,
                       resources={"mem_mb": 2000, "runtime": 10, "attempt": int(sys.argv[2])},
                       log=Log([sys.argv[1] + ".log", sys.argv[1]]), output=["results/screen.tif"])
with job(task) as record:
    what = sys.argv[3]
    if what == "fail":
        raise ImageryError("The vendor is closed.")
    if what == "leak":
        raise RuntimeError("'/vsicurl/https://h/a.tif?sig=TOPSECRET' does not exist")
    if what == "break":
        raise ZeroDivisionError("division by zero")
    if what == "wait":
        print("waiting", flush=True)
        time.sleep(60)
    held = bytearray(200 << 20)
    sum(range(3_000_000))
    record.did(km2=12.5, pixels=1_000_000)
"""


def start(path, attempt=1, what="work"):
    command = [sys.executable, "-c", PROGRAM, str(path), str(attempt), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(path, attempt=1, what="work"):
    process = start(path, attempt, what)
    _, said = process.communicate(timeout=60)
    return process.returncode, said, json.loads(path.read_text())


def killed(path, sign, attempt=1):
    process = start(path, attempt, "wait")
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(sign)
    process.communicate(timeout=30)
    return process.returncode, json.loads(path.read_text())


def test_a_job_tells_what_it_asked_for_what_it_took_and_what_it_did(tmp_path):
    code, _, record = run(tmp_path / "screen.json")
    assert code == 0 and record["state"] == "done" and record["earlier"] == []
    assert (record["rule"], record["wildcards"]) == ("screen", {"tile": "45QVA"})
    assert (record["asked_mb"], record["asked_min"], record["threads"], record["attempt"]) == (2000, 10, 2, 1)
    assert (record["km2"], record["pixels"]) == (12.5, 1_000_000)
    assert 200 <= record["peak_mb"] < 600 and record["cpu_s"] > 0 and record["wall_s"] > 0
    assert record["executor"]["name"] == "local" and record["machine"]["cpus"] == os.cpu_count()


def test_a_failed_job_says_why_in_one_sentence(tmp_path):
    code, said, record = run(tmp_path / "a.json", what="fail")
    assert code == 1 and record["state"] == "failed" and record["reason"] == "The vendor is closed." in said
    code, said, record = run(tmp_path / "b.json", what="break")
    assert code == 1 and record["reason"].startswith("Unexpected ZeroDivisionError: division by zero.")


def test_a_killed_job_leaves_its_beginning_and_the_next_attempt_remembers_it(tmp_path):
    path = tmp_path / "screen.json"
    code, record = killed(path, signal.SIGKILL)
    assert code == -signal.SIGKILL and record["state"] == "running"
    _, _, record = run(path, attempt=2, what="fail")
    assert [one["state"] for one in record["earlier"]] == ["lost"]
    assert "out of memory" in record["earlier"][0]["reason"]
    path.unlink()  # as Snakemake does before a job
    _, _, record = run(path, attempt=3)
    assert record["state"] == "done" and record["attempt"] == 3
    assert [(one["state"], one["attempt"]) for one in record["earlier"]] == [("lost", 1), ("failed", 2)]


def test_a_job_that_its_scheduler_ends_says_so(tmp_path):
    code, record = killed(tmp_path / "screen.json", signal.SIGTERM)
    assert code == 128 + signal.SIGTERM and record["state"] == "stopped" and "told to stop" in record["reason"]


@pytest.mark.parametrize("content", ["", "[]", "null", '{"state": "running"}', '{"earlier": 7}', '"x"', "{"])
def test_a_damaged_record_is_no_reason_to_fail(tmp_path, content):
    path = tmp_path / "screen.json"
    path.with_name("screen.json.last").write_text(content)
    code, _, record = run(path)
    assert code == 0 and record["state"] == "done"


def test_a_job_without_a_place_for_records_leaves_none(tmp_path):
    Record(SimpleNamespace(rule="plan", wildcards={}, threads=1, resources={}, log=[str(tmp_path / "log")])).end("done")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_PARTITION": "memory", "SLURMD_NODENAME": "m1"}, ("slurm", "7", "memory")),
        ({"AWS_BATCH_JOB_ID": "a-b", "AWS_BATCH_JQ_NAME": "kilnscan"}, ("aws-batch", "a-b", "kilnscan")),
        ({}, ("local", None, None)),
    ],
)
def test_the_executor_is_known_by_its_environment(monkeypatch, environment, told):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    said = machine.executor()
    assert (said["name"], said.get("job"), said.get("queue")) == told


class Metadata(BaseHTTPRequestHandler):
    """The metadata service of a Spot machine; it wants a token, as IMDSv2 does."""

    def do_PUT(self):
        self.answer("token" if self.headers["X-aws-ec2-metadata-token-ttl-seconds"] else None)

    def do_GET(self):
        known = {"instance-type": "c7g.2xlarge", "instance-life-cycle": "spot", "placement/region": "us-west-2"}
        ours = self.headers["X-aws-ec2-metadata-token"] == "token"
        self.answer(known.get(self.path.removeprefix("/latest/meta-data/")) if ours else None)

    def answer(self, text):
        self.send_response(200 if text else 401)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def metadata(monkeypatch, socket_enabled):
    server = HTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


def test_a_machine_of_ec2_tells_its_type_and_whether_it_is_spot(metadata):
    assert machine.instance() == {"instance": "c7g.2xlarge", "spot": True, "region": "us-west-2"}


def test_a_metadata_service_that_never_answers_costs_a_moment_and_no_job(monkeypatch, socket_enabled):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        assert machine.instance() == {} and time.monotonic() - begun < 5


def test_a_container_that_may_not_ask_knows_the_type_from_the_firmware(monkeypatch):
    monkeypatch.setattr(machine, "_dmi", {"sys_vendor": "Amazon EC2", "product_name": "c7g.2xlarge"}.get)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert machine.instance() == {"instance": "c7g.2xlarge"}


def test_a_link_s_query_reaches_neither_record_nor_terminal(tmp_path):
    code, said, record = run(tmp_path / "a.json", what="leak")
    assert code == 1 and "https://h/a.tif?..." in record["reason"]
    assert "TOPSECRET" not in said + json.dumps(record) + (tmp_path / "a.json.log").read_text()


def test_what_cannot_be_measured_fails_no_job(tmp_path, monkeypatch):
    monkeypatch.setattr(traffic, "network_bytes", lambda: 1 / 0)
    monkeypatch.setattr(machine, "hardware", lambda: 1 / 0)
    path = tmp_path / "screen.json"
    log = type("Log", (list,), {"items": lambda self: [("record", str(path))]})([str(tmp_path / "log")])
    Record(SimpleNamespace(rule="screen", wildcards={}, threads=1, resources={}, log=log, output=[])).end("done")
    record = json.loads(path.read_text())
    assert record["state"] == "done" and record["read_bytes"]["network"] is None and record["machine"] == {}


def test_who_forbids_the_metadata_service_or_names_the_type_is_heard(metadata, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert machine.instance() == {}
    monkeypatch.setenv("KILNSCAN_INSTANCE", "r7g.4xlarge")
    assert machine.instance() == {"instance": "r7g.4xlarge"}


def test_an_attempt_that_came_again_as_it_was_is_told_from_one_with_more_memory(tmp_path):
    path = tmp_path / "screen.json"
    killed(path, signal.SIGKILL)
    _, record = killed(path, signal.SIGKILL)  # the scheduler's own repeat: the same attempt
    _, _, record = run(path, attempt=2)  # Snakemake's retry
    assert ["came again as it was" in one["reason"] for one in record["earlier"]] == [True, False]


def test_bytes_read_from_files_are_counted(tmp_path):
    (tmp_path / "a").write_bytes(bytes(1 << 20))
    before = traffic.file_bytes()
    (tmp_path / "a").read_bytes()
    assert traffic.file_bytes() - before >= 1 << 20
