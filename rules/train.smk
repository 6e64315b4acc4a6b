"""Train: models from labelled regions, and how well they do on a region they have not seen.

Needs: labelled composites, or synthetic landscapes (config `train`); for the detector `make train-env`.
Makes: results/models/<name>-screen.npz and <name>-detector.onnx, each with its card (.md); copy them to models/ to
ship them. `<name>-without-<region>` leaves a region out (benchmarks/leave_one_out.py).
"""

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
            record="results/models/jobs/{model}-screen.json",
        conda:
            "../envs/core.yaml"
        threads: 2
        resources:
            mem_mb=doubling(8192),
            runtime=doubling(240),
        params:
            train=settings.train.model_dump(
                mode="json",
                include={
                    "bands",
                    "seed",
                    "target_recall",
                    "kiln_weight",
                    "rounds",
                    "description",
                },
            ),
            regions=training_regions,
            content=training_content,
            code=code_of("train_screen"),
        script:
            "../scripts/train_screen.py"

    rule train_detector:
        """Cut chips, train the detector from scratch and export it."""
        input:
            training_files,
            training_sheets,
        output:
            model="results/models/{model}-detector.onnx",
            card="results/models/{model}-detector.md",
        log:
            "logs/models/{model}-detector.log",
            record="results/models/jobs/{model}-detector.json",
        conda:
            "../envs/train.yaml"
        threads: 2
        resources:
            mem_mb=doubling(14336, most=28672),
            runtime=doubling(720),
        params:
            train=settings.train.model_dump(mode="json", exclude={"name", "regions"}),
            regions=training_regions,
            content=training_content,
            code=code_of("train_detector"),
        script:
            "../scripts/train_detector.py"
