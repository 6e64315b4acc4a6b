"""Ask the RO-Crate validator about the record in a paper's archive, without a network.

    make check-crate ARCHIVE=results/demo/paper/archive.zip

The validator fetches the JSON-LD contexts. Here rocrate-py's copy of one stands in for that, with Bioschemas' terms
where version 1.1 has them, and an empty one for the terms of runs, of which the record uses none. That the contexts can
be fetched is the one thing which is not checked. Ends with 1 if the validator complains.
"""

import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import rocrate
from rdflib.plugins.shared.jsonld import context, util

PROFILES = ("ro-crate-1.1", "workflow-ro-crate-1.0", "workflow-run-crate-0.5")
FETCHES = ("ro-crate-1.1_3.1", "ro-crate-1.1_3.2")
"""Checks that fetch the contexts."""


def main(archive: Path) -> None:
    read = util.source_to_json
    text = (Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text(encoding="utf-8")
    own = json.loads(text.replace("https://bioschemas.org/terms/", "https://bioschemas.org/"))

    def local(source: Any, *rest: Any, **options: Any) -> Any:
        if str(source) == "https://w3id.org/ro/crate/1.1/context":
            return own, None
        if str(source) == "https://w3id.org/ro/terms/workflow-run/context":
            return {"@context": {}}, None
        return read(source, *rest, **options)

    util.source_to_json = context.source_to_json = local  # before the validator wraps it, that is: is imported
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        bad = [complaint for profile in PROFILES for complaint in complaints(folder, profile)]
    sys.exit(bool(bad))


def complaints(folder: str, profile: str) -> list[Any]:
    """What the validator says against a crate, by a profile; printed, too."""
    from rocrate_validator import models, services

    settings = services.ValidationSettings(
        rocrate_uri=folder, profile_identifier=profile, requirement_severity=models.Severity.REQUIRED
    )
    issues = [issue for issue in services.validate(settings).get_issues() if issue.check.identifier not in FETCHES]
    print(
        f"{profile}: {len(issues)} complaints",
        *(f"  {issue.check.identifier}: {issue.message}" for issue in issues),
        sep="\n",
    )
    return issues


if __name__ == "__main__":
    main(Path(sys.argv[1]))
