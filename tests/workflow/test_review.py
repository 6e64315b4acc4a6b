"""`snakemake review` on the small region: people are asked, answer, and are heard, and nobody is asked twice."""

import csv
import json

import geopandas as gpd


def windows_asked(project) -> list[str]:
    with (project.folder / "results" / "small" / "review" / "review.csv").open(newline="") as stream:
        return [row["window"] for row in csv.DictReader(stream)]


def evaluation(project) -> dict:
    return json.loads((project.folder / "results" / "small" / "atlas" / "evaluation.json").read_text())


def test_people_are_asked_and_what_they_answer_changes_the_evaluation(project):
    project.configure(review={"most": 5, "types": ["FCBK", "zigzag", "clamp"]})
    assert project.jobs() == {}  # reviewing is nobody's duty
    assert project.jobs("review") == {"review": 1}
    project.snakemake("review")
    folder = project.folder / "results" / "small" / "review"
    asked = windows_asked(project)
    assert len(asked) == len(set(asked)) == 5
    assert sorted(path.stem for path in (folder / "images").glob("*.png")) == sorted(asked)
    assert project.jobs("review") == {}

    # one person confirms the first window that shows kilns, and says that the second shows none
    tasks = json.loads((folder / "labelstudio.json").read_text())
    first, second = [task for task in tasks if task["predictions"][0]["result"]][:2]
    said = {"completed_by": 1, "created_at": "2026-11-24T10:00:00Z", "was_cancelled": False}
    answers = [
        {"data": first["data"], "annotations": [said | {"result": first["predictions"][0]["result"]}]},
        {"data": second["data"], "annotations": [said | {"result": []}]},
    ]
    (project.folder / "round1.json").write_text(json.dumps(answers))
    before = evaluation(project)["atlas"]
    project.configure(
        review={"answers": ["round1.json"]}, reference={"decisions": "results/small/review/decisions.parquet"}
    )
    project.snakemake()
    decisions = gpd.read_parquet(folder / "decisions.parquet")
    assert {first["data"]["window"], second["data"]["window"]} == set(decisions["window"])
    assert {"kiln", "not-kiln"} == set(decisions["decision"]) and (folder / "decisions.csv").is_file()
    after = evaluation(project)["atlas"]
    assert after["precision"]["of"][0] < before["precision"]["of"][0]  # a kiln of the atlas is none any more
    assert after["recall"]["of"][1] < before["recall"]["of"][1]

    assert set(project.jobs("review")) == {"review"}
    project.snakemake("review")
    assert not {first["data"]["window"], second["data"]["window"]} & set(windows_asked(project))

    (project.folder / "round1.json").write_text(json.dumps(answers).replace("FCBK", "<script>"))
    said = project.snakemake("review_answers", check=False)
    assert "kilnscan: `review.answers` round1.json, task 1: there is no type '<script>'; use one of FCBK" in said


def test_answers_are_not_read_from_where_the_next_review_overwrites_them(project):
    project.configure(review={"answers": ["results/small/review/labels"]})
    assert "copy it out of results/ first" in project.snakemake("-n", check=False)
    project.configure(review={"answers": ["gone.json"]})
    assert "`review.answers` names gone.json, which does not exist" in project.snakemake("-n", check=False)


def test_training_waits_for_the_decisions_that_it_learns_from(project):
    decisions = "results/small/review/decisions.parquet"
    project.configure(train={"name": "mine", "regions": [{"name": "here", "seed": 7, "decisions": decisions}]})
    assert project.jobs("train").items() >= {"review_answers": 1, "train_screen": 1, "train_detector": 1}.items()
