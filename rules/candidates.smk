"""Candidates: from probability to separate objects.

Needs: <results>/tiles/<tile>/screen.tif; seen.json, which holds its hash, says whether it changed.
Makes: <results>/tiles/<tile>/candidates.parquet: polygon (UTM), score, area, elongation.
"""


rule candidates:
    """Find the candidates that a tile owns."""
    input:
        scenes="<results>/tiles/{tile}/scenes.json",
        seen="<results>/tiles/{tile}/seen.json",
        screen=ancient("<results>/tiles/{tile}/screen.tif"),
        model=outside(settings.screen.model),
    output:
        candidates="<results>/tiles/{tile}/candidates.parquet",
    log:
        "<logs>/{tile}/candidates.log",
        record="<jobs>/{tile}/candidates.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=growing(1024, 4),
        runtime=growing(10, 0.5),
    params:
        threshold=settings.screen.threshold,
        model=content(settings.screen.model),
        code=code_of("find_candidates"),
    script:
        "../scripts/find_candidates.py"
