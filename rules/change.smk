"""Change: what became of each kiln since earlier atlases.

Needs: the atlas, whose kilns keep the ids that earlier atlases gave them; earlier atlases (config `change`).
Makes: <results>/atlas/change.parquet (EPSG:4326, a point for each kiln of any season: new, gone, moved, changed type,
persisting or uncertain, and why), change.json (sums, the land that both looked at), change.html (the report).
"""

if settings.change:

    rule change:
        """Compare the atlas with earlier ones."""
        input:
            local_files(settings.change.files),
            kilns="<results>/atlas/kilns.parquet",
            coverage="<results>/atlas/coverage.parquet",
            unseen="<results>/atlas/unseen.parquet",
            candidates="<results>/atlas/candidates.parquet",
            acquired="<results>/atlas/acquired.parquet",
            detections="<results>/atlas/detections.parquet",
            evaluation=evaluation,
        output:
            change="<results>/atlas/change.parquet",
            sums="<results>/atlas/change.json",
            report="<results>/atlas/change.html",
        log:
            "<logs>/change.log",
            record="<jobs>/change.json",
        conda:
            "../envs/core.yaml"
        resources:
            mem_mb=growing_with_region(1024, 2048),
            runtime=doubling(30),
        params:
            change=settings.change.model_dump(mode="json"),
            tiles=list(specs.values()),
            min_score=settings.atlas.min_score,
            title=settings.region.title or settings.region.name,
            content=content(*settings.change.files),
            code=code_of("find_change"),
        script:
            "../scripts/find_change.py"
