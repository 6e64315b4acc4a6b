"""What the rules share: the checked configuration, the tiles, and helpers that look things up in them.

No rules here. The tiles are known before any job runs, so there is no checkpoint.
"""

import sys
from functools import cache
from pathlib import Path

from snakemake.io import sourcecache_entry

from kilnscan.aoi import area_of, area_on_mosaic
from kilnscan.config import load_config
from kilnscan.config_parts import is_remote
from kilnscan.errors import KilnscanError
from kilnscan.files import content_name
from kilnscan.fingerprint import fingerprint
from kilnscan.grid import tiles_of
from kilnscan.model_bands import with_model_bands
from kilnscan.prices import TABLE
from kilnscan.shipped import ROOT
from kilnscan.unasked import unasked


include: "elsewhere.smk"
include: "checks.smk"


try:
    settings = with_model_bands(load_config(config))
    check_all_files(settings)
    area = area_of(settings.region)
    if settings.sentinel2.source == "mosaic":
        area = area_on_mosaic(area, settings.sentinel2.paths)
    tiles = {tile.id: tile for tile in tiles_of(area, settings.tiling.size_km)}
except KilnscanError as error:
    sys.exit(f"kilnscan: {error}")

specs = {name: tile.spec() for name, tile in tiles.items()}
"""The tiles as plain values, written out once: thousands of jobs and two rules for all tiles ask for them."""

REGION_KM2 = sum(tile.own.area for tile in tiles.values()) / 1e6
"""Land that the tiles own."""


def code_of(script):
    """Hash of what a script computes: it and the library modules it imports, without comments."""
    return fingerprint(ROOT / "scripts" / f"{script}.py")


def closing_words():
    """What a run ends with: where the results are and how to look at them."""
    results = Path("results") / settings.region.name
    if LOOKING_ONLY & set(workflow.dag_settings.targets):
        return ""
    if storage_prefix():
        there = f"{storage_prefix()}/{results}"
        return (
            f"\nkilns, one row each:  {there}/atlas/kilns.gpkg"
            f"\nthe map:              {there}/site/index.html"
            f"\nBoth come here by     aws s3 sync {there} fetched/{results.name} --exclude 'tiles/*'\n"
        )
    if not (results / "site" / "index.html").is_file():
        return ""
    from kilnscan.atlas import (
        ledger_words,
    )  # here: every job reads this file, one needs it
    from kilnscan.tables import read_table

    return (
        f"\n{ledger_words(read_table(results / 'atlas' / 'coverage.parquet'))}\n"
        f"\nkilns, one row each:  {results}/atlas/kilns.gpkg   (open it in QGIS)"
        f"\nthe map:              {results}/site/index.html   (double-click it; it needs no network)\n"
        + (
            f"for everybody:        {results}/{settings.public.name}/   (coarse)\n"
            if settings.public
            else ""
        )
        + (
            f"the paper:            {results}/paper/paper.html, archive.zip\n"
            if "paper" in workflow.dag_settings.targets
            else ""
        )
    )


def record_places():
    """Where the records of this region's jobs are."""
    made = [f"{settings.landscape.folder}/jobs"] if settings.landscape else []
    root = f"{storage_prefix()}/" if storage_prefix() else ""
    return [root + place for place in (*made, f"results/{settings.region.name}/jobs")]


def region_folder():
    """Where this region's results are, on disk or in S3."""
    root = f"{storage_prefix()}/" if storage_prefix() else ""
    return f"{root}results/{settings.region.name}"


