"""Status: how far a run is. While it runs: `snakemake status --nolock`.

Needs: the records that jobs leave in <results>/jobs/.
Makes: nothing; it prints.
"""


rule status:
    """Print progress by rule, failures with their logs, the pace, the cost so far, and who asks for too much."""
    log:
        "<logs>/status.log",
    localrule: True
    conda:
        "../envs/core.yaml"
    params:
        places=record_places(),
        expected=expected_jobs(),
        tiles=list(tiles),
        store=STORE,
    script:
        "../scripts/print_status.py"
