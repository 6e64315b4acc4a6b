"""What has been paid for imagery: a ledger beside the store that keeps a region within its budget.

One line per thing paid for, named by its content, so that nothing counts twice: not after a killed job, not where two
jobs ask for the same. Jobs that run side by side share it: through SQLite's locks in a folder, and in S3 because a
changed ledger only takes the place of the one it was made from.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from kilnscan.config_imagery import Imagery
from kilnscan.errors import ImageryError
from kilnscan.store import Store

LEDGER = "spending.sqlite"
WAIT_S = 60.0
TABLE = "create table if not exists paid (thing text primary key, region text not null, price real not null)"


@dataclass(frozen=True)
class Purse:
    """What a region may spend, and the ledger of what it has."""

    store: Store
    region: str
    budget: float | None
    currency: str

    @classmethod
    def of(cls, config: Imagery, store: Store, region: str) -> "Purse | None":
        """The purse of a region; None where imagery costs nothing."""
        if not (config.price_per_km2 or config.price_per_1000_requests):
            return None
        return cls(store, region, config.budget, config.currency)

    def spent(self) -> float:
        """What the region has paid so far."""
        return self.store.change(LEDGER, self._read) if self.store.present([LEDGER]) else 0.0

    def pay(self, charges: Mapping[str, float]) -> None:
        """Write down what things cost that were not paid before, all or none, before they are fetched.

        Raises ImageryError if the region would have paid more than its budget.
        """
        self.store.change(LEDGER, lambda file: self._write(file, charges))

    def _read(self, file: Path) -> float:
        with closing(_open(file)) as ledger:
            return self._sum(ledger)

    def _write(self, file: Path, charges: Mapping[str, float]) -> None:
        with closing(_open(file)) as ledger, ledger:
            ledger.execute("begin immediate")
            before = self._sum(ledger)
            rows = [(thing, self.region, price) for thing, price in sorted(charges.items())]
            ledger.executemany("insert or ignore into paid values (?, ?, ?)", rows)
            after = self._sum(ledger)
            if self.budget is not None and after > self.budget + 1e-9 and after > before:
                ledger.rollback()
                raise ImageryError(
                    f"The budget of {self.budget:.2f} {self.currency} would be passed: {before:.2f} are spent, and the "
                    f"next chips cost {after - before:.2f}. Nothing of them was fetched, and what was bought is kept: "
                    "raise `imagery.budget` or `screen.threshold` and run again (`snakemake plan` tells the whole sum)."
                )

    def _sum(self, ledger: sqlite3.Connection) -> float:
        (total,) = ledger.execute("select coalesce(sum(price), 0) from paid where region = ?", [self.region]).fetchone()
        return float(total)


def _open(file: Path) -> sqlite3.Connection:
    ledger = sqlite3.connect(file, timeout=WAIT_S, isolation_level=None)
    ledger.execute(TABLE)
    return ledger
