"""Ground reports: what volunteers saw, matched with the atlas, for a person to review.

Needs: the atlas; exports of KoboToolbox or ODK Central or tables, photos, earlier reviews; config `ground_reports`.
Makes: <results>/atlas/reports.parquet (EPSG:4326; `show` says which may be published), <results>/reports/: review.csv
for people, rejected.csv, decisions.parquet for `reference` and `train`, photos/ without EXIF. Nothing here but rows with
`show`, and photos/, is meant for others: review.csv holds notes.
"""

if settings.ground_reports:

    rule ground_reports:
        """Read, check and match the reports of volunteers."""
        input:
            local_files(report_files()),
            kilns="<results>/atlas/kilns.parquet",
        output:
            reports="<results>/atlas/reports.parquet",
            review="<results>/reports/review.csv",
            rejected="<results>/reports/rejected.csv",
            decisions="<results>/reports/decisions.parquet",
            photos=directory("<results>/reports/photos"),
        log:
            "<logs>/ground_reports.log",
            record="<jobs>/ground_reports.json",
        conda:
            "../envs/core.yaml"
        resources:
            mem_mb=doubling(2048),
            runtime=doubling(60),
        params:
            tiles=list(specs.values()),
            reports=[reports.model_dump() for reports in settings.ground_reports],
            types=settings.kiln_types,
            content=content(*report_files(), *report_photos(settings)),
            code=code_of("read_ground_reports"),
        script:
            "../scripts/read_ground_reports.py"