def expected_jobs():
    """How many jobs of each rule lead to the atlas."""
    each = ("choose_scenes", "screen", "candidates", "imagery", "detect")
    once = [
        "atlas",
        "impact",
        *(["change"] if settings.change else []),
        *(["sources"] if settings.sources else []),
        *(["ground_reports"] if settings.ground_reports else []),
        *(["evaluate"] if settings.reference else []),
        *(["reconcile"] if inventories_published() else []),
        "publish",
    ]
    if estimates_published():
        each += ("audit_units",)
        each += () if settings.audit.answers else ("audit_imagery", "audit_detect")
        once += ["audit_sample", "estimate_sample", "estimate"]
        once += ["review_answers"] if settings.review.answers else []
    made = (
        {"landscape_scenes": 1, "landscape_imagery": 4, "landscape_truth": 1}
        if settings.landscape
        else {}
    )
    return (
        made | {"tiles": 1} | dict.fromkeys(each, len(tiles)) | dict.fromkeys(once, 1)
    )


def refusal(sentence):
    """An input function that ends the run with a sentence, before any job."""

    def refuse(wildcards):
        sys.exit(f"kilnscan: {sentence}")

    return refuse


def tile_spec(wildcards):
    """The tile of a job as plain values, so that a job reruns when its own tile changes and only then."""
    return specs[wildcards.tile]


def calibration_file():
    """The calibration of the two models' scores: the one that is named, or the one that lies beside both."""
    if settings.atlas.calibration:
        return settings.atlas.calibration
    name = settings.detect.model.removesuffix("-detector.onnx")
    beside = f"{name}-calibration.json"
    both = settings.screen.model == f"{name}-screen.npz"
    return beside if both and Path(beside).is_file() else None


UNPUBLISHED = {
    "train": True,
    "tiling": True,
    "audit": True,
    "review": True,
    "plan": True,
    "paper": True,
    "footprint": True,
    "activity": True,
    "ground_reports": True,
    "estimate": True,
    "inventories": True,
    "reconcile": True,
    "imagery": {"budget", "requests_per_second"},
}
"""Parts of the configuration that no product depends on, but for those that `sure_sections` names."""


def imagery_is_paid():
    """Whether chips cost money."""
    imagery = settings.imagery
    return bool(imagery.price_per_km2 or imagery.price_per_1000_requests)


def estimates_published():
    """Whether the estimates are part of the products: people have answered, and nothing is bought for it unasked."""
    if settings.estimate.publish is not None:
        return settings.estimate.publish
    return bool(
        settings.estimate.answers and (settings.audit.answers or not imagery_is_paid())
    )


def inventories_published():
    """Whether what other inventories have is part of the products."""
    return bool(settings.inventories) and settings.reconcile.publish


def sure_sections():
    """Sections of the configuration that published estimates and inventories follow from."""
    return {
        *(("estimate", "audit", "review") if estimates_published() else ()),
        *(("inventories", "reconcile") if inventories_published() else ()),
    }


def published_config():
    """The configuration as provenance tells it, with the calibration that was used."""
    hidden = {name: UNPUBLISHED[name] for name in UNPUBLISHED.keys() - sure_sections()}
    told = settings.model_dump(mode="json", exclude=hidden)
    told["atlas"]["calibration"] = calibration_file()
    return told


def per_tile(name):
    """The file called `name` of every tile, listed only where it is needed: most jobs read this file for one tile."""

    def files(wildcards):
        return [f"<results>/tiles/{tile}/{name}" for tile in tiles]

    return files


def outside(path):
    """A file from outside as an input: its time never matters, only its content (see `content`).

    It is a source, which is in no storage. `local()` would say so too, and make the job run where Snakemake runs.
    """
    return path if made_here(path) else ancient(sourcecache_entry(path, path))


content_once = cache(content_name)
"""Several rules follow the same files: each is read once while the rules are read."""


def content(*paths):
    """Params that follow the content of files from outside; those made here are watched as inputs already."""
    return [content_once(path) for path in paths if not made_here(path)]


def local_files(paths):
    """Those of `paths` that are files, not URLs."""
    return [outside(path) for path in paths if not is_remote(path)]


def dates_mb():
    """Memory in MB that the looks of a place take while they are compared."""
    return 16 * getattr(settings.sentinel2, "max_dates", 1)


