"""Scenes: which pixels a tile is screened on.

Needs: a STAC catalogue, or a composite (config `sentinel2`).
Makes: <results>/tiles/<tile>/scenes.json, the small list on which everything after it hangs.

A catalogue is asked once: it counts as a service, whose date means nothing. To ask again and rerun just the tiles
with other scenes: `snakemake scenes --forcerun choose_scenes`, then `snakemake`.
"""


def catalog(wildcards):
    """The catalogue, if it is a file."""
    return local_files([settings.sentinel2.catalog]) if settings.sentinel2.source == "stac" else []


def mosaic_content():
    """Content names of composites, so that a changed one is noticed whatever its date."""
    if settings.sentinel2.source == "stac":
        return []
    return [content_name(path) for path in settings.sentinel2.paths]


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
    resources:
        mem_mb=512,
        runtime=minutes(10, 0.1),
    params:
        tile=tile_spec,
        source=settings.sentinel2.model_dump(mode="json", exclude={"min_clear"}),
        mosaics=mosaic_content(),
        code=code_of("choose_scenes"),
    conda:
        "../envs/core.yaml"
    script:
        "../scripts/choose_scenes.py"


rule scenes:
    """Only the scene lists of all tiles."""
    input:
        per_tile("scenes.json"),
