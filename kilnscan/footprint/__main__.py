"""`python -m kilnscan.footprint FILES...`: the cost report of any Snakemake workflow, from its benchmark files."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from .benchmarks import read_benchmarks
from .facts import FOLDER, Facts, FootprintError
from .files import write
from .model import Assumptions
from .ranges import spanning
from .report import More, make_report
from .words import table_words


def main(arguments: list[str] | None = None) -> int:
    """Read benchmark files, write footprint.json, footprint.csv and report.html, print a table; 1 if that fails."""
    asked = _parser().parse_args(arguments)
    try:
        jobs = read_benchmarks(asked.files)
        if asked.cores:
            jobs = [replace(job, cores=asked.cores, memory_gib=asked.memory_gib, site=asked.site) for job in jobs]
        assumed = Assumptions(
            instance=asked.instance, spot=asked.spot, grid=asked.grid, price=asked.price,
            intensity=asked.intensity and spanning(asked.intensity), pue=asked.pue and spanning(asked.pue),
        )  # fmt: skip
        units = dict(_unit(word) for word in asked.unit)
        more = More(title=asked.title, currency=asked.currency, units=units,
                    stored_gb=asked.stored[0] if asked.stored else None,
                    stored_days=asked.stored[1] if asked.stored else None)  # fmt: skip
        report = make_report(jobs, Facts(asked.facts), assumed, more)
        write(asked.out, report)
    except (FootprintError, OSError) as error:
        print(f"footprint: {error}", file=sys.stderr)
        return 1
    print(table_words(report))
    print(f"Written: {asked.out}/report.html, footprint.json, footprint.csv")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kilnscan.footprint", description=__doc__)
    add = parser.add_argument
    add("files", nargs="+", help="benchmark files of Snakemake, or folders of them")
    add("--out", type=Path, default=Path("footprint"), help="folder for the report")
    add("--title", default="What it cost")
    add("--instance", default="", help="EC2 type on which jobs ran or are counted as if, such as c7g.2xlarge")
    add(
        "--spot",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether it was Spot; from one to the other if not said",
    )
    add("--grid", default="", help="AWS region or zone of the electricity, such as us-west-2 or IN-NO")
    add("--intensity", type=_amount, nargs=2, metavar="G", help="least and most g CO2e per kWh, if you know better")
    add("--pue", type=_amount, nargs=2, metavar="X", help="least and most overhead of the data centre")
    add("--cores", type=_amount, help="cores of the machine, if it is no EC2 one")
    add("--memory-gib", type=_amount, default=0.0, help="its memory")
    add("--site", choices=("local", "cluster"), default="local", help="where it stands")
    add("--price", type=_amount, help="its price per hour")
    add("--currency", default="USD")
    add("--unit", action="append", default=[], metavar="NAME=NUMBER", help="a unit of work that the run did")
    add("--stored", type=_amount, nargs=2, metavar=("GB", "DAYS"), help="what is kept in S3, and for how long")
    add("--facts", type=Path, default=FOLDER, help="folder of the tables")
    return parser


def _amount(word: str) -> float:
    value = float(word)
    if not 0 <= value < 1e15:
        raise argparse.ArgumentTypeError(f"{word} must be finite and not negative")
    return value


def _unit(word: str) -> tuple[str, float]:
    name, _, number = word.rpartition("=")
    try:
        return name, _amount(number)
    except (ValueError, argparse.ArgumentTypeError):
        raise FootprintError(f"--unit {word} must be NAME=NUMBER, such as sample=24.") from None


if __name__ == "__main__":
    sys.exit(main())
