"""What high-resolution imagery costs and how it may be ordered: facts/imagery_prices.csv or the user's own table."""

import csv
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kilnscan.errors import ConfigError
from kilnscan.lattice import CHIP_M

TABLE = Path(__file__).parent.parent / "facts" / "imagery_prices.csv"
CHIP_KM2 = CHIP_M**2 / 1e6
LARGEST_TABLE = 1 << 20  # bytes

# an empty cell says nothing of a limit
Limit = BeforeValidator(lambda cell: cell or None)


class Product(BaseModel):
    """One line of the table: imagery sold by the square kilometre."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    product: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    title: str = Field(max_length=200)
    resolution_m: float = Field(gt=0, le=30)
    price_per_km2: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    min_km2: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    """A smaller order is charged as one of this size."""
    max_km2: Annotated[float | None, Limit] = Field(None, gt=0.1)
    max_vertices: Annotated[int | None, Limit] = Field(None, ge=4)
    source: str = Field(max_length=500)
    read_on: date

    def cost(self, chips: int) -> float:
        """Price of an order of so many chips (160 m squares)."""
        return self.price_per_km2 * max(chips * CHIP_KM2, self.min_km2)


def read_prices(path: str | Path | None, wanted: list[str]) -> list[Product]:
    """The products of a table (None: the shipped one), those `wanted` or all.

    Raises ConfigError if the table is missing or wrong, or has no such product.
    """
    table = Path(path or TABLE)
    try:
        if table.stat().st_size > LARGEST_TABLE:
            raise ConfigError(f"The price table {table} is larger than any: check `plan.prices`.")
        with table.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"The price table {table} cannot be read: {error}. Check `plan.prices`.") from error
    products = {}
    for number, row in enumerate(rows, 2):
        product = _product(row, table, number)
        if product.product in products:
            raise ConfigError(f"Line {number} of the price table {table} names {product.product} again.")
        products[product.product] = product
    unknown = [name for name in wanted if name not in products]
    if unknown or not products:
        raise ConfigError(
            f"`plan.products` names {', '.join(unknown) or 'nothing'}, and the price table {table} holds "
            f"{', '.join(products) or 'no product'}: check the spelling."
        )
    return [products[name] for name in wanted or products]


def _product(row: dict[str, Any], table: Path, number: int) -> Product:
    try:
        return Product.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"Line {number} of the price table {table}, column {place}: {first['msg']}.") from None
