"""What the map tells that several layers know together: change of kilns, kilns no longer found, estimates of areas."""

import geopandas as gpd
import pandas as pd

from kilnscan.areas import COLUMNS, add_areas

MOVED = "moved"
ESTIMATES = {
    "kilns": "estimated",
    "kilns_low": "estimated_low",
    "kilns_high": "estimated_high",
    "basis": "estimated_basis",
}
"""Columns of estimates that areas take over, and what they are called there."""


def with_change(kilns: gpd.GeoDataFrame, change: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Kilns with what became of them: `change`, `change_reason`, `type_before` and `moved_m` where these differ.

    `change` has a row per kiln of any season (kilnscan.change.compare). Without it kilns stay as they are.
    """
    if change is None:
        return kilns
    told = pd.DataFrame(change.drop(columns="geometry")).drop_duplicates("id").set_index("id").reindex(kilns["id"])
    texts = told[["status", "reason", "type_before"]].astype(object).where(told["status"].notna(), "")
    differs = (told["type_before"] != told["type"]).to_numpy()
    return kilns.assign(
        change=texts["status"].to_numpy(),
        change_reason=texts["reason"].to_numpy(),
        type_before=texts["type_before"].where(differs, "").to_numpy(),
        moved_m=told["moved_m"].where(told["status"] == MOVED).to_numpy(float),
    )


def gone(
    change: gpd.GeoDataFrame | None, kilns: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None
) -> pd.DataFrame | None:
    """Kilns of earlier atlases that are not among `kilns`: `change` is gone or uncertain; None if there are none.

    Columns as those of kilns, so that the same filters apply: type and score are those of the last atlas that has the
    kiln, places (lon, lat in degrees) where it was, country, state and area those of `areas`.
    """
    if change is None:
        return None
    rows = change[~change["id"].isin(kilns["id"]) & ~(change.geometry.is_empty | change.geometry.isna())]
    if rows.empty:
        return None
    told = {"change": "status", "type": "type_before", "score": "score_before"}
    told |= {name: name for name in ("id", "first_seen", "last_seen", "last_found", "reason")}
    table = pd.DataFrame({name: rows[column].to_numpy() for name, column in told.items()})
    table = table.assign(lon=rows.geometry.x.to_numpy(), lat=rows.geometry.y.to_numpy())
    known = areas is not None and set(COLUMNS) <= set(areas.columns)
    return add_areas(table, areas if known else None)


def with_estimates(areas: gpd.GeoDataFrame | None, estimates: pd.DataFrame | None) -> gpd.GeoDataFrame | None:
    """Areas with the estimated number of kilns, its 95 % interval and what that rests on; NaN where nothing is said."""
    if areas is None or estimates is None:
        return areas
    rows = pd.DataFrame(estimates[[*COLUMNS, *ESTIMATES]]).drop_duplicates(COLUMNS).rename(columns=ESTIMATES)
    joined = pd.DataFrame(areas[COLUMNS]).merge(rows, how="left", on=COLUMNS, validate="many_to_one")
    return areas.assign(**{name: joined[name].to_numpy() for name in ESTIMATES.values()})