def doubling(base, most=float("inf")):
    """A resource that doubles with each attempt, up to `most`."""

    def needed(wildcards, attempt):
        return int(min(base * 2 ** (attempt - 1), most))

    return needed


def growing(base, per_megapixel):
    """A resource that grows with the land a tile owns (in million 10 m pixels) and doubles with each attempt."""

    def needed(wildcards, attempt):
        megapixels = tiles[wildcards.tile].own.area / 1e8
        return doubling(base + per_megapixel * megapixels)(wildcards, attempt)

    return needed


def growing_with_region(base, per_million_km2):
    """A resource that grows with the whole region (in million km2) and doubles with each attempt."""
    return doubling(base + per_million_km2 * REGION_KM2 / 1e6)


def catalog(wildcards):
    """The catalogue, if it is a file."""
    return (
        local_files([settings.sentinel2.catalog])
        if settings.sentinel2.source == "stac"
        else []
    )


def scene_files(wildcards):
    """The scenes of a landscape, which its catalogue names; others are streamed from where they lie."""
    catalog = getattr(settings.sentinel2, "catalog", "")
    folder = Path(catalog).parent / "sentinel2"
    return [ancient(str(folder))] if catalog.startswith("results/landscape/") else []


def mosaic_content():
    """Content names of composites, so that a changed one is noticed whatever its date."""
    if settings.sentinel2.source == "stac":
        return []
    return content(*settings.sentinel2.paths)


def provider_files(wildcards):
    """The provider's files, if it has any here."""
    if settings.imagery.provider == "sentinel2":
        return scene_files(wildcards)
    return local_files([*settings.imagery.files, *image_list()])


def image_list():
    """The provider's catalogue, if it is a file."""
    catalog = settings.imagery.catalog
    return [catalog] if catalog and not is_remote(catalog) else []


def provider_params():
    """What decides which pixels come: a raised budget, or another key, is no reason to make chips anew."""
    spared = (
        "show",
        "budget",
        "currency",
        "price_per_km2",
        "price_per_1000_requests",
        "requests_per_second",
        "terms",
        "key_env",
    )
    return settings.imagery.model_dump(mode="json", exclude=set(spared))


def asked_slowly():
    """1 where a tile service is asked or chips cost money: one job at a time keeps the rate and pays for nothing twice."""
    return int(settings.imagery.provider == "xyz" or imagery_is_paid())


def earlier_kilns():
    """The kilns of earlier atlases."""
    return settings.change.kiln_files if settings.change else []


def same_kilns():
    """What decides which earlier kiln a kiln is; what counts as doubtful does not."""
    change = settings.change
    return change and change.model_dump(mode="json", exclude={"doubt"})


def impact_files():
    """Every file that tells of the kilns' surroundings."""
    return [
        *settings.exposure.files,
        *(settings.areas.files if settings.areas else []),
        settings.emissions.factors,
        settings.emissions.activity,
        settings.siting.rules,
        *settings.siting.files,
    ]


def source_files():
    """Tables of other sources of pollution."""
    return [file for source in settings.sources for file in source.files]


def estimate_files():
    """Files that people brought or filled in for the estimate."""
    return [
        *settings.estimate.files,
        *filter(None, [settings.audit.answers]),
        *(settings.areas.files if settings.areas else []),
        *(settings.reference.files if settings.reference else []),
    ]


def inventory_files():
    """Tables of other inventories, and the land that they claim to cover."""
    return [
        file
        for inventory in settings.inventories
        for file in (*inventory.files, *inventory.covered)
    ] + (settings.areas.files if settings.areas else [])


def report_files():
    """Files that `ground_reports` names: exports, reviews and keys."""
    named = [
        path
        for reports in settings.ground_reports
        for path in (*reports.files, reports.review, reports.key)
    ]
    return list(dict.fromkeys(filter(None, named)))


def planned_orders():
    """Orders of `snakemake plan`, if it has run: they go into the GeoPackage."""
    folder = Path("results") / settings.region.name / "plan"
    return (
        []
        if storage_prefix()
        else [str(path) for path in sorted(folder.glob("*.geojson"))]
    )


