"""CPU time and peak memory per rule of a region's last run, from Snakemake's benchmark files.

.venv/bin/python benchmarks/job_costs.py [region]
"""

import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parent.parent / "benchmarks" / "jobs"


def costs(region: str) -> pd.DataFrame:
    """One row per rule: jobs, CPU seconds, wall seconds, largest resident memory in MB."""
    rows = []
    for path in sorted([*ROOT.glob(f"{region}/**/*.tsv"), *ROOT.glob("landscape/*.tsv")]):
        record = pd.read_csv(path, sep="\t", na_values="-").iloc[0]
        rule = path.stem if path.parent.name != "landscape" else f"landscape {path.stem.split('-')[-1]}"
        rows.append({"rule": rule, "CPU s": record["cpu_time"], "wall s": record["s"], "peak MB": record["max_rss"]})
    table = pd.DataFrame(rows).groupby("rule", sort=False)
    summed = table[["CPU s", "wall s"]].sum().round(1)
    return summed.assign(**{"peak MB": table["peak MB"].max().round()}, jobs=table.size()).reset_index()


if __name__ == "__main__":
    region = sys.argv[1] if len(sys.argv) > 1 else "demo"
    table = costs(region)
    print("| rule | jobs | CPU s | wall s | peak MB |\n|---|---|---|---|---|")
    for line in table.itertuples(index=False):
        print(f"| {line[0]} | {line[4]} | {line[1]} | {line[2]} | {line[3]:.0f} |")
    jobs, cpu, wall = (table[name].sum() for name in ("jobs", "CPU s", "wall s"))
    print(f"| all | {jobs} | {cpu:.1f} | {wall:.1f} | {table['peak MB'].max():.0f} |")
