"""The whole workflow through a STAC API and a web server that fail: nothing lost, nothing changed, nothing hidden."""

import copy
import json
from contextlib import contextmanager

import pandas as pd
import pytest

from tests.network.faults import FaultProxy
from tests.servers import find_nginx, nginx, stac_server

TABLES = ("kilns", "candidates", "acquired", "coverage")
PATIENCE = {"KILNSCAN_HTTP_WAIT": "0.02", "KILNSCAN_HTTP_TIMEOUT": "2", "KILNSCAN_HTTP_ATTEMPTS": "5"}

pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.skipif(find_nginx() is None, reason="nginx is not installed: apt-get install nginx-light"),
]


@contextmanager
def served(project, work, api_faults=0.3, **faults):
    """The project's scenes behind a STAC API and nginx, each behind a bad network; gives the two proxies."""
    (work / "stac").mkdir()
    (work / "nginx").mkdir()
    items = copy.deepcopy(json.loads((project.folder / "input/catalog.json").read_text())["features"])
    with nginx(project.folder / "input", work / "nginx") as web, FaultProxy(web, stall_s=4, **faults) as files:
        for item in items:
            for asset in item["assets"].values():
                asset["href"] = f"{files.url}/{asset['href']}"
        with (
            stac_server(items, work / "stac") as api,
            FaultProxy(api, rate=api_faults, kinds=("429", "503", "reset"), max_in_row=1) as stac,
        ):
            project.configure(sentinel2={"catalog": stac.url})
            yield stac, files


def tables(project):
    folder = project.folder / "results/small/atlas"
    return {name: (folder / f"{name}.parquet").read_bytes() for name in TABLES}


def test_faults_change_nothing(finished, project, tmp_path):
    with served(project, tmp_path, rate=0.2) as (stac, files):
        project.snakemake(env=PATIENCE)
        assert stac.faults and len(files.faults) >= 8
    assert tables(project) == tables(finished)


def test_a_broken_scene_is_left_out_and_named_in_the_ledger_and_at_the_end(project, tmp_path):
    listed = json.loads((project.folder / "input/catalog.json").read_text())["features"]
    name = listed[0]["id"]
    href = listed[0]["assets"]["blue"]["href"]
    with served(project, tmp_path, broken={href: "truncated"}):
        said = project.snakemake(env=PATIENCE)
        assert project.jobs() == {}
    ledger = pd.read_parquet(project.folder / "results/small/atlas/coverage.parquet")
    touched = ledger[ledger["lost_scenes"] > 0]
    assert len(touched) and touched["reason"].str.contains(name).all()
    assert (ledger["status"] == "ok").sum() == 4
    assert f"1 scene(s) unreadable, first {name}" in said


def test_a_dead_network_fails_the_job_with_one_sentence(project, tmp_path):
    with served(project, tmp_path, api_faults=0, broken={"tif": "reset"}):  # two attempts are too few for a bad API
        said = project.snakemake(check=False, env=PATIENCE | {"KILNSCAN_HTTP_ATTEMPTS": "2"})
    assert "cannot be read" in said and "Check the network and run again" in said
    assert "Traceback" not in said
