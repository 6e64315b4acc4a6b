"""Plan: what the second stage would cost, before anything is acquired. Only if asked for.

Needs: every tile's candidates, the detector; config `plan`, `imagery`.
Makes: <results>/plan/plan.txt and plan.json (candidates, orders, km2, money, bytes, hours), orders.csv, and
orders/<product>.geojson for the vendors' portals.
"""


rule plan_orders:
    """Group what the candidates need into orders of each product."""
    input:
        local_files(settings.plan.owned_files),
        local_files(filter(None, [settings.plan.prices])),
        candidates=per_tile("candidates.parquet"),
        model=outside(settings.detect.model),
    output:
        plan="<results>/plan/plan.json",
        words="<results>/plan/plan.txt",
        table="<results>/plan/orders.csv",
        folder=directory("<results>/plan/orders"),
    log:
        "<logs>/plan_orders.log",
        record="<jobs>/plan_orders.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(4096),
        runtime=doubling(60),
    params:
        plan=settings.plan.model_dump(mode="json"),
        provider=settings.imagery.model_dump(mode="json", exclude={"show", "budget"}),
        resolution_m=settings.detect.resolution_m,
        store=STORE,
        area_km2=REGION_KM2,
        content=content(
            settings.detect.model,
            *settings.plan.owned_files,
            settings.plan.prices or TABLE,
        ),
        code=code_of("plan_orders"),
    script:
        "../scripts/plan_orders.py"


rule plan:
    """Print the plan, and what is left of the budget."""
    input:
        plan="<results>/plan/plan.json",
        words="<results>/plan/plan.txt",
    log:
        "<logs>/plan.log",
    localrule: True
    conda:
        "../envs/core.yaml"
    params:
        store=STORE,
    script:
        "../scripts/print_plan.py"
