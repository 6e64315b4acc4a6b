"""Scenes: which pixels a tile is screened on.

Needs: a STAC catalogue, or a composite (config `sentinel2`).
Makes: <results>/tiles/<tile>/scenes.json, the small list on which everything after it hangs.

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
    benchmark:
        "<benchmarks>/{tile}/scenes.tsv"
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=512,
        runtime=growing(10, 0.1),
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
