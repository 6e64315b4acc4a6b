"""The configuration of the cost report: what is supposed of machines that do not say what they are."""

from pydantic import Field, field_validator

from kilnscan.config_parts import Section


class Footprint(Section):
    """`snakemake footprint`: what the run cost in hours, money, energy and CO2e."""

    instance: str = Field(
        "", pattern=r"^([a-z0-9-]+\.[a-z0-9]+)?$",
        description="EC2 type as which jobs count that ran on no known one, such as c7g.2xlarge.",
    )  # fmt: skip
    spot: bool | None = Field(
        None, description="Whether that type is counted as Spot; from Spot's price to the list price if empty."
    )
    grid: str = Field(
        "", pattern=r"^[A-Za-z0-9-]*$",
        description="Where its electricity comes from: an AWS region or a zone in facts/grid_intensity.csv.",
    )  # fmt: skip
    g_per_kwh: tuple[float, float] | None = Field(
        None, description="Least and most g CO2e per kWh there, if you know better."
    )
    pue: tuple[float, float] | None = Field(
        None, description="Least and most overhead of the data centre (power usage effectiveness), if you know it."
    )
    price_per_hour: float | None = Field(
        None, ge=0, le=1e6, allow_inf_nan=False, description="What an hour of your own machine costs you, in USD."
    )
    retention_days: float = Field(
        0, ge=0, le=36_525, description="How long results are kept in S3; 0: their storage is not counted."
    )
    regions: list[str] = Field(
        ["us-west-2", "us-east-1", "eu-north-1", "ap-south-1"],
        max_length=20,
        description="AWS regions of the what-if table.",
    )

    @field_validator("g_per_kwh", "pue")
    @classmethod
    def _in_order(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value and not 0 <= value[0] <= value[1] < 1e6:
            raise ValueError("write the least and then the most, neither negative")
        return value
