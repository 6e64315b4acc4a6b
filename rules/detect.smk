"""Detect: oriented boxes in the chips.

Needs: <results>/tiles/<tile>/imagery.json, its chips, and the detector (config `detect.model`).
Makes: <results>/tiles/<tile>/detections.parquet: oriented box (UTM), type, score.
"""


rule detect:
    """Detect kilns in the windows around a tile's candidates."""
    input:
        imagery="<results>/tiles/{tile}/imagery.json",
        model=outside(settings.detect.model),
    output:
        detections="<results>/tiles/{tile}/detections.parquet",
    log:
        "<logs>/{tile}/detect.log",
        record="<jobs>/{tile}/detect.json",
    conda:
        "../envs/core.yaml"
    threads: 2
    resources:
        mem_mb=growing(1024, 8),
        runtime=growing(10, 2),
    params:
        model=content(settings.detect.model),
        confidence=settings.detect.confidence,
        resolution_m=settings.detect.resolution_m,
        device=settings.detect.device,
        on_pixels=settings.detect.on_pixels,
        store=STORE,
        code=code_of("detect_kilns"),
    script:
        "../scripts/detect_kilns.py"
