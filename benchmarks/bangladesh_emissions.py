"""What the APAD inventory says that Bangladesh's kilns emit, what its factors give per brick and per kg, and ours.

    .venv/bin/python benchmarks/bangladesh_emissions.py --data ../shared/data/kiln_inventories

Reads apad_bangladesh.csv (APAD2024/APAD-Asset-Data): `capacity` in bricks a day, `emfpm25` and so on in g, `pm25` and
so on as APAD computed them. Finds out what APAD's own column is (capacity times factor in which unit), says whether the
factor looks like one per brick, and recomputes both readings with units. Prints Markdown.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from kilnscan.config_impact import Emissions
from kilnscan.emission_factors import ANY, UNITS, find, looks_per_brick, read_activity
from kilnscan.emissions import sum_emissions

DAYS = UNITS.Quantity(215, "day/year")  # APAD's season, as our notes tell
TYPES = {"ZZ": "zigzag"}
PUBLISHED = [
    ("Greater Dhaka, 1,000 kilns (Guttikunda 2014)", {"pm25": 23_300, "so2": 15_500}),
    ("South Asia, all kilns (Weyant et al. 2014)", {"pm25": 190_000}),
    ("Bangladesh as its share of South Asia's bricks, 33 of 310 billion, times Weyant (derived)", {"pm25": 20_200}),
    ("4,760 kilns at the 4.27 t of a mean kiln of the Stanford trial (derived)", {"pm25": 20_300}),
]


def numbers(column: pd.Series) -> np.ndarray:
    """Numbers that may carry thousands separators."""
    return pd.to_numeric(column.astype(str).str.replace(",", "", regex=False)).to_numpy("float64")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with apad_bangladesh.csv")
    table = pd.read_csv(Path(parser.parse_args().data) / "apad_bangladesh.csv", dtype=str)
    capacity = UNITS.Quantity(numbers(table["capacity"]), "brick/day")
    half = np.array(0.5)
    mass = find(read_activity(), "brick_mass", ANY, ANY).quantile(half)
    kinds = table["type"].replace(TYPES).value_counts().sort_index()
    counts = pd.DataFrame({"group": "all", "type": kinds.index, "country": "BGD", "kilns": kinds.to_numpy()})
    ours = sum_emissions(counts, Emissions()).iloc[0]
    rows: dict[str, dict[str, str]] = {}
    for pollutant in ("pm25", "so2"):
        factor, own = numbers(table[f"emf{pollutant}"]), numbers(table[pollutant])
        readings = {
            "g/brick": UNITS.Quantity(factor, "g/brick") * capacity,
            "g/kg_brick": UNITS.Quantity(factor, "g/kg_brick") * mass * capacity,
        }
        fits = [name for name, read in readings.items() if np.allclose(read.to("tonne/day").magnitude, own, rtol=0.02)]
        print(f"{pollutant}: APAD's column sums to {own.sum():,.1f}: t a day, its factor read as {' or '.join(fits)}.")
        print(f"{pollutant}: {looks_per_brick(float(np.median(factor)), pollutant) or 'the factor may be per kg'}.\n")
        rows.setdefault("APAD's own column times 215 days", {})[pollutant] = f"{own.sum() * DAYS.magnitude:,.0f}"
        for unit, read in readings.items():
            tonnes = (read * DAYS).to("tonne/year").magnitude.sum()
            rows.setdefault(f"APAD's factor and capacity, read as {unit}", {})[pollutant] = f"{tonnes:,.0f}"
        middle, low, high = (ours[f"{pollutant}_t{end}"] for end in ("", "_low", "_high"))
        rows.setdefault("kilnscan: median (95 % range)", {})[pollutant] = f"{middle:,.0f} ({low:,.0f} to {high:,.0f})"
    for name, told in PUBLISHED:
        rows[name] = {pollutant: f"{tonnes:,.0f}" for pollutant, tonnes in told.items()}
    print(f"{len(table):,} kilns: {', '.join(f'{number:,} {kind}' for kind, number in kinds.items())}\n")
    print("| tonnes a year | PM2.5 | SO2 |\n|---|---|---|")
    for name, told in rows.items():
        print(f"| {name} | {told.get('pm25', '')} | {told.get('so2', '')} |")


if __name__ == "__main__":
    main()
