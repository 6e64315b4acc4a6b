"""Impact: what each kiln emits, who lives near it, and which rules it breaks; other sources beside it.

Needs: the kilns and the ledger of the atlas; config `exposure`, `areas`, `emissions`, `siting`, and `sources` if there are any.
Makes: <results>/atlas/impact.parquet (the kilns, told all of that), siting.parquet (a row per kiln and rule),
areas.parquet (sums by administrative area), impact.json (the region's sums); sources.parquet, sources_rejected.csv.
"""


rule impact:
    """Emissions, people, schools and clinics near, and rules met or broken of every kiln; sums by area."""
    input:
        local_files(impact_files()),
        kilns="<results>/atlas/kilns.parquet",
        coverage="<results>/atlas/coverage.parquet",
    output:
        kilns="<results>/atlas/impact.parquet",
        siting="<results>/atlas/siting.parquet",
        areas="<results>/atlas/areas.parquet",
        facts="<results>/atlas/impact.json",
    log:
        "<logs>/impact.log",
        record="<jobs>/impact.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=growing_with_region(2048, 4096),
        runtime=doubling(60),
    params:
        config=settings.model_dump(
            mode="json", include={"exposure", "areas", "emissions", "siting"}
        ),
        content=content(*impact_files()),
        code=code_of("assess_impact"),
    script:
        "../scripts/assess_impact.py"


if settings.sources:

    rule sources:
        """Other sources of pollution in one table; rows that cannot be used are listed with the reason."""
        input:
            local_files(source_files()),
        output:
            sources="<results>/atlas/sources.parquet",
            rejected="<results>/atlas/sources_rejected.csv",
        log:
            "<logs>/sources.log",
            record="<jobs>/sources.json",
        conda:
            "../envs/core.yaml"
        resources:
            mem_mb=doubling(2048),
            runtime=doubling(30),
        params:
            sources=[source.model_dump(mode="json") for source in settings.sources],
            content=content(*source_files()),
            code=code_of("read_sources"),
        script:
            "../scripts/read_sources.py"
