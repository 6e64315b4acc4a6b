"""The profiles know every rule, ask for what executors really give, and plan the region."""

import logging
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from snakemake.resources import GroupResources, Resources
from snakemake_executor_plugin_aws_batch.batch_job_builder import BatchJobBuilder

from tests.servers import s3_server
from tests.workflow.conftest import write_area

ROOT = Path(__file__).parents[2]
RULE = re.compile(r"^ *(?:use rule \w+ as|rule) (\w+)(?: with)?:", re.MULTILINE)
RULES = {name for path in (ROOT / "rules").glob("*.smk") for name in RULE.findall(path.read_text(encoding="utf-8"))} - {
    "scenes",
    "composites",
    "train",
    "audit",
    "plan",
    "status",
    "footprint",
    "paper_inputs",
    "paper_values",
    "paper_text",
    "paper_archive",
    "paper",
}  # these only collect or print, or are seconds of work where Snakemake runs
CLUSTERS = ("pcluster", "batch", "basic-batch")
JOB_CORES = 4
LIMITS = {"_cores": JOB_CORES, "searches": 4, "tile_services": 1}
MOST_TILES = 60  # that go into one job
BATCH = BatchJobBuilder(logging.getLogger(), None, {}, "", None, "", None)
"""The released plugin's own code, which decides what Batch is asked for."""


def profile(name):
    return yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))


def value_of(expression, attempt):
    return eval(str(expression), {"attempt": attempt, "min": min})  # noqa: S307 (our own profile)


def groups(name):
    """Rules that go into one job, by the group's name."""
    pairs = [pair.split("=") for pair in profile(name)["groups"]]
    return {group: [rule for rule, of in pairs if of == group] for group in {of for _, of in pairs}}


def together(levels):
    """What a job asks for in which `levels` of jobs, each a dictionary of resources, run one after the other."""
    jobs = [[SimpleNamespace(resources=asked, pipe_group=None) for asked in level] for level in levels]
    asked = GroupResources.basic_layered(jobs, Resources.from_mapping(LIMITS), run_local=False)
    return asked["_cores"], asked["mem_mb"]


def shapes(name, ask):
    """Cores and memory of every job that can be: each rule alone, and each group for any number of tiles.

    `ask(rule, attempt)` is the memory in MB that one job asks for.
    """
    settings = profile(name)
    for attempt in range(1, settings["retries"] + 2):
        jobs = {rule: {"_cores": settings["set-threads"].get(rule, 1), "mem_mb": ask(rule, attempt)} for rule in RULES}
        for rule, job in jobs.items():
            yield rule, attempt, 1, (job["_cores"], job["mem_mb"])
        for group, rules in groups(name).items():
            chains = (
                [*([rule] for rule in rules), ["screen", "candidates"]]
                if group == "see"
                else [[rule] for rule in rules]
            )
            for tiles in (1, 2, 3, 4, 5, MOST_TILES - 1, MOST_TILES):
                for chain in chains:
                    yield f"{group}: {chain}", attempt, tiles, together([[jobs[rule]] * tiles for rule in chain])


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_profile_maps_every_rule_and_no_other(name):
    assert set(profile(name)["set-resources"]) == RULES


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_rules_of_a_tile_go_together_with_their_like(name):
    where = {rule: asked.get("slurm_partition") for rule, asked in profile("pcluster")["set-resources"].items()}
    for group, rules in groups(name).items():
        assert len({where[rule] for rule in rules}) == 1, group
    assert {"choose_scenes", "screen", "candidates", "imagery", "detect"} <= {
        r for rs in groups(name).values() for r in rs
    }


def test_a_profile_says_nothing_that_the_one_for_all_runs_would_overrule():
    for name in CLUSTERS:
        assert not profile(name).keys() & profile("default").keys(), name


def test_batch_gets_exactly_what_it_is_asked_for():
    asked = profile("batch")["set-resources"]
    for what, attempt, tiles, (cores, memory) in shapes("batch", lambda rule, n: value_of(asked[rule]["mem_mb"], n)):
        taken = BATCH._validate_resources(str(cores), str(memory))
        assert taken == (str(cores), str(memory)), (what, attempt, tiles)


