"""Emissions are ranges of known units: per brick and per kg never mix, and sums are sums of draws."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pint
import pytest
import shapely
from scipy.stats import gamma

from kilnscan.config_impact import Emissions
from kilnscan.emission_factors import (
    POLLUTANTS,
    UNITS,
    find,
    looks_per_brick,
    per_brick,
    read_activity,
    read_factors,
    triangular,
)
from kilnscan.emissions import (
    COLUMNS,
    EmissionModel,
    add_emissions,
    count_kilns,
    factor_sets,
    round_significant,
    sum_emissions,
)
from kilnscan.errors import ConfigError

FACTORS = "set,kiln_type,pollutant,distribution,value,low,high,sd,unit,source,year,read_on,note"
ACTIVITY = "quantity,kiln_type,country,low,mode,high,unit,source,year,read_on,note"
TOLD = "a book,2020,2026-01-01,"
FIXED = [
    f"bricks,*,*,1e6,1e6,1e6,brick/year,{TOLD}",
    f"brick_mass,*,*,3,3,3,kg_brick/brick,{TOLD}",
    f"energy,*,*,1.2,1.2,1.2,MJ/kg_brick,{TOLD}",
    f"heat_value,*,*,20,20,20,MJ/kg_fuel,{TOLD}",
    f"variation,*,*,0,0,0,1,{TOLD}",
]


def written(path, head, lines):
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def config(tmp_path):
    """Factory of configurations with tables of these lines; `activity` lines replace those of the same quantity."""

    def make(*factors, activity=(), **other):
        replaced = {line.split(",")[0] for line in activity}
        lines = [*activity, *(line for line in FIXED if line.split(",")[0] not in replaced)]
        return Emissions(
            factors=written(tmp_path / "factors.csv", FACTORS, factors),
            activity=written(tmp_path / "activity.csv", ACTIVITY, lines),
            **{"draws": 2000, **other},
        )

    return make


def point(value, unit, name="a", kind="FCBK", pollutant="pm25"):
    return f"{name},{kind},{pollutant},point,{value},,,,{unit},{TOLD}"


def kilns(*kinds):
    table = pd.DataFrame(kinds, columns=["type", "country"]).astype("str")
    boxes = [shapely.box(-70.1, -33.1, -70, -33)] * len(table)  # the southern hemisphere is as good as any
    return gpd.GeoDataFrame(table, geometry=np.array(boxes, dtype=object), crs=4326)


def test_per_brick_and_per_kg_of_brick_do_not_mix():
    with pytest.raises(pint.DimensionalityError):
        UNITS.Quantity(6.8, "g/kg_brick").to("g/brick")
    with pytest.raises(pint.DimensionalityError):
        UNITS.Quantity(6.8, "g/brick") + UNITS.Quantity(6.8, "g/kg_brick")
    with pytest.raises(pint.DimensionalityError):
        (UNITS.Quantity(6.8, "g/kg_brick") * UNITS.Quantity(4e6, "brick/year")).to("tonne/year")
    with pytest.raises(pint.DimensionalityError):
        UNITS.Quantity(1, "kg_fuel").to("kg_brick")
    with pytest.raises(pint.DimensionalityError):
        per_brick(UNITS.Quantity(1, "g/m**2"), *(UNITS.Quantity(1, unit) for unit in ("kg_brick/brick",) * 3))


@pytest.mark.parametrize(
    ("value", "unit", "tonnes"),
    [
        (6.66, "g/brick", 6.66),  # x 1 million bricks
        (0.18, "g/kg_brick", 0.54),  # x 3 kg
        (0.25, "g/MJ", 0.9),  # x 1.2 MJ/kg x 3 kg
        (3.8, "g/kg_fuel", 0.684),  # / 20 MJ/kg of fuel x 1.2 MJ/kg x 3 kg
    ],
)
def test_a_factor_of_each_unit_gives_what_the_hand_computes(config, value, unit, tonnes):
    table = add_emissions(kilns(("FCBK", "IND")), config(point(value, unit)))
    assert table[["pm25_t_low", "pm25_t", "pm25_t_high"]].iloc[0].tolist() == pytest.approx([tonnes] * 3)
    assert table[["so2_t", "so2_t_low", "bc_t_high"]].isna().all(axis=None), "no factor is not no emission"


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    table = kilns(("FCBK", "IND"), ("zigzag", "BGD"), ("", ""), ("CFCBK", "PAK"))
    first, again = (add_emissions(table, Emissions()) for _ in range(2))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert (first[COLUMNS] != add_emissions(table, Emissions(seed=1))[COLUMNS]).any(axis=None)


def test_a_line_more_leaves_the_draws_of_other_types_alone(config):
    before = EmissionModel.of(config(point(1, "g/brick"))).kiln_draws("FCBK", "IND")["pm25"]
    after = EmissionModel.of(config(point(9, "g/brick", kind="zigzag"), point(1, "g/brick")))
    np.testing.assert_array_equal(before, after.kiln_draws("FCBK", "IND")["pm25"])


def test_shipped_ranges_are_ordered_and_hold_the_published_per_kiln_figures():
    table = add_emissions(kilns(("FCBK", "BGD"), ("zigzag", "IND"), ("", "NPL")), Emissions())
    for pollutant in POLLUTANTS:
        low, middle, high = (table[f"{pollutant}_t{end}"] for end in ("_low", "", "_high"))
        assert (low > 0).all() and (low < middle).all() and (middle < high).all()
    assert table["pm25_t_low"][0] < 1.3 < 20.1 < table["pm25_t_high"][0]


def test_sets_are_drawn_with_equal_weight(config):
    lines = [point(value, "g/brick", name) for name, value in (("a", 1), ("b", 10), ("c", 100))]
    draws = EmissionModel.of(config(*lines, draws=30_000)).kiln_draws("FCBK", "IND")["pm25"]
    values, counts = np.unique(draws.round(6), return_counts=True)
    assert values.tolist() == [1, 10, 100]
    assert counts / 30_000 == pytest.approx([1 / 3] * 3, abs=0.01)
    only = EmissionModel.of(config(*lines, sets=["b"])).kiln_draws("FCBK", "IND")["pm25"]
    assert only == pytest.approx(10)


def test_types_use_the_same_set_in_the_same_draw(config):
    lines = [point(v, "g/brick", s, k) for s, v in (("a", 1), ("b", 10)) for k in ("FCBK", "zigzag")]
    model = EmissionModel.of(config(*lines))
    straight, zigzag = (model.kiln_draws(kind, "IND")["pm25"] for kind in ("FCBK", "zigzag"))
    np.testing.assert_array_equal(straight, zigzag)


def test_distributions_keep_their_moments_and_limits(config):
    lines = [
        f"a,FCBK,pm25,lognormal,3.8,,,2.6,g/brick,{TOLD}",
        f"a,FCBK,so2,uniform,,12,19,,g/brick,{TOLD}",
        f"a,FCBK,co,triangular,258,208,316,,g/brick,{TOLD}",
    ]
    draws = EmissionModel.of(config(*lines, draws=100_000)).kiln_draws("FCBK", "")
    assert (draws["pm25"].mean(), draws["pm25"].std()) == pytest.approx((3.8, 2.6), rel=0.03)
    assert draws["so2"].min() >= 12 and draws["so2"].max() <= 19
    assert draws["co"].mean() == pytest.approx((258 + 208 + 316) / 3, rel=0.01)
    assert triangular(np.array([0, 0.5, 1]), 0, 1, 2).tolist() == [0, 1, 2]


def test_a_sum_of_kilns_is_a_sum_of_draws_not_of_quantiles():
    config = Emissions(draws=4000)
    model = EmissionModel.of(config)
    one = model.kiln_draws("FCBK", "IND")["pm25"]
    row = sum_emissions(pd.DataFrame({"group": ["x"], "type": "FCBK", "country": "IND", "kilns": [400]}), config).iloc[
        0
    ]
    low, high = np.percentile(one, [2.5, 97.5]) * 400
    assert low < row["pm25_t_low"] < row["pm25_t_high"] < high, "production of single kilns averages out"
    shared = np.percentile(model.mean_draws("FCBK", "IND")["pm25"] * 400, [2.5, 97.5])
    assert [row["pm25_t_low"], row["pm25_t_high"]] == pytest.approx(shared, rel=0.05), "but common factors do not"


def test_kilns_differ_by_their_own_production_as_told(config):
    activity = [f"variation,*,*,.5,.5,.5,1,{TOLD}"]
    model = EmissionModel.of(config(point(1, "g/brick"), activity=activity, draws=50_000))
    for number in (1, 4, 100):
        draws = model.kiln_draws("FCBK", "IND", number)["pm25"]
        assert draws.mean() == pytest.approx(number, rel=0.01)
        assert draws.std() == pytest.approx(0.5 * np.sqrt(number), rel=0.03)
        exact = gamma.ppf([0.025, 0.5, 0.975], number * 4, scale=0.25)
        assert np.percentile(draws, [2.5, 50, 97.5]) == pytest.approx(exact, rel=0.03)


def test_groups_of_mixed_kilns_equal_the_kilns_alone_and_do_not_depend_on_each_other(config):
    set_up = config(point(2, "g/brick"), point(1, "g/brick", kind="zigzag"))
    table = kilns(("FCBK", "IND"), ("zigzag", "IND"), ("zigzag", "BGD"), ("FCBK", "BGD"), ("FCBK", "IND"))
    counts = count_kilns(table, ["b", "b", "b", "a", None])
    sums = sum_emissions(counts, set_up)
    assert sums.index.tolist() == ["a", "b"]
    assert sums["kilns"].tolist() == [1, 3]
    assert sums["pm25_t"].tolist() == pytest.approx([2, 4])
    alone = sum_emissions(counts[counts["group"] == "b"], set_up)
    pd.testing.assert_frame_equal(sums.loc[["b"]], alone, check_exact=True)
    single = sum_emissions(count_kilns(table.iloc[[3]], ["a"]), set_up)
    assert single["pm25_t_high"].iloc[0] == add_emissions(table.iloc[[3]], set_up)["pm25_t_high"].iloc[0]


def test_kilns_without_factor_are_counted_not_taken_for_clean(config):
    set_up = config(point(2, "g/brick"))
    table = kilns(("FCBK", "IND"), ("tunnel", "IND"), ("tunnel", "IND"))
    sums = sum_emissions(count_kilns(table, ["a", "a", "b"]), set_up)
    assert sums["pm25_t"].tolist() == pytest.approx([2, np.nan], nan_ok=True)
    assert sums["pm25_left_out"].tolist() == [1, 1]
    assert sums["bc_left_out"].tolist() == [2, 1]


def test_a_factor_per_brick_needs_no_heat_and_one_per_heat_is_none_without_it(config):
    known = [f"energy,zigzag,*,1.2,1.2,1.2,MJ/kg_brick,{TOLD}"]
    factors = [point(2, "g/brick", kind="tunnel"), point(7, "g/MJ", name="b", kind="tunnel")]
    told = add_emissions(kilns(("tunnel", "IND")), config(*factors, activity=known))
    assert told["pm25_t_low"].iloc[0] == told["pm25_t_high"].iloc[0] == 2
    assert add_emissions(kilns(("tunnel", "IND")), config(factors[1], activity=known))[COLUMNS].isna().all(axis=None)


def test_an_unknown_type_is_a_mixture_and_a_circular_kiln_burns_like_an_oval_one(config):
    model = EmissionModel.of(config(point(2, "g/brick"), point(1, "g/brick", kind="zigzag")))
    unknown = model.kiln_draws("", "IND")["pm25"]
    assert sorted(set(unknown.round(9))) == [1, 2] and 0.45 < (unknown == unknown.max()).mean() < 0.55
    np.testing.assert_array_equal(model.kiln_draws("CFCBK", "IND")["pm25"], model.kiln_draws("fcbk", "IND")["pm25"])
    missing = add_emissions(kilns(("", "IND")).assign(type=[None]), config(point(2, "g/brick")))
    assert missing["pm25_t"].iloc[0] == 2


def test_a_clamp_has_no_figure_while_no_production_is_known():
    assert add_emissions(kilns(("clamp", "IND")), Emissions(draws=100))[COLUMNS].isna().all(axis=None)


def test_the_countrys_own_production_counts_before_any():
    activity = read_activity()
    assert find(activity, "bricks", "CFCBK", "BGD").mode == 4.2e6
    assert find(activity, "bricks", "zigzag", "KEN").country == "*"


def test_an_empty_table_gets_all_columns_with_their_types():
    table = add_emissions(kilns(), Emissions(draws=100))
    assert len(table) == 0 and (table[COLUMNS].dtypes == "float64").all() and table.crs.to_epsg() == 4326
    sums = sum_emissions(count_kilns(table, []), Emissions(draws=100))
    assert len(sums) == 0 and (sums[COLUMNS].dtypes == "float64").all()
    assert sums["kilns"].dtype == sums["bc_left_out"].dtype == "int64"


def test_numbers_are_told_with_four_digits():
    assert round_significant(np.array([123456.0, 0.00123456, 0])).tolist() == [123500, 0.001235, 0]


def test_a_factor_per_brick_that_is_said_to_be_per_kg_is_found_out():
    for value, pollutant in ((6.8, "pm25"), (4.6, "so2"), (90, "co")):  # APAD's
        found = looks_per_brick(value, pollutant)
        assert found.set == "guttikunda-2014" and found.times == pytest.approx(3.1, abs=0.1)
        assert "looks like g/brick" in str(found) and "3.1 times" in str(found)


@pytest.mark.parametrize(
    ("value", "pollutant"), [(0.18, "pm25"), (0.75, "pm25"), (179, "co2"), (3.63, "co"), (0, "bc")]
)
def test_factors_per_kg_are_not_suspected(value, pollutant):
    assert looks_per_brick(value, pollutant) is None


def test_the_about_box_hears_of_every_set_with_source_and_unit():
    told = factor_sets(Emissions())
    assert {"space-to-policy-2024", "guttikunda-2014", "nepal-2019"} <= {entry["set"] for entry in told}
    assert all(entry["source"] and entry["unit"] and entry["pollutants"] for entry in told)
    assert [entry["set"] for entry in factor_sets(Emissions(sets=["nepal-2019"]))] == ["nepal-2019"]


def test_shipped_lines_are_sorted_out_by_unit_and_tell_where_they_come_from():
    assert all(line.source and line.note for line in read_factors())
    assert {line.unit for line in read_factors()} == {"g/brick", "g/kg_brick", "g/MJ", "g/kg_fuel"}


GOOD = point(1, "g/brick")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (point(1, "g/kg"), "Line 3 .*column unit.*g/kg_brick"),
        (point(1, "g**9**9**9"), "column unit"),
        (point(1, "g/brick", pollutant="dust"), "column pollutant"),
        (point(-1, "g/brick"), "column value"),
        (point("nan", "g/brick"), "column value"),
        (point("1e999", "g/brick"), "column value"),
        (point("6,8", "g/brick"), "fewer cells than the head"),
        (point("", "g/brick"), "takes value"),
        (f"a,zigzag,pm25,uniform,,9,3,,g/brick,{TOLD}", "not in this order"),
        (f"a,zigzag,pm25,triangular,9,1,3,,g/brick,{TOLD}", "not in this order"),
        (f"a,zigzag,pm25,lognormal,0,,,1,g/brick,{TOLD}", "above 0"),
        (f"a,zigzag,pm25,point,1,,,9,g/brick,{TOLD}", "nothing else"),
        (f"a,<script>,pm25,point,1,,,,g/brick,{TOLD}", "column kiln_type"),
        ("a,zigzag,pm25,point,1,,,,g/brick,,2020,2026-01-01,", "column source"),
        ("a,zigzag,pm25", "fewer cells than the head"),
        (GOOD, "repeats line 2"),
        ('"a', "cannot be read"),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(config, line, said):
    with pytest.raises(ConfigError, match=said) as error:
        add_emissions(kilns(), config(GOOD, line))
    assert "factors.csv" in str(error.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"bricks,*,*,1,2,3,brick/day,{TOLD}", "unit of bricks is brick/year"),
        (f"brick_mass,*,*,3,3,3,kg,{TOLD}", "unit of brick_mass is kg_brick/brick"),
        (f"bricks,*,*,3,2,1,brick/year,{TOLD}", "not in this order"),
        (f"bricks,*,*,0,2,3,brick/year,{TOLD}", "above 0"),
        (f"bricks,*,India,1,2,3,brick/year,{TOLD}", "column country"),
        (f"variation,*,*,0,.5,1,1,{TOLD}", "one number"),
        (f"smoke,*,*,1,2,3,1,{TOLD}", "column quantity"),
    ],
)
def test_a_wrong_line_of_activity_is_refused(config, line, said):
    with pytest.raises(ConfigError, match=said):
        add_emissions(kilns(), config(GOOD, activity=[line]))


def test_a_missing_column_file_set_or_quantity_is_named(config, tmp_path):
    good = config(GOOD)
    bare = written(tmp_path / "bare.csv", FACTORS.replace(",unit", ""), [])
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00" * 10)
    no_bricks = written(tmp_path / "few.csv", ACTIVITY, FIXED[1:])
    for changed, said in [
        ({"factors": bare}, "lacks the column unit"),
        ({"factors": str(tmp_path / "none.csv")}, "cannot be read"),
        ({"factors": str(binary)}, "cannot be read"),
        ({"sets": ["Nepal"]}, "names Nepal"),
        ({"activity": no_bricks}, "no line of bricks"),
    ]:
        with pytest.raises(ConfigError, match=said):
            add_emissions(kilns(), good.model_copy(update=changed))
