"""`snakemake audit` on the small region: by the detector, by a person, and with answers that are no answers."""

import csv
import json


def test_the_audit_estimates_recall_and_takes_a_persons_answers(project):
    project.configure(audit={"sample": 40})
    said = project.snakemake("audit")
    folder = project.folder / "results" / "small" / "audit"
    first = json.loads((folder / "recall.json").read_text())
    assert "audit: the screen keeps" in said and first["looked_at_by"] == "detector"
    assert 0 <= first["recall_low"] <= first["recall"] <= first["recall_high"] <= 1
    sampled = sum(stratum["sampled"] for stratum in first["strata"])
    assert (folder / "curve.csv").read_text().startswith("threshold,acquired_km2,acquired_share,recall")
    assert (folder / "curve.svg").read_text().startswith("<svg")
    assert project.jobs("audit") == {}

    with (folder / "review" / "review.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == sampled > 0
    assert all((folder / "review" / row["picture"]).is_file() for row in rows)
    assert len(json.loads((folder / "review" / "chips.geojson").read_text())["features"]) == sampled

    def answer(name: str, values: list[str]) -> None:
        with (project.folder / name).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(row | {"kilns": value} for row, value in zip(rows, values, strict=True))
        project.configure(audit={"answers": name})

    answer("mine.csv", ["1", *["0"] * (sampled - 2), ""])
    assert project.jobs("audit") == {"audit_recall": 1, "audit": 1}
    project.snakemake("audit")
    second = json.loads((folder / "recall.json").read_text())
    assert second["looked_at_by"] == "person"
    assert sum(stratum["kilns"] for stratum in second["strata"]) == 1
    assert sum(stratum["sampled"] for stratum in second["strata"]) == sampled - 1

    answer("wrong.csv", ["perhaps", *["0"] * (sampled - 1)])
    assert "row 2, column `kilns`: 'perhaps' is no number of kilns" in project.snakemake("audit", check=False)
