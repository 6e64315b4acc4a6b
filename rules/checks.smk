"""Files that the configuration names: all are there, and reach the jobs, before anything runs.

No rules here.
"""

from pathlib import Path

from kilnscan.config_parts import is_remote
from kilnscan.errors import ConfigError
from kilnscan.site_backdrop import satellite_host
from kilnscan.site_words import words


def check_files(key, paths):
    """Raise ConfigError if a file that `key` names is neither there, nor remote, nor made by the workflow."""
    for path in paths:
        if not (is_remote(path) or made_here(path) or Path(path).is_file()):
            raise ConfigError(
                f"`{key}` names {path}, which does not exist: check the folder and the spelling."
            )
    send(key, paths)


def report_photos(settings):
    """Photos that `ground_reports` names folders of, in a fixed order; links count for nothing."""
    folders = [
        Path(reports.photos) for reports in settings.ground_reports if reports.photos
    ]
    files = (path for folder in folders for path in sorted(folder.rglob("*")))
    return [str(path) for path in files if path.is_file() and not path.is_symlink()]


def check_earlier(settings):
    """Raise ConfigError if an earlier atlas is not there, or is this run's own."""
    own = f"results/{settings.region.name}/"
    change = settings.change
    for path in change.kiln_files if change else []:
        if path.startswith(f"{own}atlas/"):
            raise ConfigError(
                f"`change.earlier` names {path}, which this run overwrites: copy {own}atlas to another folder before a new season."
            )
        if made_here(path) and not storage_prefix() and not Path(path).is_file():
            raise ConfigError(
                f"`change.earlier` names {path}, which does not exist yet: run that season first."
            )
    check_files("change.earlier", change.files if change else [])


def check_answers(answers):
    """Raise ConfigError if answers do not exist or lie where the workflow would overwrite them."""
    for answer in answers:
        if made_here(answer.path):
            raise ConfigError(
                f"`review.answers` names {answer.path}, which the next review overwrites: copy it out of results/ first."
            )
        if not answer.files:
            raise ConfigError(
                f"`review.answers` names the folder {answer.path}, which holds no *.txt: name the folder of the labels."
            )
        check_files("review.answers", answer.files)


def check_map(asked):
    """Raise ConfigError now for what the map's last job would refuse: Snakemake removes what a failed job made before."""
    check_files("map", asked.files)
    if not any(map(made_here, asked.dictionaries.values())):
        words(asked)
    if asked.satellite:
        satellite_host(asked.satellite)


def check_all_files(settings):
    """Raise ConfigError for the first file that the configuration names and that cannot be used."""
    if settings.reference:
        check_files(
            "reference.path", settings.reference.files or [settings.reference.path]
        )
        check_files("reference.decisions", filter(None, [settings.reference.decisions]))
    if settings.audit.answers:
        check_files("audit.answers", [settings.audit.answers])
    check_answers(settings.review.answer_files)
    if settings.imagery.provider == "cog":
        check_files("imagery.paths", settings.imagery.files or [settings.imagery.paths])
    check_files("imagery.catalog", filter(None, [settings.imagery.catalog]))
    check_files("plan.owned", settings.plan.owned_files)
    check_files("plan.prices", filter(None, [settings.plan.prices]))
    check_files("atlas.calibration", filter(None, [settings.atlas.calibration]))
    check_files("exposure", settings.exposure.files)
    check_files("areas", settings.areas.files if settings.areas else [])
    check_files("emissions", [settings.emissions.factors, settings.emissions.activity])
    check_files("siting", [settings.siting.rules, *settings.siting.files])
    for source in settings.sources:
        check_files("sources", source.files or [source.path])
    check_files("estimate", settings.estimate.files)
    for inventory in settings.inventories:
        check_files("inventories", inventory.files or [inventory.path])
        check_files("inventories.covers", inventory.covered)
    for reports in settings.ground_reports:
        check_files("ground_reports", reports.files or [reports.path])
        check_files("ground_reports", filter(None, [reports.review, reports.key]))
        send("ground_reports.photos", report_photos(settings))
    check_earlier(settings)
    check_map(settings.map)
    check_files("paper", settings.paper.files if settings.paper else [])
    send("region.aoi", [settings.region.aoi])
    check_files("screen.model", [settings.screen.model])
    check_files("detect.model", [settings.detect.model])
    if settings.sentinel2.source == "mosaic":
        send("sentinel2.path", settings.sentinel2.paths)
    else:
        send("sentinel2.catalog", [settings.sentinel2.catalog])
    for region in settings.train.regions if settings.train else []:
        named = (region.mosaic, region.labels, region.decisions)
        send("train.regions", filter(None, named))
