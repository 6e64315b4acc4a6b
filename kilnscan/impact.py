"""What the kilns of a region do: where they lie, what they emit, who is near, which rules they keep; sums by area."""

from typing import Any

import geopandas as gpd
import pandas as pd

from kilnscan.areas import add_areas, area_keys, area_table, read_areas
from kilnscan.config_impact import Areas, Emissions, Exposure, Siting
from kilnscan.emissions import EmissionModel, add_emissions, count_kilns, factor_sets, sum_emissions
from kilnscan.exposure import add_exposure, people_near
from kilnscan.siting import check_siting
from kilnscan.siting_rules import read_rules

NO_AREAS = gpd.GeoDataFrame({"area": [], "state": [], "country": []}, geometry=[], crs=4326)


def assess(
    kilns: gpd.GeoDataFrame, config: dict[str, Any]
) -> tuple[gpd.GeoDataFrame, pd.DataFrame, gpd.GeoDataFrame, dict[str, Any]]:
    """The kilns with all that is known of them, the table of rules and kilns, that of areas, and facts of the region.

    `kilns` and the results are in EPSG:4326; `config` holds the sections exposure, areas, emissions and siting. The
    facts are: `emissions` of all kilns (tonnes a year, ranges summed draw by draw), `people` near any kiln, each once,
    `factors` (the sets drawn from), and `notes`, sentences on what of the users' tables was left out.
    """
    exposure, siting = Exposure.model_validate(config["exposure"]), Siting.model_validate(config["siting"])
    emissions, named = Emissions.model_validate(config["emissions"]), config["areas"]
    model = EmissionModel.of(emissions)
    areas = read_areas(Areas.model_validate(named)) if named else None
    kilns = add_areas(kilns, areas)
    kilns = add_exposure(add_emissions(kilns, emissions, model), exposure)
    kilns, checked = check_siting(kilns, siting, exposure, read_rules(siting.rules))
    total = sum_emissions(count_kilns(kilns, ["region"] * len(kilns)), emissions, model)
    facts: dict[str, Any] = {
        "emissions": total.astype(object).where(total.notna(), None).to_dict("records"),
        "people": people_near(kilns, exposure),
        "factors": factor_sets(emissions),
        "notes": [],
    }
    if areas is None:
        return kilns, checked, NO_AREAS, facts
    at = area_keys(areas, kilns)
    sums = sum_emissions(count_kilns(kilns[at >= 0], at[at >= 0]), emissions, model)
    table, facts["notes"] = area_table(areas, kilns, sums, Areas.model_validate(named).tables)
    return kilns, checked, table, facts
