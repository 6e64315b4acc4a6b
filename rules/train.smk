"""Train: models from labelled regions, and how well they do on a region they have not seen.

Needs: labelled composites, or synthetic landscapes (config `train`); for the detector `make train-env`.
Makes: results/models/<name>-screen.npz and <name>-detector.onnx, each with its card (.md); copy them to models/ to
ship them. `<name>-without-<region>` leaves a region out (benchmarks/leave_one_out.py).
"""


def training_regions(wildcards):
    """The regions that a model learns from, as plain values, with the folders of those that are landscapes."""
    left_out = wildcards.model.partition("-without-")[2]
    return [
        region.model_dump() | {"folder": region.seed is not None and f"results/landscape/{region.seed}"}
        for region in settings.train.regions
        if region.name != left_out
    ]


def training_files(wildcards):
    """Composites and labels that a model learns from."""
    files = []
    for region in training_regions(wildcards):
        folder = region["folder"]
        files += [f"{folder}/catalog.json", f"{folder}/truth.geojson"] if folder else [region["mosaic"], region["labels"]]
    return local_files(files)


def training_sheets(wildcards):
    """The 0.5 m imagery of those regions that are landscapes."""
    folders = [region["folder"] for region in training_regions(wildcards) if region["folder"]]
    return local_files([f"{folder}/imagery/{sheet}.tif" for folder in folders for sheet in SHEETS])


def training_content(wildcards):
    """Content names of the composites and labels, so that a changed one is noticed whatever its date."""
    regions = training_regions(wildcards)
    return [content_name(region[key]) for region in regions for key in ("mosaic", "labels") if region[key]]


if settings.train:

    rule train:
        """Both models."""
        input:
            f"results/models/{settings.train.name}-screen.npz",
            f"results/models/{settings.train.name}-detector.onnx",

    rule train_screen:
        """Grow the screen's forest."""
        input:
            training_files,
        output:
            model="results/models/{model}-screen.npz",
            card="results/models/{model}-screen.md",
        log:
            "logs/models/{model}-screen.log",
        benchmark:
            "benchmarks/jobs/models/{model}-screen.tsv"
        threads: 2
        resources:
            mem_mb=8192,
            runtime=240,
        params:
            train=settings.train.model_dump(mode="json", include={"bands", "seed", "description", "type_column"}),
            regions=training_regions,
            content=training_content,
            code=code_of("train_screen"),
        conda:
            "../envs/core.yaml"
        script:
            "../scripts/train_screen.py"

    rule train_detector:
        """Cut chips, train the detector from scratch and export it."""
        input:
            training_files,
            training_sheets,
            screen="results/models/{model}-screen.npz",
        output:
            model="results/models/{model}-detector.onnx",
            card="results/models/{model}-detector.md",
        log:
            "logs/models/{model}-detector.log",
        benchmark:
            "benchmarks/jobs/models/{model}-detector.tsv"
        threads: 2
        resources:
            mem_mb=16384,
            runtime=720,
        params:
            train=settings.train.model_dump(mode="json", exclude={"name", "regions"}),
            regions=training_regions,
            content=training_content,
            code=code_of("train_detector"),
        conda:
            "../envs/train.yaml"
        script:
            "../scripts/train_detector.py"
