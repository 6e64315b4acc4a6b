"""Review: windows for people to look at, and what they answered. Only if asked for.

Needs: the atlas, the second stage's chips; config `review`, and `reference` if there is one.
Makes: <results>/review/: review.csv and .parquet, images/ and labels/ with dataset.yaml (YOLO-OBB), labelstudio.json
and labelstudio.xml, coco.json; of answers decisions.parquet (EPSG:4326) and decisions.csv in the same folder.
"""


rule review:
    """The windows most worth a person's time, laid out for labelling tools."""
    input:
        local_files(reference_paths()),
        detections="<results>/atlas/detections.parquet",
        imagery=per_tile("imagery.json"),
        candidates="<results>/atlas/candidates.parquet",
        model=outside(settings.detect.model),
        answers=(
            ["<results>/review/decisions.parquet"] if settings.review.answers else []
        ),
    output:
        table="<results>/review/review.csv",
        rest=multiext(
            "<results>/review/",
            "review.parquet",
            "dataset.yaml",
            "labelstudio.json",
            "labelstudio.xml",
            "coco.json",
        ),
        folders=directory(["<results>/review/images", "<results>/review/labels"]),
    log:
        "<logs>/review.log",
        record="<jobs>/review.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(4096),
        runtime=doubling(60),
    params:
        tiles=list(specs.values()),
        min_score=settings.atlas.min_score,
        reference=settings.reference and settings.reference.files,
        decisions=settings.reference and settings.reference.decisions,
        content=content(settings.detect.model, *reference_paths()),
        resolution_m=settings.detect.resolution_m,
        on_pixels=settings.detect.on_pixels,
        type_column=(
            settings.reference.type_column if settings.reference else "kiln_type"
        ),
        match_m=settings.reference.match_m if settings.reference else 50,
        most=settings.review.most,
        types=settings.kiln_types,
        pictures=settings.review.pictures,
        store=STORE,
        code=code_of("choose_review"),
    script:
        "../scripts/choose_review.py"


rule review_answers:
    """One table of decisions of all that people answered."""
    input:
        local_files(answer_files()),
    output:
        decisions="<results>/review/decisions.parquet",
        table="<results>/review/decisions.csv",
    log:
        "<logs>/review_answers.log",
        record="<jobs>/review_answers.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(2048),
        runtime=doubling(30),
    params:
        tiles=list(specs.values()),
        answers=[answers.model_dump() for answers in settings.review.answer_files],
        types=settings.kiln_types,
        content=content(*answer_files()),
        code=code_of("read_answers"),
    script:
        "../scripts/read_answers.py"
