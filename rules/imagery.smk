"""Imagery: high-resolution chips around candidates, each fetched once.

Needs: <results>/tiles/<tile>/candidates.parquet and a provider (config `imagery`).
Makes: <results>/tiles/<tile>/imagery.json and chips in results/imagery/, named by content and shared by all regions.
"""


rule imagery:
    """Acquire the chips that a tile's candidates need."""
    input:
        provider_files,
        scenes="<results>/tiles/{tile}/scenes.json",
        seen="<results>/tiles/{tile}/seen.json",
        candidates="<results>/tiles/{tile}/candidates.parquet",
    output:
        imagery="<results>/tiles/{tile}/imagery.json",
    log:
        "<logs>/{tile}/imagery.log",
        record="<jobs>/{tile}/imagery.json",
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
        code=code_of("acquire_imagery"),
    script:
        "../scripts/acquire_imagery.py"
