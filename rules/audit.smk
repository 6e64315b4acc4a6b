"""Audit: what the screen loses, from a stratified random sample of the land it rejects. Only if asked for.

Needs: every tile's screen.tif, the atlas, the second stage's imagery and detector; config `audit`.
Makes: <results>/audit/recall.json (recall with its interval), curve.csv and curve.svg (recall against area), and
review/ (the sample as a list with pictures, for a person to fill in).
"""


rule audit_units:
    """Every chip of a tile: the threshold that acquires it, and what the screen saw there."""
    input:
        scenes="<results>/tiles/{tile}/scenes.json",
        seen="<results>/tiles/{tile}/seen.json",
        screen=ancient("<results>/tiles/{tile}/screen.tif"),
    output:
        units="<results>/tiles/{tile}/audit_units.parquet",
    log:
        "<logs>/{tile}/audit_units.log",
        record="<jobs>/{tile}/audit_units.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=growing(1024, 8),
        runtime=growing(10, 0.5),
    params:
        code=code_of("list_audit_units"),
    script:
        "../scripts/list_audit_units.py"


rule audit_sample:
    """Draw the sample of the whole region."""
    input:
        units=per_tile("audit_units.parquet"),
        model=outside(settings.screen.model),
    output:
        sample="<results>/audit/sample.json",
    log:
        "<logs>/audit_sample.log",
        record="<jobs>/audit_sample.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(4096),
        runtime=doubling(30),
    params:
        threshold=settings.screen.threshold,
        model=content(settings.screen.model),
        size=settings.audit.sample,
        seed=settings.audit.seed,
        code=code_of("draw_audit_sample"),
    script:
        "../scripts/draw_audit_sample.py"


rule audit_imagery:
    """Acquire the imagery around a tile's sampled chips."""
    input:
        provider_files,
        scenes="<results>/tiles/{tile}/scenes.json",
        seen="<results>/tiles/{tile}/seen.json",
        units="<results>/tiles/{tile}/audit_units.parquet",
        sample="<results>/audit/sample.json",
    output:
        imagery="<results>/tiles/{tile}/audit_imagery.json",
    log:
        "<logs>/{tile}/audit_imagery.log",
        record="<jobs>/{tile}/audit_imagery.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=growing(1024, 4),
        runtime=growing(20, 2),
        tile_services=asked_slowly(),
    params:
        provider=provider_params(),
        files=content(*settings.imagery.files, *image_list()),
        store=STORE,
        code=code_of("acquire_audit_imagery"),
    script:
        "../scripts/acquire_audit_imagery.py"


use rule detect as audit_detect with:
    input:
        imagery="<results>/tiles/{tile}/audit_imagery.json",
        model=outside(settings.detect.model),
    output:
        detections="<results>/tiles/{tile}/audit_detections.parquet",
    log:
        "<logs>/{tile}/audit_detect.log",
        record="<jobs>/{tile}/audit_detect.json",


rule audit_review:
    """The sample as a list with pictures, for a person."""
    input:
        sample="<results>/audit/sample.json",
        imagery=per_tile("audit_imagery.json"),
    output:
        review="<results>/audit/review/review.csv",
        outlines="<results>/audit/review/chips.geojson",
        pictures=directory("<results>/audit/review/pictures"),
    log:
        "<logs>/audit_review.log",
        record="<jobs>/audit_review.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(2048),
        runtime=doubling(30),
    params:
        store=STORE,
        code=code_of("write_audit_review"),
    script:
        "../scripts/write_audit_review.py"


rule audit_recall:
    """Estimate the screen's recall and its curve against the area."""
    input:
        local_files(filter(None, [settings.audit.answers])),
        sample="<results>/audit/sample.json",
        units=per_tile("audit_units.parquet"),
        detections=(
            [] if settings.audit.answers else per_tile("audit_detections.parquet")
        ),
        imagery=[] if settings.audit.answers else per_tile("audit_imagery.json"),
        kilns="<results>/atlas/kilns.parquet",
    output:
        recall="<results>/audit/recall.json",
        curve="<results>/audit/curve.csv",
        picture="<results>/audit/curve.svg",
    log:
        "<logs>/audit_recall.log",
        record="<jobs>/audit_recall.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(4096),
        runtime=doubling(30),
    params:
        tiles=list(specs.values()),
        atlas=settings.atlas.model_dump(mode="json"),
        answers=settings.audit.answers,
        content=content(*filter(None, [settings.audit.answers])),
        code=code_of("estimate_recall"),
    script:
        "../scripts/estimate_recall.py"


rule audit:
    """The audit and the files for a person's review."""
    input:
        "<results>/audit/recall.json",
        "<results>/audit/review/review.csv",
