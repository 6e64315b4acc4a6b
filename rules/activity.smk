"""Activity: an indicator of firing for each kiln and date. Only if asked for: `snakemake activity`.

Needs: <results>/tiles/<tile>/scenes.json with the bands B04, B08, B11 and B12, the kilns; config `activity`.
Makes: <results>/atlas/activity.parquet, a row per kiln and date seen clearly (kilnscan/activity.py says what it means).
"""


rule watch_activity:
    """Compare short-wave infrared in and around a tile's kilns, date by date."""
    input:
        scene_files,
        scenes="<results>/tiles/{tile}/scenes.json",
        kilns="<results>/atlas/kilns.parquet",
    output:
        activity="<results>/tiles/{tile}/activity.parquet",
    log:
        "<logs>/{tile}/activity.log",
        record="<jobs>/{tile}/activity.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=growing(1024, 4),
        runtime=growing(20, 2),
    params:
        activity=settings.activity.model_dump(mode="json"),
        code=code_of("watch_activity"),
    script:
        "../scripts/watch_activity.py"


rule activity:
    """One table of the whole region."""
    input:
        per_tile("activity.parquet"),
    output:
        activity="<results>/atlas/activity.parquet",
    log:
        "<logs>/activity.log",
        record="<jobs>/activity.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(2048),
        runtime=doubling(30),
    params:
        code=code_of("join_activity"),
    script:
        "../scripts/join_activity.py"
