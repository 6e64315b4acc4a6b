"""Evaluate: how good the atlas is against known kilns.

Needs: the atlas and a reference (config `reference`).
Makes: <results>/atlas/evaluation.json: recall of each stage, share of the area acquired, precision, recall, F1,
average precision of the boxes, accuracy of the types.
"""

if settings.reference:

    rule evaluate:
        """Match the atlas one to one with the reference."""
        input:
            reference=local_files(reference_paths()),
            kilns="<results>/atlas/kilns.parquet",
            candidates="<results>/atlas/candidates.parquet",
            acquired="<results>/atlas/acquired.parquet",
            coverage="<results>/atlas/coverage.parquet",
            detections="<results>/atlas/detections.parquet",
            model=outside(settings.detect.model),
        output:
            evaluation="<results>/atlas/evaluation.json",
        log:
            "<logs>/evaluate.log",
            record="<jobs>/evaluate.json",
        conda:
            "../envs/core.yaml"
        resources:
            mem_mb=growing_with_region(1024, 2048),
            runtime=doubling(30),
        params:
            reference=settings.reference.files,
            decisions=settings.reference.decisions,
            content=content(settings.detect.model, *reference_paths()),
            match_m=settings.reference.match_m,
            type_column=settings.reference.type_column,
            on_pixels=settings.detect.on_pixels,
            resolution_m=settings.detect.resolution_m,
            code=code_of("evaluate_atlas"),
        script:
            "../scripts/evaluate_atlas.py"
