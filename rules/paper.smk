"""Paper: text, tables and figures in which every number comes from the run, and an archive. Only if asked for.

Needs: the published atlas; config `paper`, with the text (docs/paper.md).
Makes: <results>/paper/inputs.json (what the run was made from, compared with `paper.frozen`), values.json, tables/,
figures/, paper.md, paper.html, and archive.zip, which holds them with the atlas, its inputs and the workflow.
"""

if settings.paper:

    localrules:
        paper_inputs,
        paper_values,
        paper_text,
        paper_archive,
        paper,

    rule paper_inputs:
        """What the paper is made from, and whether that is what it was frozen from."""
        input:
            local_files(filter(None, [settings.paper.frozen])),
            files=local_files(paper_inputs()),
            scenes=per_tile("scenes.json"),
        output:
            inputs="<results>/paper/inputs.json",
        log:
            "<logs>/paper_inputs.log",
            record="<jobs>/paper_inputs.json",
        conda:
            "../envs/core.yaml"
        params:
            config=published_config() | {"data": settings.data},
            files=paper_inputs(),
            frozen=settings.paper.frozen,
            content=content(*paper_inputs(), *filter(None, [settings.paper.frozen])),
            code=code_of("freeze_inputs"),
        script:
            "../scripts/freeze_inputs.py"

    rule paper_values:
        """Numbers, tables and figures."""
        input:
            **paper_told(),
            kilns="<results>/atlas/impact.parquet",
            candidates="<results>/atlas/candidates.parquet",
            acquired="<results>/atlas/acquired.parquet",
            coverage="<results>/atlas/coverage.parquet",
            scenes=per_tile("scenes.json"),
            inputs="<results>/paper/inputs.json",
            also=local_files(settings.paper.also),
        output:
            values="<results>/paper/values.json",
            tables=report(
                directory("<results>/paper/tables"),
                patterns=["{name}.csv"],
                category="Tables",
                labels={"table": "{name}"},
            ),
            figures=report(
                directory("<results>/paper/figures"),
                patterns=["{name}.svg"],
                category="Figures",
                labels={"figure": "{name}"},
            ),
        log:
            "<logs>/paper_values.log",
            record="<jobs>/paper_values.json",
        conda:
            "../envs/core.yaml"
        resources:
            mem_mb=growing_with_region(1536, 4096),
        params:
            told=list(paper_told()),
            also=content(*settings.paper.also),
            public=public_paper(),
            code=code_of("compute_paper"),
        script:
            "../scripts/compute_paper.py"

    rule paper_text:
        """The text with its numbers filled in."""
        input:
            text=local_files([settings.paper.text]),
            values="<results>/paper/values.json",
            tables="<results>/paper/tables",
            figures="<results>/paper/figures",
        output:
            markdown="<results>/paper/paper.md",
            page=report(
                "<results>/paper/paper.html",
                category="Paper",
                labels={"text": "whole"},
            ),
        log:
            "<logs>/paper_text.log",
            record="<jobs>/paper_text.json",
        conda:
            "../envs/core.yaml"
        params:
            text=content(settings.paper.text),
            code=code_of("write_paper"),
        script:
            "../scripts/write_paper.py"

    rule paper_archive:
        """One file with all of it, for a repository that gives DOIs."""
        input:
            models=local_files([settings.screen.model, settings.detect.model]),
            inputs="<results>/paper/inputs.json",
            values="<results>/paper/values.json",
            tables="<results>/paper/tables",
            figures="<results>/paper/figures",
            markdown="<results>/paper/paper.md",
            page="<results>/paper/paper.html",
            provenance="<results>/atlas/provenance.json",
            gpkg="<results>/atlas/kilns.gpkg",
            geoparquet="<results>/atlas/kilns.geoparquet",
            csv="<results>/atlas/kilns.csv",
            dictionary="<results>/atlas/data_dictionary.csv",
            layers="<results>/atlas/layers",
            stac="<results>/stac",
            site="<results>/site",
            public=(f"<results>/{paper_edition()}" if paper_edition() else []),
        output:
            archive="<results>/paper/archive.zip",
        log:
            "<logs>/paper_archive.log",
            record="<jobs>/paper_archive.json",
        conda:
            "../envs/core.yaml"
        params:
            about=settings.paper.model_dump(
                mode="json", include={"authors", "licence", "published", "pictures"}
            ),
            title=settings.region.title or settings.region.name,
            region=settings.region.name,
            cards=content(*paper_models()),
            sources=own_sources,
            code=code_of("archive_paper"),
        script:
            "../scripts/archive_paper.py"

    rule paper:
        """The paper and its archive."""
        input:
            "<results>/paper/paper.html",
            "<results>/paper/archive.zip",
