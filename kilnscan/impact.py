"""What the kilns of a region do: where they lie, what they emit, who is near, which rules they keep; sums by area."""

from typing import Any

import geopandas as gpd
import pandas as pd

from kilnscan.areas import COLUMNS, add_areas, area_keys, area_table, read_areas
from kilnscan.config_impact import Areas, Emissions, Exposure, Siting
from kilnscan.emissions import EmissionModel, add_emissions, count_kilns, factor_sets, sum_emissions
from kilnscan.exposure import add_exposure, exposure_by_area, people_near
from kilnscan.siting import check_siting
from kilnscan.siting_rules import read_rules


def assess(
    kilns: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, config: dict[str, Any]
) -> tuple[gpd.GeoDataFrame, pd.DataFrame, gpd.GeoDataFrame, dict[str, Any]]:
    """The kilns with all that is known of them, the table of rules and kilns, that of areas, and facts of the region.

    Tables are in EPSG:4326; `coverage` is the ledger of tiles; `config` holds the sections exposure, areas, emissions
    and siting. The facts are: `emissions` of all kilns (tonnes a year, ranges summed draw by draw), `people` near any
    kiln, each once, `factors` (the sets drawn from), and `notes`, sentences on what of the users' files was left out.
    """
    exposure, siting = Exposure.model_validate(config["exposure"]), Siting.model_validate(config["siting"])
    emissions = Emissions.model_validate(config["emissions"])
    named = Areas.model_validate(config["areas"]) if config["areas"] else None
    model = EmissionModel.of(emissions)
    areas, notes = read_areas(named) if named else (None, [])
    kilns = add_areas(kilns, areas)
    kilns = add_exposure(add_emissions(kilns, emissions, model), exposure)
    kilns, checked = check_siting(kilns, siting, exposure, read_rules(siting.rules))
    total = sum_emissions(count_kilns(kilns, ["region"] * len(kilns)), emissions, model)
    facts: dict[str, Any] = {
        "emissions": total.astype(object).where(total.notna(), None).to_dict("records"),
        "people": people_near(kilns, exposure),
        "factors": factor_sets(emissions),
        "notes": notes,
    }
    if named is None or areas is None:
        return kilns, checked, no_areas(), facts
    at = area_keys(areas, kilns)
    sums = [
        sum_emissions(count_kilns(kilns[at >= 0], at[at >= 0]), emissions, model),
        exposure_by_area(kilns, areas, exposure),
    ]
    table, said = area_table(areas, kilns, coverage, sums, named.tables)
    return kilns, checked, table, {**facts, "notes": [*notes, *said]}


def no_areas() -> gpd.GeoDataFrame:
    """The table of areas of a region without any."""
    return gpd.GeoDataFrame({name: pd.Series([], dtype="str") for name in COLUMNS}, geometry=[], crs=4326)
