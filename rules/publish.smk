"""Publish: what people open.

Needs: the atlas tables and the tiles' small pictures.
Makes: <results>/atlas/kilns.gpkg, kilns.geoparquet; <results>/site/ (the map, with PMTiles and pictures); provenance
beside both.
"""

MODELS = [settings.screen.model, settings.detect.model]


rule publish:
    """Write the GeoPackage, the GeoParquet and the map."""
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
        models=[outside(settings.screen.model), outside(settings.detect.model)],
    output:
        gpkg="<results>/atlas/kilns.gpkg",
        geoparquet="<results>/atlas/kilns.geoparquet",
        provenance="<results>/atlas/provenance.json",
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
            ]
        ),
        store=STORE,
        site=content_name(f"{workflow.basedir}/site/dist/app.js"),
        code=code_of("publish_atlas"),
    script:
        "../scripts/publish_atlas.py"
