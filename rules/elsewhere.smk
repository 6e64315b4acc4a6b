"""What jobs need that run on other machines than Snakemake itself: a place for results, their sources, their cores.

No rules here. On one machine none of it does anything.
"""

import sys
from pathlib import Path

from snakemake.common import get_container_image
from snakemake.settings.types import SharedFSUsage

from kilnscan.bucket import bucket_of, look_at
from kilnscan.config_parts import is_remote
from kilnscan.errors import ConfigError, KilnscanError
from kilnscan.provenance import untracked

JOB_CORES = 4
"""Cores of the widest job that the cluster profiles ask for; groups of jobs stay within it."""

if workflow.is_main_process and workflow.nodes:
    # Jobs run elsewhere (`jobs` in a profile). `cores: all` of profiles/default would silently cut each of them down to
    # the cores of the machine that submits it.
    workflow.resource_settings.cores = JOB_CORES
    workflow.register_resource("_cores", JOB_CORES)


def made_here(path):
    """Whether the workflow makes a file itself."""
    return str(path).startswith("results/")


def storage_prefix():
    """Where results lie if not in this folder: --default-storage-prefix; None if there is no such storage."""
    place = workflow.storage_settings
    if place.default_storage_provider and not place.default_storage_prefix:
        sys.exit(
            "kilnscan: results have no place yet: add --default-storage-prefix s3://BUCKET/PREFIX."
        )
    return place.default_storage_provider and place.default_storage_prefix.rstrip("/")


def in_s3():
    """Whether results lie in S3."""
    return workflow.storage_settings.default_storage_provider == "s3"


def check_bucket():
    """Refuse a bucket that cannot be used, before the S3 plugin makes one or fails once for every file."""
    try:
        bucket = bucket_of(storage_prefix())
        if workflow.is_main_process:
            plugin = workflow.storage_registry.default_storage_provider
            look_at(plugin.s3c.meta.client, bucket)
    except KilnscanError as error:
        sys.exit(f"kilnscan: {error}")


STORE = f"{storage_prefix()}/results/imagery" if storage_prefix() else "results/imagery"
"""Where chips are kept (`kilnscan.store`). No output follows from it, so no rule watches it."""


def is_link_to_fetched(name):
    """Whether `name` is a link that a run with storage made, not a user's own to another disk."""
    return name.is_symlink() and ".snakemake/storage/" in str(name.readlink())


def link_results():
    """Give the results a job fetches from storage the names that configuration and tables know them by.

    Jobs that run here share one link.
    """
    provider = workflow.storage_registry.default_storage_provider
    name = Path("results")
    if is_link_to_fetched(name):
        name.unlink()
    if not (name.exists() or name.is_symlink()):
        name.symlink_to(provider.object(f"{storage_prefix()}/results").local_path())


def check_results():
    """Refuse results of runs without storage where jobs would take them for the storage's."""
    linked = is_link_to_fetched(Path("results"))
    looking = LOOKING_ONLY & set(workflow.dag_settings.targets)
    if storage_prefix() and JOBS_RUN_HERE and not (linked or looking):
        sys.exit(
            f"kilnscan: this run's results are in {storage_prefix()}, but results/ here is of runs without storage: "
            "use a folder of its own, or move results/ away."
        )


JOBS_RUN_HERE = workflow.is_main_process and not workflow.nodes
LOOKING_ONLY = {"status", "footprint"}
"""Targets that look at the records of other runs, wherever those are."""


def look_again_for_folders():
    """Let the S3 plugin find a folder that was not there when it first looked: it takes it for a missing file for ever.

    Seen in snakemake-storage-plugin-s3 0.3.6, where every `directory()` that a job elsewhere makes counts as missing.
    """
    kind = workflow.storage_registry.default_storage_provider.get_storage_object_cls()
    exists = kind.exists

    def looking_again(self):
        self._is_dir = getattr(self, "_is_dir", None) or None
        return exists(self)

    kind.exists = looking_again


def keep_the_bucket():
    """Let the S3 plugin remove files without deleting the bucket, which it does when nothing is left in it.

    Seen in snakemake-storage-plugin-s3 0.3.6: a bucket that held one log, or a versioned one whose objects are all old,
    was deleted, or the refusal to delete it hid what had gone wrong.
    """

    def remove(self):
        for found in self.get_subkeys() if self.is_dir() else [self.s3obj()]:
            found.delete()

    kind = workflow.storage_registry.default_storage_provider.get_storage_object_cls()
    kind.remove = remove


if in_s3():
    check_bucket()
    keep_the_bucket()
if storage_prefix():
    look_again_for_folders()
if storage_prefix() and (workflow.remote_exec or JOBS_RUN_HERE):
    link_results()
elif JOBS_RUN_HERE and is_link_to_fetched(Path("results")):
    Path("results").unlink()

NAMED = []
"""Local files of the region that jobs read, as `send` meets them."""


def check_executor():
    """Refuse or warn, before the first job, of what an executor for AWS Batch would only show by failing jobs."""
    executor = workflow.executor_plugin.name.replace("_", "-")
    image = workflow.remote_execution_settings.container_image
    if executor == "aws-batch" and image == get_container_image():
        workflow.cleanup_source_archive()
        sys.exit(
            "kilnscan: jobs on Batch need kilnscan's image: add --container-image with its address (docs/container.md)."
        )
    own = untracked([*workflow.configfiles, *NAMED])
    if executor == "aws-basic-batch" and own:
        print(
            f"kilnscan: basic-batch sends no files: the image must hold {', '.join(own)} at the same place "
            "below /kilnscan (docs/container.md), or every job fails.",
            file=sys.stderr,
        )


SENT_MB = 10
"""Larger files Snakemake leaves out of the sources that it sends to jobs."""


def send(key, paths):
    """See that files which `key` names reach jobs that do not share this file system: they travel with the sources.

    Raises ConfigError if one cannot.
    """
    local = [
        path
        for path in map(str, paths)
        if not (is_remote(path) or made_here(path)) and Path(path).is_file()
    ]
    NAMED.extend(local)
    if SharedFSUsage.SOURCES in workflow.storage_settings.shared_fs_usage:
        return
    for path in local:
        megabytes = Path(path).stat().st_size / 1e6
        outside = Path(path).is_absolute() or ".." in Path(path).parts
        if outside or megabytes > SENT_MB:
            why = "lies outside this folder" if outside else f"has {megabytes:.0f} MB"
            copy = f"{storage_prefix()}/results/models/{Path(path).name}"
            instead = (
                f"copy it to {copy} and name it results/models/{Path(path).name}"
                if key.endswith(".model")
                else "put it on S3 and name it s3://BUCKET/KEY"
            )
            raise ConfigError(
                f"`{key}` names {path}, which {why}: jobs that do not share this file system only get files of up to "
                f"{SENT_MB} MB from this folder; {instead}."
            )
        # what lies beside it under the same name belongs to it: a shapefile's parts, a model's card
        beside = Path(path).absolute().parent.glob(f"{Path(path).stem}.*")
        workflow.configfiles.extend(map(str, beside))
