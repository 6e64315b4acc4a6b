"""kilnscan: find every brick kiln of a region from space and publish an atlas of them.

    snakemake                                      the demo: a synthetic region
    snakemake --configfile config/regions/X.yaml   another region (config/README.md)
    snakemake plan --configfile ...                what the imagery would cost, before any is acquired
    snakemake train --configfile ...               models from labelled regions
    snakemake paper --configfile ...               a paper whose every number comes from the run, and its archive
    snakemake audit --configfile ...               what the screen loses, from a sample of the land it rejects
    snakemake estimate --configfile ...            how many kilns there are, and how sure that is
    snakemake status --configfile ...              how far a run is; while it runs, add --nolock
    snakemake footprint --configfile ...           what it cost: hours, money, energy, CO2e; against a naive design
    snakemake review --configfile ...              windows for people to look at; review_answers reads what they said
    snakemake activity --configfile ...            an indicator of firing by kiln and date, from short-wave infrared

The unit is a tile; it passes through tiles > scenes > screen > candidates > imagery > detect. Then one atlas is made
of all tiles, published and evaluated. Each stage has its file in rules/, one script per rule in scripts/, and its
work in kilnscan/.
"""

from snakemake.utils import min_version

from kilnscan.shipped import shipped

min_version("9.19")

if not {"region", "sentinel2"} & config.keys():

    configfile: shipped("config/regions/demo.yaml")


include: "rules/common.smk"


pathvars:
    results=f"results/{settings.region.name}",
    logs=f"logs/{settings.region.name}",
    jobs=f"results/{settings.region.name}/jobs",


wildcard_constraints:
    tile=r"[0-9A-Z_]+",
    landscape=r"\d+(-later)?",
    sheet=r"[a-z]+",
    model=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    left_out=r"[A-Za-z0-9_-]+",


include: "rules/landscape.smk"
include: "rules/tiles.smk"
include: "rules/scenes.smk"
include: "rules/screen.smk"
include: "rules/candidates.smk"
include: "rules/plan.smk"
include: "rules/imagery.smk"
include: "rules/detect.smk"
include: "rules/atlas.smk"
include: "rules/change.smk"
include: "rules/impact.smk"
include: "rules/ground_reports.smk"
include: "rules/evaluate.smk"
include: "rules/publish.smk"
include: "rules/paper.smk"
include: "rules/audit.smk"
include: "rules/review.smk"
include: "rules/estimate.smk"
include: "rules/train.smk"
include: "rules/activity.smk"
include: "rules/status.smk"
include: "rules/footprint.smk"
include: "rules/unasked.smk"


rule all:
    """The published atlas and, where there is a reference, how good it is."""
    input:
        "<results>/tiles.geojson",
        "<results>/atlas/kilns.gpkg",
        "<results>/site",
        if_asked(settings.change, "change.html"),
        evaluation,


onstart:
    check_results()
    check_executor()


onsuccess:
    print(closing_words())
