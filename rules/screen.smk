"""Screen: kiln probability of every 10 m pixel, by a random forest.

Needs: <results>/tiles/<tile>/scenes.json and the screen model (config `screen.model`).
Makes: <results>/tiles/<tile>/screen.tif, quicklook.tif (a small picture) and seen.json (how well it was seen).
"""


rule screen:
    """Screen one tile, streaming its scenes."""
    input:
        scene_files,
        scenes="<results>/tiles/{tile}/scenes.json",
        model=outside(settings.screen.model),
    output:
        screen="<results>/tiles/{tile}/screen.tif",
        quicklook="<results>/tiles/{tile}/quicklook.tif",
        seen="<results>/tiles/{tile}/seen.json",
    log:
        "<logs>/{tile}/screen.log",
        record="<jobs>/{tile}/screen.json",
    conda:
        "../envs/core.yaml"
    threads: 2
    resources:
        mem_mb=growing(1024 + dates_mb(), 16),
        runtime=growing(10, 1),
    params:
        model=content(settings.screen.model),
        code=code_of("screen_tile"),
    script:
        "../scripts/screen_tile.py"
