"""Tiles: the region cut along the MGRS grid.

Needs: the area of interest (config `region.aoi` or `region.countries`, or the footprint of a mosaic).
Makes: <results>/tiles.geojson, one feature per tile.
"""


rule tiles:
    """Write down which tile owns what."""
    output:
        tiles="<results>/tiles.geojson",
    log:
        "<logs>/tiles.log",
        record="<jobs>/tiles.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(512),
        runtime=doubling(10),
    params:
        tiles=list(specs.values()),
        code=code_of("write_tiles"),
    script:
        "../scripts/write_tiles.py"
