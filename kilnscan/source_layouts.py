"""What the tables of other pollution sources call their columns, units and statuses.

Names of columns are compared by their letters and digits only (`key`), so that case, spaces, byte order marks and signs
do not matter. They were read from the publishers' own files and data dictionaries in November 2026: Global Energy
Monitor's trackers (plants, units and mines), Climate TRACE's emissions by source, APAD's asset tables, and WRI's Global
Power Plant Database with its raw tables by country.
"""

import unicodedata
from dataclasses import dataclass, field

POLLUTANTS = ("pm25", "so2", "nox", "co", "bc", "co2")
EMISSIONS = tuple(f"{pollutant}_t" for pollutant in POLLUTANTS)
TEXTS = ("id", "name", "kind", "fuel", "status", "capacity_unit", "owner", "country", "state")
MASS_T = {"t": 1.0, "kt": 1e3, "kg": 1e-3}
"""Tonnes in the units that keys of `columns` may end in: pm25_t, pm25_kt, pm25_kg."""

FIELDS = (*TEXTS, "lat", "lon", "coordinates", "capacity", "year", "plant", "unit")
"""What `columns` may map, besides emissions. `plant` is the id that units of one plant share, `unit` a unit's own."""


@dataclass(frozen=True)
class Layout:
    """Columns of one publisher: for each field of ours the names that it goes by, the preferred one first."""

    columns: dict[str, tuple[str, ...]]
    kind: str = "other"
    required: tuple[str, ...] = ()
    """Fields without which the file is another one."""
    infer_emissions: bool = False
    """Whether emission columns may come without unit, to be found from factor and activity."""
    scales: dict[str, float] = field(default_factory=dict)
    """Tonnes in the unit of an emission column that names its own, by `key`."""


_PLAIN = {
    "lat": ("lat", "latitude", "y"), "lon": ("lon", "lng", "long", "longitude", "x"), "id": ("id",), "name": ("name",),
    "kind": ("kind", "type"), "fuel": ("fuel",), "status": ("status",), "capacity": ("capacity",),
    "capacity_unit": ("capacity_unit",), "owner": ("owner",), "country": ("country",), "state": ("state", "region"),
    "year": ("year",),
}  # fmt: skip

LAYOUTS = {
    "columns": Layout(_PLAIN),
    "apad": Layout(
        _PLAIN
        | {
            "capacity": ("capacity", "capacity_power", "capacity_tonnes"),
            "capacity_unit": ("units", "capacity_unit"),
            "name": ("name", "Name of Enterprise"),
        },
        infer_emissions=True,
    ),
    "wri": Layout(
        {
            "id": ("gppd_idnr", "Power Plant ID"), "name": ("name",), "fuel": ("primary_fuel", "Fuel"),
            "status": ("Operational Status",), "capacity": ("capacity_mw", "Capacity (MW)"), "owner": ("owner",),
            "country": ("country",), "lat": ("latitude",), "lon": ("longitude",),
            "year": ("commissioning_year", "Commissioning Date"), "plant": ("Power Plant ID",), "unit": ("name",),
        },
        kind="power",
        required=("id", "capacity"),
    ),
    "gem": Layout(
        {
            "id": ("GEM location ID", "GEM plant ID", "GEM mine ID", "GEM Asset ID", "Plant ID", "Steel Plant ID",
                   "GEM unit/phase ID", "GEM unit ID"),
            "plant": ("GEM location ID", "GEM plant ID", "GEM mine ID", "GEM Asset ID", "Plant ID", "Steel Plant ID"),
            "unit": ("GEM unit/phase ID", "GEM unit ID", "GEM phase ID"),
            "name": ("Plant name", "Plant / Project name", "Plant name (English)", "GEM Asset name (English)",
                     "Asset name (English)", "Mine Name", "Project name"),
            "kind": ("Type",), "fuel": ("Fuel", "Coal type", "Fuel type"),
            "status": ("Status", "Operating status", "Capacity operating status"),
            "capacity": ("Capacity (MW)", "Capacity (Mtpa)", "Cement Capacity (millions metric tonnes per annum)",
                         "Nominal crude steel capacity (ttpa)"),
            "owner": ("Owner", "Owner(s)", "Owners", "Owner name (English)"),
            "country": ("Country/Area", "Country"),
            "state": ("Subnational unit (province, state)", "Subnational unit", "Subnational unit (province/state)",
                      "State, Province", "State/Province", "Subnational", "Province"),
            "lat": ("Latitude",), "lon": ("Longitude",), "coordinates": ("Coordinates",),
            "year": ("Start year", "Start date", "Opening Year", "Year"),
            "co2_t": ("Annual CO2 (million tonnes / annum)", "Annual CO2 (million tonnes)"),
        },
        required=("id", "name"),
        scales={"annualco2milliontonnesannum": 1e6, "annualco2milliontonnes": 1e6},
    ),
    "climate-trace": Layout(
        {
            "id": ("source_id", "asset_id"), "name": ("source_name", "asset_name"),
            "kind": ("subsector", "sub_sector", "original_inventory_sector", "sector"),
            "fuel": ("source_type", "asset_type"), "country": ("iso3_country",), "lat": ("lat", "latitude"),
            "lon": ("lon", "longitude"), "capacity": ("capacity",),
            "capacity_unit": ("capacity_units", "capacity_unit"), "owner": ("owner", "parent_name"),
            "gas": ("gas",), "quantity": ("emissions_quantity",),
            "quantity_unit": ("emissions_unit", "emissions_quantity_units", "emissions_quantity_unit"),
            "start": ("start_time", "start_date"), "end": ("end_time", "end_date"),
        },
        required=("name", "gas", "quantity", "start", "end"),
    ),
}  # fmt: skip