def test_a_retry_gets_more_memory_until_there_is_no_more():
    for rule, asked in profile("batch")["set-resources"].items():
        first, second, *_, last = (value_of(asked["mem_mb"], attempt) for attempt in (1, 2, 3, 4))
        assert first < second <= last, rule


def queues():
    """Cores and memory in MB that a job may have on the smallest node of each queue of the cluster in infra/."""
    cluster = yaml.safe_load((ROOT / "infra/parallelcluster/cluster-x86.yaml").read_text(encoding="utf-8"))
    sizes = {"c": (8, 16), "r": (8, 64), "g": (8, 32)}  # vCPUs and GiB of their 2xlarge; ParallelCluster keeps 5 % back
    found = {}
    for queue in cluster["Scheduling"]["SlurmQueues"]:
        types = [kind["InstanceType"] for one in queue["ComputeResources"] for kind in one["Instances"]]
        assert all(kind.endswith(".2xlarge") for kind in types)
        cores, gib = min(sizes[kind[0]] for kind in types)
        found[queue["Name"]] = cores, gib * 1024 * 0.95
    return found


@pytest.fixture(scope="module")
def asked_of_slurm(finished, tmp_path_factory):
    """Memory in MB that every rule asks for at first, for tiles that own all of their 100 km squares."""
    folder = tmp_path_factory.mktemp("large") / "project"
    shutil.copytree(finished.folder, folder, symlinks=True, ignore=shutil.ignore_patterns("results", ".snakemake"))
    project = type(finished)(folder)
    write_area(folder / "area.geojson", (-150_000, -150_000, 150_000, 150_000))
    project.configure(tiling={"size_km": 100})
    targets = ["all", "audit", "plan", "review", "composites", "freeze_scenes", "estimate", "activity"]
    said = project.snakemake("--dry-run", "--profile", "profiles/pcluster", *targets)
    found = {}
    for rule, block in re.findall(r"^ *(?:local)?rule (\w+):\n((?: +\w+: .*\n)+)", said, re.MULTILINE):
        memory = re.search(r"\bmem_mb=(\d+)", block)
        minutes = re.search(r"\bruntime=(\d+)", block)
        if rule in RULES and memory:
            found[rule] = max(found.get(rule, 0), int(memory[1]))
            if "tile=" in block:
                found["longest tile"] = max(found.get("longest tile", 0), int(minutes[1]))
    return found


def rules_text():
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules").glob("*.smk")))


def test_memory_and_time_of_every_rule_double_with_each_attempt():
    asked = re.findall(r"^ +(mem_mb|runtime)=(.*)", rules_text(), re.MULTILINE)
    assert len(asked) >= 2 * (len(RULES) - 1)  # audit_detect has those of detect
    doubling = ("growing(", "growing_with_region(", "doubling(")
    assert [value for _, value in asked if not value.startswith(doubling)] == []


def test_every_job_fits_its_node_at_every_attempt(asked_of_slurm):
    bounds = re.findall(
        r"rule (\w+):(?:(?!rule \w+:).)*?mem_mb=doubling\((\d+)(?:, most=(\d+))?\)", rules_text(), re.DOTALL
    )
    fixed = {rule: (int(base), int(most or 0)) for rule, base, most in bounds}
    unseen = RULES - asked_of_slurm.keys() - fixed.keys()
    assert unseen <= {"evaluate", "change"}, unseen
    where = {rule: asked["slurm_partition"] for rule, asked in profile("pcluster")["set-resources"].items()}

    def ask(rule, attempt):
        base, most = fixed.get(rule, (asked_of_slurm.get(rule, 2048), 0))
        return min(base * 2 ** (attempt - 1), most or 1 << 30)

    for what, attempt, tiles, (cores, memory) in shapes("pcluster", ask):
        first = re.findall(r"\w+", what)[-1]
        most_cores, most_memory = queues()[where[first]]
        assert cores <= most_cores and memory <= most_memory, (what, attempt, tiles, cores, memory)


