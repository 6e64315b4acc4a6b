"""What jobs need that run on other machines than Snakemake itself: a place for results, their sources, their cores.

No rules here. On one machine none of it does anything.
"""

import sys
from pathlib import Path

from snakemake.settings.types import SharedFSUsage

from kilnscan.config_parts import is_remote
from kilnscan.errors import ConfigError

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


STORE = f"{storage_prefix()}/results/imagery" if storage_prefix() else "results/imagery"
"""Where chips are kept (`kilnscan.store`). No output follows from it, so no rule watches it."""


def link_results():
    """Give the results a job fetches from storage the names that configuration and tables know them by."""
    provider = workflow.storage_registry.default_storage_provider
    name = Path("results")
    if not (name.exists() or name.is_symlink()):
        name.symlink_to(provider.object(f"{storage_prefix()}/results").local_path())


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


if storage_prefix():
    look_again_for_folders()
if storage_prefix() and workflow.remote_exec:
    link_results()

SENT_MB = 10
"""Larger files Snakemake leaves out of the sources that it sends to jobs."""


def send(key, paths):
    """See that files which `key` names reach jobs that do not share this file system: they travel with the sources.

    Raises ConfigError if one cannot.
    """
    if SharedFSUsage.SOURCES in workflow.storage_settings.shared_fs_usage:
        return
    for path in map(str, paths):
        if is_remote(path) or made_here(path) or not Path(path).is_file():
            continue
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
