"""Atlas: one row per kiln of the whole region, what became of every detection, and the ledger of every tile.

Needs: all tiles' tables.
Makes: <results>/atlas/{kilns,detections,candidates,acquired,coverage,unseen}.parquet (EPSG:4326). `detections` has a row for
every box of the detector, with the place it was merged into, the one that stands for it (`keeper`), the score of the
place, and the kiln it is (`kiln`, empty where the place scores too little or lies outside the area of interest).
`unseen` is the land that was never seen clearly. With config `change`, kilns keep the ids of earlier atlases.
"""


rule atlas:
    """Merge the detections of all tiles and write the ledger."""
    input:
        local_files(filter(None, [calibration_file()])),
        local_files(earlier_kilns()),
        scenes=per_tile("scenes.json"),
        seen=per_tile("seen.json"),
        candidates=per_tile("candidates.parquet"),
        imagery=per_tile("imagery.json"),
        detections=per_tile("detections.parquet"),
        quicklooks=ancient(per_tile("quicklook.tif")),
    output:
        kilns="<results>/atlas/kilns.parquet",
        detections="<results>/atlas/detections.parquet",
        candidates="<results>/atlas/candidates.parquet",
        acquired="<results>/atlas/acquired.parquet",
        coverage="<results>/atlas/coverage.parquet",
        unseen="<results>/atlas/unseen.parquet",
    log:
        "<logs>/atlas.log",
        record="<jobs>/atlas.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=growing_with_region(1024, 2048),
        runtime=doubling(60),
    params:
        tiles=list(specs.values()),
        atlas=settings.atlas.model_dump(mode="json")
        | {"calibration": calibration_file()},
        change=same_kilns(),
        files=content(*filter(None, [calibration_file()]), *earlier_kilns()),
        min_clear=settings.sentinel2.min_clear,
        code=code_of("build_atlas"),
    script:
        "../scripts/build_atlas.py"