def test_batch_ends_no_job_before_the_time_that_its_rule_gives_it(asked_of_slurm):
    longest = max(int(minutes) for minutes in re.findall(r"runtime=doubling\((\d+)", rules_text()))
    for name, limit in (("batch", "aws-batch-task-timeout"), ("basic-batch", "aws-basic-batch-task-timeout")):
        assert profile(name)[limit] >= 60 * max(longest, 2 * asked_of_slurm["longest tile"]), (
            "two tiles of 100 km a job"
        )


def test_both_profiles_of_batch_ask_for_the_same():
    one, other = profile("batch"), profile("basic-batch")
    assert one["set-threads"] == other["set-threads"]
    for rule, asked in other["set-resources"].items():
        assert asked["aws_batch_vcpu"] == one["set-threads"].get(rule, 1), rule
        assert asked["aws_batch_mem_mb"] == one["set-resources"][rule]["mem_mb"], rule
        alike = profile("pcluster")["set-resources"][rule]["slurm_partition"]
        assert asked.get("aws_batch_job_queue", other["aws-basic-batch-job-queue"]) == f"kilnscan-{alike}", rule


@pytest.mark.parametrize("name", ["default", "pcluster"])
def test_a_profile_plans_the_region(project, name):
    shutil.rmtree(project.folder / "results")
    (project.folder / name).symlink_to(f"profiles/{name}")
    jobs = project.jobs("--profile", name)
    assert jobs["screen"] == jobs["detect"] == 5


def test_jobs_on_other_machines_have_the_threads_they_ask_for(project):
    shutil.rmtree(project.folder / "results")
    said = project.snakemake("--dry-run", "--profile", "profiles/pcluster", "--cores", "1")
    assert set(re.findall(r"^ +threads: (\d+)", said, re.MULTILINE)) == {"2", "4"}


@pytest.fixture
def s3(tmp_path, socket_enabled):
    """A local server that speaks S3, with an empty bucket; the environment that points to it."""
    with s3_server(tmp_path) as server:
        server.put("kilnscan")
        yield server.env | {
            "SNAKEMAKE_AWS_BATCH_JOB_QUEUE": "arn:aws:batch:us-west-2:123456789012:job-queue/q",
            "SNAKEMAKE_AWS_BATCH_JOB_ROLE": "arn:aws:iam::123456789012:role/r",
        }


STORAGE = ["--default-storage-provider", "s3", "--default-storage-prefix", "s3://kilnscan/run"]


def test_batch_plans_the_region_with_its_files_in_s3(project, s3):
    shutil.rmtree(project.folder / "results")
    said = project.snakemake("--dry-run", "--profile", "profiles/batch", *STORAGE, env=s3)
    assert re.search(r"^screen +5$", said, re.MULTILINE) and "s3://kilnscan/run/results/small/atlas/kilns.gpkg" in said
    assert set(re.findall(r"^localrule (\w+)", said, re.MULTILINE)) <= {"all"}, "jobs run where Snakemake runs"


def test_batch_refuses_files_that_its_jobs_cannot_get(project, s3):
    with (project.folder / "input" / "truth.geojson").open("a") as stream:
        stream.write(" " * 11_000_000)
    batch = ["--dry-run", "--profile", "profiles/batch", *STORAGE]
    said = project.snakemake(*batch, check=False, env=s3)
    assert re.search(r"kilnscan: `reference.path` names input/truth.geojson, which has 11 MB: .* name it s3://", said)
    (project.folder.parent / "own-detector.onnx").write_bytes(b"")
    project.configure(reference={"path": "s3://labels/truth.geojson"}, detect={"model": "../own-detector.onnx"})
    said = project.snakemake(*batch, check=False, env=s3)
    assert "`detect.model` names ../own-detector.onnx, which lies outside this folder" in said
    assert "copy it to s3://kilnscan/run/results/models/own-detector.onnx and name it results/models/own-det" in said
