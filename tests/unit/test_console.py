"""A job's log tells what happened, and no secrets."""

import subprocess
import sys

PROGRAM = """
import logging, sys
from types import SimpleNamespace
from kilnscan.console import job
with job(SimpleNamespace(rule="x", wildcards={}, threads=1, resources={}, log=[sys.argv[1]])):
    logging.getLogger("rasterio._env").warning(
        "HTTP error code: 429 - %s. Retrying", "https://vendor.example/a.tif?sig=TOPSECRET&x=1"
    )
    logging.getLogger("kilnscan").info("50% done, why? nobody knows")
"""


def test_queries_of_links_do_not_reach_the_log(tmp_path):
    log = tmp_path / "logs" / "job.log"
    run = subprocess.run([sys.executable, "-c", PROGRAM, str(log)], capture_output=True, text=True, check=True)
    said = log.read_text()
    assert "TOPSECRET" not in said + run.stdout + run.stderr
    assert "HTTP error code: 429 - https://vendor.example/a.tif?... Retrying" in said
    assert "50% done, why? nobody knows" in said
