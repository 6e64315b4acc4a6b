"""Estimate: how many kilns there are and how sure that is; what other inventories have. If asked for, or published.

Needs: the atlas; the sample of the audit (rules/audit.smk); config `estimate`, `areas`, `inventories`; what people filled
in (`estimate.answers`, `audit.answers`, `review.answers`), as far as they did.
Makes: <results>/estimate/ (check.csv and pictures, for a person to fill in); <results>/atlas/estimates.parquet (a row per
area) and estimate.json; reconciled.parquet (a row per place, which list has it), disagreement.parquet (cells) and
reconciled.json.
"""


rule estimate_sample:
    """Draw kilns and acquired land for a person to check."""
    input:
        kilns="<results>/atlas/kilns.parquet",
        boxes="<results>/atlas/detections.parquet",
        sample="<results>/audit/sample.json",
        units=per_tile("audit_units.parquet"),
        imagery=per_tile("imagery.json"),
    output:
        check="<results>/estimate/check.json",
        table="<results>/estimate/check.csv",
        pictures=directory("<results>/estimate/pictures"),
    log:
        "<logs>/estimate_sample.log",
        record="<jobs>/estimate_sample.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=growing_with_region(2048, 6144),
        runtime=doubling(60),
    params:
        tiles=list(specs.values()),
        min_score=settings.atlas.min_score,
        estimate=settings.estimate.model_dump(
            mode="json", include={"kilns", "land", "seed"}
        ),
        store=STORE,
        code=code_of("draw_check_sample"),
    script:
        "../scripts/draw_check_sample.py"


rule estimate:
    """Kilns by area and in all, precision and recall by group, with intervals."""
    input:
        local_files(estimate_files()),
        kilns="<results>/atlas/kilns.parquet",
        boxes="<results>/atlas/detections.parquet",
        coverage="<results>/atlas/coverage.parquet",
        check="<results>/estimate/check.json",
        table="<results>/estimate/check.csv",
        sample="<results>/audit/sample.json",
        units=per_tile("audit_units.parquet"),
        detections=(
            [] if settings.audit.answers else per_tile("audit_detections.parquet")
        ),
        imagery=[] if settings.audit.answers else per_tile("audit_imagery.json"),
        decisions=(
            ["<results>/review/decisions.parquet"] if settings.review.answers else []
        ),
    output:
        table="<results>/atlas/estimates.parquet",
        record="<results>/atlas/estimate.json",
    log:
        "<logs>/estimate.log",
        record="<jobs>/estimate.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=growing_with_region(2048, 12288),
        runtime=doubling(60),
    params:
        name=settings.region.name,
        tiles=list(specs.values()),
        atlas=settings.atlas.model_dump(mode="json"),
        audit_answers=settings.audit.answers,
        estimate=settings.estimate.model_dump(mode="json", exclude={"publish"}),
        areas=settings.areas and settings.areas.model_dump(mode="json"),
        reference=settings.reference
        and {
            "files": settings.reference.files,
            "match_m": settings.reference.match_m,
            "type_column": settings.reference.type_column,
        },
        content=content(*estimate_files()),
        code=code_of("estimate_kilns"),
    script:
        "../scripts/estimate_kilns.py"


if settings.inventories:

    rule reconcile:
        """Which kilns which inventory has, how many all of them lack, and where they disagree."""
        input:
            local_files(inventory_files()),
            kilns="<results>/atlas/kilns.parquet",
            coverage="<results>/atlas/coverage.parquet",
        output:
            table="<results>/atlas/reconciled.parquet",
            cells="<results>/atlas/disagreement.parquet",
            rejected="<results>/atlas/inventories_rejected.csv",
            record="<results>/atlas/reconciled.json",
        log:
            "<logs>/reconcile.log",
            record="<jobs>/reconcile.json",
        conda:
            "../envs/core.yaml"
        resources:
            mem_mb=doubling(4096),
            runtime=doubling(60),
        params:
            inventories=[
                inventory.model_dump(mode="json") for inventory in settings.inventories
            ],
            reconcile=settings.reconcile.model_dump(mode="json", exclude={"publish"}),
            areas=settings.areas and settings.areas.model_dump(mode="json"),
            content=content(*inventory_files()),
            code=code_of("reconcile_inventories"),
        script:
            "../scripts/reconcile_inventories.py"
