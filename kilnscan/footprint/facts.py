"""Tables of the outside world: machines and their prices, watts, what making them emitted, electricity."""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from .ranges import Range, exactly, spanning

FOLDER = Path(__file__).parents[2] / "facts"
SIZES = {"medium": 1, "large": 2, "xlarge": 4}
"""vCPUs of a family's sizes; Nxlarge has N times an xlarge's."""
LARGEST_TABLE = 1 << 20


class FootprintError(ValueError):
    """A table, file or assumption cannot be used."""


@dataclass(frozen=True)
class Machine:
    """A kind of machine. None: not known."""

    name: str
    vcpu: float
    mem_gib: float
    idle_w: float | None = None
    """Watts of an idle vCPU, and `busy_w` of a busy one."""
    busy_w: float | None = None
    gpu: str = ""
    gpu_w: Range | None = None
    """Of the GPU, idle and busy."""
    on_demand: float | None = None
    """US dollars (or what the user counts in) per hour, and `spot` the range seen."""
    spot: Range | None = None
    server_kg: Range | None = None
    """kg CO2e of making the whole server, of which this machine is a part by its vCPUs."""
    server_vcpu: float | None = None
    proxy: str = ""
    """Whose watts its are, if the source did not measure this processor."""

    def price(self, spot: bool | None) -> Range | None:
        """Per hour; from Spot's least to the list price if it is not known whether it was Spot.

        A machine of one's own, which has no name, has one price.
        """
        if self.on_demand is None or spot is False or not self.name:
            return None if self.on_demand is None else exactly(self.on_demand)
        if self.spot is None:
            return None if spot else exactly(self.on_demand)
        return self.spot if spot else Range(self.spot.low, self.on_demand)


@dataclass(frozen=True)
class Facts:
    """All tables. Raises FootprintError if one is missing or holds what is no number."""

    folder: Path = FOLDER
    constants: dict[str, Range] = field(init=False)
    grid: dict[str, Range] = field(init=False)
    _tables: dict[str, list[dict[str, str]]] = field(init=False, repr=False)
    _known: dict[str, Machine | None] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        names = ("instances", "power", "embodied", "grid_intensity", "footprint")
        tables = {name: read_table(Path(self.folder) / f"{name}.csv") for name in names}
        constants = {row["name"]: Range(_number(row, "low"), _number(row, "high")) for row in tables["footprint"]}
        places: dict[str, list[float]] = {}
        for row in tables["grid_intensity"]:
            places.setdefault(row["place"], []).append(_number(row, "g_per_kwh"))
        grid = {place: spanning(values) for place, values in places.items()}
        for name, value in (("_tables", tables), ("constants", constants), ("grid", grid)):
            object.__setattr__(self, name, value)
        for row in tables["instances"]:
            self.machine(row["instance"])

    @property
    def families(self) -> list[str]:
        """Families without a GPU whose price is known, in the order of the table."""
        priced = [row for row in self._tables["instances"] if not row["gpu"]]
        return list(dict.fromkeys(row["instance"].partition(".")[0] for row in priced))

    def machine(self, name: str) -> Machine | None:
        """A kind of machine by its name, in proportion where another size of its family is known; None: unknown."""
        if name not in self._known:
            self._known[name] = self._machine(name)
        return self._known[name]

    def _machine(self, name: str) -> Machine | None:
        family, _, size = name.partition(".")
        priced = self._priced(name)
        made = next((row for row in self._tables["embodied"] if row["family"] == family), None)
        vcpu = _vcpu(size)
        if vcpu is None or (priced is None and (made is None or made["gpu"])):
            return None
        if priced:
            factor = vcpu / _number(priced, "vcpu")
            memory = _number(priced, "mem_gib") * factor
            on_demand = _number(priced, "on_demand") * factor
            spot = Range(_number(priced, "spot_low") * factor, _number(priced, "spot_high") * factor)
        else:
            memory = _number(made, "platform_mem_gib") * vcpu / _number(made, "platform_vcpu")
            on_demand, spot = None, None
        gpu = priced["gpu"] if priced else ""
        power = self._power("cpu", made["cpu"]) if made else None
        gpu_power = self._power("gpu", gpu) if gpu else None
        return Machine(
            name, vcpu, memory,
            idle_w=power and _number(power, "idle_w"), busy_w=power and _number(power, "busy_w"),
            gpu=gpu, gpu_w=gpu_power and Range(_number(gpu_power, "idle_w"), _number(gpu_power, "busy_w")),
            on_demand=on_demand, spot=spot,
            server_kg=self._server_kg(made) if made else None,
            server_vcpu=_number(made, "platform_vcpu") if made else None,
            proxy=", ".join(row["proxy_of"] for row in (power, gpu_power) if row and row["proxy_of"]),
        )  # fmt: skip

    def unknown_machine(self, cores: float, memory_gib: float, price: float | None = None) -> Machine:
        """A machine of which only cores and memory are known: watts of servers in general."""
        power = self._power("cpu", "any")
        idle, busy, proxy = _number(power, "idle_w"), _number(power, "busy_w"), power["proxy_of"]
        return Machine("", cores, memory_gib, idle_w=idle, busy_w=busy, on_demand=price, proxy=proxy)

    def rows(self) -> list[dict[str, str]]:
        """The constants with their sources, for a report."""
        return self._tables["footprint"]

    def _priced(self, name: str) -> dict[str, str] | None:
        """The line of a machine, or of another size of its family if that has no GPU."""
        rows = self._tables["instances"]
        family = name.partition(".")[0]
        same = (row for row in rows if row["instance"] == name)
        other = (row for row in rows if row["instance"].startswith(f"{family}.") and not row["gpu"])
        return next(same, None) or next(other, None)

    def _power(self, kind: str, name: str) -> dict[str, str] | None:
        rows = self._tables["power"]
        return next((row for row in rows if (row["kind"], row["name"]) == (kind, name)), None)

    def _server_kg(self, row: dict[str, str]) -> Range | None:
        """kg of making a server: from its parts (CCF's formula) and by CCF's list, whichever are known."""
        known = [_number(row, "list_kg")] if row["list_kg"] else []
        if row["cpus"]:
            base, cpu, memory, ssd, gpu = (
                self.constants[f"embodied_{part}"].low for part in ("base", "cpu", "memory", "ssd", "gpu")
            )
            more = cpu * (_number(row, "cpus") - 1) + memory * (_number(row, "platform_mem_gib") - 16)
            known.append(base + more + ssd * _number(row, "ssd") + gpu * _number(row, "gpus"))
        return spanning(known) if known else None


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file with comments. Raises FootprintError if it cannot be read."""
    try:
        if path.stat().st_size > LARGEST_TABLE:
            raise FootprintError(f"The table {path} is larger than any of ours: name the right folder.")
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        return list(csv.DictReader(lines, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FootprintError(f"The table {path} cannot be read: {error}.") from error


def _number(row: dict[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except (KeyError, TypeError, ValueError):
        raise FootprintError(f"Column {column} of the facts holds no number in the line {row}.") from None
    if not math.isfinite(value) or value < 0:
        raise FootprintError(f"Column {column} of the facts must be finite and not negative in the line {row}.")
    return value


def _vcpu(size: str) -> int | None:
    if size in SIZES:
        return SIZES[size]
    number = size.removesuffix("xlarge")
    return int(number) * SIZES["xlarge"] if number.isdecimal() and size.endswith("xlarge") and len(number) < 4 else None