def if_asked(section, file):
    """A file of the atlas, if the configuration asks for it."""
    return [f"<results>/atlas/{file}"] if section else []


def evaluation(wildcards):
    """The evaluation, if there is a reference."""
    return ["<results>/atlas/evaluation.json"] if settings.reference else []


def paper_inputs():
    """Files from outside that the results hang on."""
    named = [
        *filter(None, [calibration_file(), settings.region.aoi]),
        *reference_paths(),
        *impact_files(),
        *source_files(),
        *report_files(),
        *(estimate_files() if estimates_published() else []),
        *(inventory_files() if inventories_published() else []),
        *settings.map.files,
        *(settings.change.files if settings.change else []),
        *settings.imagery.files,
        *image_list(),
        *settings.paper.also,
    ]
    models = [settings.screen.model, settings.detect.model]
    areas = [path for path in named if isinstance(path, str) and not is_remote(path)]
    return sorted({*models, *areas})


def paper_told():
    """Files of the run whose values a paper's text may name, by the name they have there."""
    told = {"impact": "<results>/atlas/impact.json"}
    if settings.reference:
        told["evaluation"] = "<results>/atlas/evaluation.json"
    return told


def paper_models():
    """The models and the cards beside them."""
    models = [settings.screen.model, settings.detect.model]
    cards = [str(Path(model).with_suffix(".md")) for model in models]
    return [*models, *(card for card in cards if Path(card).is_file())]


def own_sources(wildcards):
    """A hash of kilnscan's own files, which a paper's archive holds."""
    from kilnscan.archive import (
        sources_digest,
    )  # here: every job reads this file, one needs it

    return sources_digest()


def paper_edition():
    """The edition of the atlas that the paper's archive holds."""
    asked = settings.paper.edition or ("public" if settings.public else "full")
    if asked == "public" and not settings.public:
        sys.exit(
            "kilnscan: `paper.edition` is public, but there is no public edition: add `public`."
        )
    return settings.public.name if asked == "public" else ""


def public_paper():
    """How coarse a paper's map is, if its archive holds the public edition."""
    return settings.public.model_dump(mode="json") if paper_edition() else None


def answer_files():
    """Every file that people answered in."""
    return [path for answer in settings.review.answer_files for path in answer.files]


def reference_paths():
    """The files with known kilns and what corrects them."""
    if not settings.reference:
        return []
    return [
        *settings.reference.files,
        *filter(None, [settings.reference.decisions]),
    ]


def training_regions(wildcards):
    """The regions that a model learns from, as plain values, with the folders of those that are landscapes."""
    left_out = wildcards.model.partition("-without-")[2]
    return [
        region.model_dump()
        | {"folder": region.seed is not None and f"results/landscape/{region.seed}"}
        for region in settings.train.regions
        if region.name != left_out
    ]


def training_files(wildcards):
    """Composites and labels that a model learns from."""
    files = []
    for region in training_regions(wildcards):
        folder = region["folder"]
        files += (
            [
                f"{folder}/{part}"
                for part in ("catalog.json", "sentinel2", "truth.geojson")
            ]
            if folder
            else [region["mosaic"], region["labels"]]
        )
        files += filter(None, [region["decisions"]])
    return local_files(files)


def training_sheets(wildcards):
    """The 0.5 m imagery of those regions that are landscapes."""
    folders = [
        region["folder"] for region in training_regions(wildcards) if region["folder"]
    ]
    return local_files(
        [
            f"{folder}/imagery/{sheet}.tif"
            for folder in folders
            for sheet in ("nw", "ne", "sw", "se")
        ]
    )


def training_content(wildcards):
    """Content of the composites and labels that a model learns from."""
    regions = training_regions(wildcards)
    return content(
        *[
            region[key]
            for region in regions
            for key in ("mosaic", "labels", "decisions")
            if region[key]
        ]
    )
