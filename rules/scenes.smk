"""Scenes: which pixels a tile is screened on.

Needs: a STAC API, catalogue or frozen list, or a composite (config `sentinel2`).
Makes: <results>/tiles/<tile>/scenes.json, the small list on which everything after it hangs; on request
       <results>/scenes.geojson, all of them frozen, and <results>/tiles/<tile>/composite.tif.

A catalogue is asked once: it counts as a service, whose date means nothing. To ask again and rerun just the tiles
with other scenes: `snakemake scenes --forcerun choose_scenes`, then `snakemake`.
"""


rule choose_scenes:
    """Choose the scenes of a tile."""
    input:
        catalog,
    output:
        scenes="<results>/tiles/{tile}/scenes.json",
    log:
        "<logs>/{tile}/scenes.log",
        record="<jobs>/{tile}/scenes.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(512),
        runtime=growing(10, 0.1),
        searches=1,
    params:
        tile=tile_spec,
        source=settings.sentinel2.model_dump(mode="json", exclude={"min_clear"}),
        mosaics=mosaic_content(),
        code=code_of("choose_scenes"),
    script:
        "../scripts/choose_scenes.py"


rule scenes:
    """Only the scene lists of all tiles."""
    input:
        per_tile("scenes.json"),


rule freeze_scenes:
    """One list of all scenes, to be committed with a paper and named as `sentinel2.catalog`: only if asked for."""
    input:
        per_tile("scenes.json"),
    output:
        frozen="<results>/scenes.geojson",
    log:
        "<logs>/freeze.log",
        record="<jobs>/freeze.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(1024),
        runtime=doubling(10),
    params:
        code=code_of("freeze_scenes"),
    script:
        "../scripts/freeze_scenes.py"


rule write_composite:
    """The composite that a tile is screened on, as a file: only if asked for."""
    input:
        scene_files,
        scenes="<results>/tiles/{tile}/scenes.json",
    output:
        composite="<results>/tiles/{tile}/composite.tif",
    log:
        "<logs>/{tile}/composite.log",
        record="<jobs>/{tile}/composite.json",
    conda:
        "../envs/core.yaml"
    threads: 2
    resources:
        mem_mb=growing(1024 + dates_mb(), 16),
        runtime=growing(10, 1),
    params:
        code=code_of("write_composite"),
    script:
        "../scripts/write_composite.py"


rule composites:
    """Only the composites of all tiles."""
    input:
        per_tile("composite.tif"),
