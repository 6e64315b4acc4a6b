"""What a Snakemake workflow cost: hours, money, energy and CO2e, from what is known of its jobs.

    python -m kilnscan.footprint benchmarks/ --instance c7g.2xlarge --grid us-west-2

Nothing in this folder imports the rest of kilnscan or anything that Python does not bring: with the tables in facts/
(instances, power, embodied, grid_intensity, footprint) it works in any workflow. A workflow hands over `Job`s, or the
files that `snakemake --benchmark-extended` writes. docs/footprint.md tells the formulas and what they leave out.
"""

from .facts import Facts, FootprintError, Machine
from .jobs import Job
from .model import Assumptions, Footprint, footprints
from .ranges import Range
from .totals import Total, total, what_if

__all__ = [
    "Assumptions",
    "Facts",
    "Footprint",
    "FootprintError",
    "Job",
    "Machine",
    "Range",
    "Total",
    "footprints",
    "total",
    "what_if",
]
