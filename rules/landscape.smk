"""The demo's synthetic landscape: what open data and a vendor would deliver of a place that does not exist.

Needs: a seed (config `landscape.seed`).
Makes: results/landscape/<seed>/ with catalog.json and scenes, four sheets of 0.5 m imagery, and the truth.
"""

LANDSCAPE = "results/landscape/{seed}"


rule landscape_scenes:
    """Six dates of Sentinel-2-like scenes with their STAC items."""
    output:
        catalog=f"{LANDSCAPE}/catalog.json",
        scenes=directory(f"{LANDSCAPE}/sentinel2"),
    log:
        "logs/landscape/{seed}/scenes.log",
        record="results/landscape/{seed}/jobs/scenes.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(2048),
        runtime=doubling(10),
    params:
        code=code_of("make_landscape_scenes"),
    script:
        "../scripts/make_landscape_scenes.py"


rule landscape_imagery:
    """One sheet of 0.5 m imagery."""
    output:
        sheet=f"{LANDSCAPE}/imagery/{{sheet}}.tif",
    log:
        "logs/landscape/{seed}/{sheet}.log",
        record="results/landscape/{seed}/jobs/{sheet}.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(2048),
        runtime=doubling(10),
    params:
        code=code_of("make_landscape_imagery"),
    script:
        "../scripts/make_landscape_imagery.py"


rule landscape_truth:
    """Kilns and people of the landscape, and the tables a region would bring: schools, districts, plants, reports."""
    output:
        truth=f"{LANDSCAPE}/truth.geojson",
        schools=f"{LANDSCAPE}/schools.geojson",
        population=f"{LANDSCAPE}/population.tif",
        around=multiext(
            f"{LANDSCAPE}/",
            "areas.geojson",
            "villages.geojson",
            "clinics.geojson",
            "earlier.geojson",
            "ponds.geojson",
            "air.csv",
            "plants.csv",
            "reports.csv",
        ),
    log:
        "logs/landscape/{seed}/truth.log",
        record="results/landscape/{seed}/jobs/truth.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(1024),
        runtime=doubling(10),
    params:
        code=code_of("make_landscape_truth"),
    script:
        "../scripts/make_landscape_truth.py"
