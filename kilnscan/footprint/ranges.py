"""A number that is known within bounds."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, neither negative: sums and products go bound by bound."""

    low: float
    high: float

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, other: "Range | float") -> "Range":
        factor = other if isinstance(other, Range) else Range(other, other)
        return Range(self.low * factor.low, self.high * factor.high)

    def __truediv__(self, other: "Range | float") -> "Range":
        divisor = other if isinstance(other, Range) else Range(other, other)
        return Range(self.low / divisor.high, self.high / divisor.low)

    def pair(self) -> list[float]:
        """Both bounds, as JSON has them, to six digits."""
        return [float(f"{value:.6g}") for value in (self.low, self.high)]


def exactly(value: float) -> Range:
    """A number that is known."""
    return Range(value, value)


def spanning(values: Iterable[float]) -> Range:
    """From the least to the most of `values`, of which there must be one."""
    known = sorted(values)
    return Range(known[0], known[-1])


def summed(ranges: Iterable["Range | None"]) -> Range | None:
    """The sum of what is known; None if nothing is."""
    known = [one for one in ranges if one is not None]
    return sum(known, Range(0.0, 0.0)) if known else None
