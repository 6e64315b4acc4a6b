"""Publish: what people open.

Needs: the atlas tables, what is told of the kilns, and the tiles' small pictures; change, estimates and other inventories
if the configuration has them (`estimates_published` says when).
Makes: <results>/atlas/kilns.gpkg, .geoparquet and .csv, data_dictionary.csv, provenance.json, layers/ (vector tiles and
GeoParquet by layer); <results>/stac/; <results>/site/ (the map); the same below <results>/public/ for everybody, coarse,
if config `public` asks for it.
"""

MODELS = [settings.screen.model, settings.detect.model]
SITE = sorted(
    str(path)
    for pattern in ("site/dist/*", "site/languages/*", "facts/columns.csv")
    for path in ROOT.glob(pattern)
)
"""What the map and the data dictionary are made of besides the atlas."""
PUBLIC = (
    {"public": directory(f"<results>/{settings.public.name}")}
    if settings.public
    else {}
)


rule publish:
    """Write the GeoPackage, other formats, the record and the map, in full and for everybody."""
    input:
        kilns="<results>/atlas/kilns.parquet",
        candidates="<results>/atlas/candidates.parquet",
        acquired="<results>/atlas/acquired.parquet",
        coverage="<results>/atlas/coverage.parquet",
        scenes=per_tile("scenes.json"),
        imagery=per_tile("imagery.json"),
        seen=per_tile("seen.json"),
        quicklooks=ancient(per_tile("quicklook.tif")),
        evaluation=evaluation,
        impact=["<results>/atlas/impact.parquet"],
        facts="<results>/atlas/impact.json",
        siting=["<results>/atlas/siting.parquet"],
        areas=if_asked(settings.areas, "areas.parquet"),
        sources=if_asked(settings.sources, "sources.parquet"),
        reports=if_asked(settings.ground_reports, "reports.parquet"),
        change=if_asked(settings.change, "change.parquet"),
        estimates=if_asked(estimates_published(), "estimates.parquet"),
        estimate=if_asked(estimates_published(), "estimate.json"),
        reconciled=if_asked(inventories_published(), "reconciled.parquet"),
        disagreement=if_asked(inventories_published(), "disagreement.parquet"),
        orders=planned_orders(),
        words=local_files(settings.map.files),
        models=[outside(settings.screen.model), outside(settings.detect.model)],
    output:
        **PUBLIC,
        gpkg="<results>/atlas/kilns.gpkg",
        geoparquet="<results>/atlas/kilns.geoparquet",
        csv="<results>/atlas/kilns.csv",
        dictionary="<results>/atlas/data_dictionary.csv",
        provenance="<results>/atlas/provenance.json",
        layers=directory("<results>/atlas/layers"),
        stac=directory("<results>/stac"),
        site=directory("<results>/site"),
    log:
        "<logs>/publish.log",
        record="<jobs>/publish.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=growing_with_region(1536, 4096),
        runtime=doubling(60),
    params:
        config=published_config(),
        models={"screen": settings.screen.model, "detector": settings.detect.model},
        content=content(
            *[
                path
                for model in MODELS
                for path in (model, Path(model).with_suffix(".md"))
            ],
            settings.siting.rules,
            *settings.map.files,
        ),
        store=STORE,
        site=[content_name(path) for path in SITE],
        code=code_of("publish_atlas"),
    script:
        "../scripts/publish_atlas.py"
