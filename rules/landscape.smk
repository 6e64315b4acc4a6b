"""The demo's synthetic landscape: what open data and a vendor would deliver of a place that does not exist.

Needs: a seed (config `landscape`); `<seed>-later` is the same place a year later, with known changes.
Makes: results/landscape/<landscape>/ with catalog.json and scenes, four sheets of 0.5 m imagery, and the truth.
"""

LANDSCAPE = "results/landscape/{landscape}"


rule landscape_scenes:
    """Six dates of Sentinel-2-like scenes with their STAC items."""
    output:
        catalog=f"{LANDSCAPE}/catalog.json",
        scenes=directory(f"{LANDSCAPE}/sentinel2"),
    log:
        "logs/landscape/{landscape}/scenes.log",
        record="results/landscape/{landscape}/jobs/scenes.json",
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
        "logs/landscape/{landscape}/{sheet}.log",
        record="results/landscape/{landscape}/jobs/{sheet}.json",
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
            "change.geojson",
            "air.csv",
            "plants.csv",
            "reports.csv",
        ),
    log:
        "logs/landscape/{landscape}/truth.log",
        record="results/landscape/{landscape}/jobs/truth.json",
    conda:
        "../envs/core.yaml"
    resources:
        mem_mb=doubling(1024),
        runtime=doubling(10),
    params:
        code=code_of("make_landscape_truth"),
    script:
        "../scripts/make_landscape_truth.py"
