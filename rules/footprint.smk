"""Footprint: what the run cost in hours, money, energy and CO2e, and what a naive design would have. If asked for.

Needs: the records that jobs leave in <results>/jobs/, as many as there are; config `footprint`.
Makes: <results>/footprint/footprint.json, footprint.csv, naive.csv and report.html, anew each time; it prints the table. No rule
depends on them, and they are no output: records change without Snakemake's knowing.
"""


rule footprint:
    """Add up what all jobs took; compare with other machines, other places and a naive design."""
    log:
        "<logs>/footprint.log",
    localrule: True
    conda:
        "../envs/core.yaml"
    params:
        folder=region_folder(),
        store=STORE,
        area_km2=REGION_KM2,
        needed=list(expected_jobs()),
    script:
        "../scripts/report_footprint.py"