GASES = {"pm25": "pm25", "so2": "so2", "nox": "nox", "co": "co", "bc": "bc", "co2": "co2"}
"""Climate TRACE's names of what we take over, by `key`; its other gases are read and left."""

EMISSION_UNITS_T = {
    "t": 1.0, "tonne": 1.0, "tonnes": 1.0, "metrictonnes": 1.0, "metrictons": 1.0, "tyr": 1.0, "tpa": 1.0,
    "tonnesyr": 1.0, "tonnesyear": 1.0, "kt": 1e3, "ktyr": 1e3, "kilotonnes": 1e3, "gg": 1e3, "kg": 1e-3, "kgyr": 1e-3,
    "kilograms": 1e-3, "g": 1e-6,
}  # fmt: skip
"""Tonnes in units of emissions, by `key`. `Mt` and `mt` are not told apart by it and therefore not in it."""

CAPACITY_UNITS = {
    "mw": "MW", "gw": "GW", "kw": "kW", "mtpa": "Mt/yr", "millionsmetrictonnesperannum": "Mt/yr", "milliontonnes": "Mt",
    "ttpa": "kt/yr", "tpa": "t/yr", "tyr": "t/yr", "tonnes": "t", "t": "t", "tpd": "t/day", "bpd": "bbl/day",
}  # fmt: skip
"""Our spelling of units of capacity, by `key` of theirs."""

STATUSES = {
    "operational": "operating", "active": "operating", "in operation": "operating", "open": "operating",
    "operating preretirement": "operating", "under construction": "construction", "test operation": "operating",
    "in development": "planned", "preconstruction": "planned", "prepermit": "planned", "permitted": "planned",
    "announced": "planned", "proposed": "planned", "idle": "mothballed", "mothballed preretirement": "mothballed",
    "closed": "retired", "decommissioned": "retired", "abandoned": "retired", "canceled": "cancelled",
    "shelved inferred 2 y": "shelved", "cancelled inferred 4 y": "cancelled", "operating status": "", "status": "",
    "unknown": "", "not found": "", "na": "", "none": "", "nan": "",
}  # fmt: skip
"""Our word for a status, by theirs in letters, digits and single spaces; `operating_status` is a slipped heading."""

STATUS_ORDER = ("operating", "mothballed", "construction", "planned", "shelved", "retired", "cancelled")
"""A plant has the status of that unit of it which comes first here."""


def key(name: str) -> str:
    """Letters and digits of a name, without case and accents."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in letters if letter.isalnum())
