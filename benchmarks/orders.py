"""What orders cost, grouped in four ways, for the candidates of regions and for a sparse country.

    .venv/bin/python benchmarks/orders.py [--data FOLDER]

Runs `snakemake plan` for the demo and, with the folder of the Delhi imagery, for Delhi; then compares on the same
chips: one order per candidate; one per piece of connected land; whole squares as large as the smallest order, laid as a
grid; and kilnscan's orders. "least" is the price of the chips alone. The country is synthetic: 31,000 single windows
thrown on 600 x 600 km. Prices are those of facts/imagery_prices.csv. Prints a Markdown table.
"""

import argparse
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kilnscan.lattice import CHIP_M, chips_of_window
from kilnscan.orders import plan_orders
from kilnscan.plan import need_of
from kilnscan.prices import CHIP_KM2, Product, read_prices
from kilnscan.tables import read_table

ROOT = Path(__file__).parent.parent
EXTENT_KM = 20
Chips = dict[int, set[tuple[int, int]]]


def regions(data: str | None) -> Iterator[tuple[str, Chips, list[int]]]:
    """Name, chips by UTM zone and, for each candidate, how many chips it needs alone."""
    wanted = {"demo": []}
    if data:
        wanted["delhi"] = ["--configfile", "config/regions/delhi.yaml", "--config", f"data={data}"]
    for name, arguments in wanted.items():
        subprocess.run([sys.executable, "-m", "snakemake", "plan", "--nolock", *arguments], cwd=ROOT, check=True)
        paths = sorted((ROOT / "results" / name / "tiles").glob("*/candidates.parquet"))
        need = need_of([read_table(path) for path in paths], [], 1.0)
        yield name, need.chips, need.single
    places = np.random.default_rng(0).integers(0, round(600_000 / CHIP_M), (31_000, 2)).tolist()
    yield "sparse country", {0: {chip for i, j in places for chip in chips_of_window((i, j))}}, [4] * len(places)


def pieces(chips: Chips, product: Product) -> float:
    """Price of one order per piece of connected land."""
    alone = product.model_copy(update={"min_km2": 0.0})  # so that nothing is joined
    return sum(product.cost(len(order)) for cells in chips.values() for order in plan_orders(cells, alone, EXTENT_KM))


def squares(chips: Chips, product: Product) -> float:
    """Price of the touched squares of a grid, each as large as the smallest order."""
    side = max(1, math.ceil(math.sqrt(product.min_km2 / CHIP_KM2)))
    touched = {(epsg, i // side, j // side) for epsg, cells in chips.items() for i, j in cells}
    return len(touched) * product.cost(side * side)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the Delhi imagery and labels")
    arguments = parser.parse_args()
    print("| region | product | per candidate | per piece | grid | kilnscan | orders | least | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, chips, single in regions(arguments.data):
        for product in read_prices(None, []):
            begun = time.process_time()
            orders = [order for cells in chips.values() for order in plan_orders(cells, product, EXTENT_KM)]
            seconds = time.process_time() - begun
            prices = [
                sum(map(product.cost, single)),
                pieces(chips, product),
                squares(chips, product),
                sum(product.cost(len(order)) for order in orders),
            ]
            cells = [f"{price:,.0f}" for price in prices]
            least = product.cost(sum(map(len, chips.values())))
            print(
                f"| {name} | {product.product} | {' | '.join(cells)} | {len(orders)} | {least:,.0f} | {seconds:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
