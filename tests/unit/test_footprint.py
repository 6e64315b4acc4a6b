"""What jobs cost in money, energy and CO2e; the workflow-neutral part."""

import ast
import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kilnscan import footprint
from kilnscan.footprint import Assumptions, Facts, FootprintError, Job, Range, footprints, total
from kilnscan.footprint.__main__ import main
from kilnscan.footprint.benchmarks import read_benchmarks
from kilnscan.footprint.files import contents
from kilnscan.footprint.model import idle_factors, network, storage
from kilnscan.footprint.page import page
from kilnscan.footprint.ranges import exactly, spanning, summed
from kilnscan.footprint.report import More, make_report
from kilnscan.footprint.totals import by_fate, per_unit, what_if
from kilnscan.footprint.words import lasting, table_csv, table_words

FACTS = Facts()
# a thousand jobs of ten minutes on 8 vCPU and 14 GiB, 85 % busy
SCREENS = [Job("screen", 600.0, threads=8, cpu_s=600 * 8 * 0.85, mem_gib=14) for _ in range(1000)]
HOURS = 1000 * 10 / 60


def kg(grams: Range | None, side: str = "high") -> float:
    assert grams is not None
    return getattr(grams, side) / 1000


def on(instance: str, spot: bool, g_per_kwh: float, jobs: list[Job] = SCREENS):
    assumed = Assumptions(instance, spot, intensity=exactly(g_per_kwh), pue=exactly(1.14))
    return total(footprints(jobs, FACTS, assumed))


# by hand, per row: W = 8 x (idle + busy share x (busy - idle)) + 16 GiB x 0.392; kWh = h x W / 1000 x PUE 1.14
C7G_KWH = HOURS * (8 * (0.4743 + 0.85 * (1.6930 - 0.4743)) + 16 * 0.392) / 1000 * 1.14
C7G_QUARTER_KWH = HOURS * (8 * (0.4743 + 0.25 * (1.6930 - 0.4743)) + 16 * 0.392) / 1000 * 1.14
C7I_KWH = HOURS * (8 * (1.0363 + 0.85 * (4.1605 - 1.0363)) + 16 * 0.392) / 1000 * 1.14
# making: kg of the server x hours of its 4 years x 8 of its vCPUs
C7G_KG = (1000 + 1.388 * (128 - 16)) * HOURS / 35040 * 8 / 64
C7I_KG = (1000 + 100 + 1.388 * (384 - 16)) * HOURS / 35040 * 8 / 192


@pytest.mark.parametrize(
    ("instance", "spot", "g_per_kwh", "usd", "kwh", "published"),
    [  # published: USD, kWh, kg of electricity, kg of making, as our notes worked them out earlier
        ("c7g.2xlarge", True, 350.9, HOURS * 0.1772, C7G_KWH, (29.53, 3.49, 1.22, 0.69)),
        ("c7g.2xlarge", False, 350.9, HOURS * 0.29, C7G_KWH, (48.33, 3.49, 1.22, 0.69)),
        ("c7i.2xlarge", False, 350.9, HOURS * 0.357, C7I_KWH, (59.50, 6.80, 2.39, 0.32)),
        ("c7i.2xlarge", False, 708.0, HOURS * 0.357, C7I_KWH, (59.50, 6.80, 4.82, 0.32)),
        ("c7g.2xlarge", True, 194.7, HOURS * 0.1772, C7G_KWH, (29.53, 3.49, 0.68, 0.69)),
    ],
)
def test_the_worked_example_comes_out_as_by_hand(instance, spot, g_per_kwh, usd, kwh, published):
    sums = on(instance, spot, g_per_kwh)
    making = C7G_KG if instance.startswith("c7g") else C7I_KG
    assert sums.money.low == pytest.approx(usd) and sums.kwh.high == pytest.approx(kwh)
    assert kg(sums.operational_g) == pytest.approx(kwh * g_per_kwh / 1000)
    assert kg(sums.embodied_g) == pytest.approx(making)
    told = (sums.money.low, sums.kwh.high, kg(sums.operational_g), kg(sums.embodied_g))
    assert told == pytest.approx(published, abs=0.006)


def test_a_job_that_waits_for_data_takes_less_energy_and_as_much_of_the_machine():
    waiting = [replace(job, cpu_s=600 * 8 * 0.25) for job in SCREENS]
    sums = on("c7g.2xlarge", True, 350.9, waiting)
    assert sums.kwh.high == pytest.approx(C7G_QUARTER_KWH) == pytest.approx(2.38, abs=0.005)
    assert sums.embodied_g == on("c7g.2xlarge", True, 350.9).embodied_g


def test_each_source_of_doubt_widens_its_range():
    (one,) = footprints(SCREENS[:1], FACTS, Assumptions("c7g.2xlarge", grid="us-west-2"))
    hours = 1 / 6
    watts = [8 * 0.4743 + 8 * 0.85 * (1.6930 - 0.4743) + 16 * memory for memory in (0.3725, 0.392)]
    assert one.kwh.low == pytest.approx(hours * watts[0] / 1000 * 1.04)  # the best site
    assert one.kwh.high == pytest.approx(hours * watts[1] / 1000 * 1.15)  # the average of 2024
    assert one.operational_g.low / one.kwh.low == pytest.approx(106.3)  # Bonneville
    assert one.operational_g.high / one.kwh.high == pytest.approx(350.861)  # the western grid
    assert one.embodied_g.low == pytest.approx(630e3 * hours / 52560 * 8 / 64)  # the list, six years
    assert one.embodied_g.high == pytest.approx(1155.456e3 * hours / 35040 * 8 / 64)  # the parts, four years
    assert (one.money.low, one.money.high) == pytest.approx(
        (hours * 0.1772, hours * 0.29)
    )  # Spot's cheapest, the list price
    assert one.co2e_g == one.operational_g + one.embodied_g


def test_memory_or_cores_whichever_is_the_larger_part_counts():
    wide, high = Job("a", 3600, threads=4, mem_gib=2), Job("b", 3600, threads=1, mem_gib=12)
    shares = [p.machine_h.low for p in footprints([wide, high], FACTS, Assumptions("c7g.2xlarge"))]
    assert shares == [0.5, 0.75]


def test_a_real_machine_is_never_more_than_whole_and_an_assumed_one_grows():
    job = Job("a", 3600, threads=16)
    (real,) = footprints([replace(job, instance="c7g.2xlarge")], FACTS, Assumptions())
    (assumed,) = footprints([job], FACTS, Assumptions("c7g.2xlarge"))
    assert (real.machine_h.low, assumed.machine_h.low) == (1.0, 2.0)


# machines


def test_another_size_of_a_family_is_in_proportion():
    machine = FACTS.machine("c7g.large")
    assert (machine.vcpu, machine.mem_gib, machine.on_demand) == (2, 4, 0.0725)
    assert machine.server_kg == FACTS.machine("c7g.2xlarge").server_kg


def test_what_is_known_of_a_machine_without_a_price_counts_and_its_price_stays_unknown():
    machine = FACTS.machine("r6a.2xlarge")
    assert (machine.vcpu, machine.mem_gib) == (8, 64)
    sums = on("r6a.2xlarge", False, 400)
    assert sums.money is None and sums.unknown["money"] == 1000 and sums.kwh is not None
    assert machine.server_kg == Range(3400, 3400)  # its parts are not known: one source


@pytest.mark.parametrize("name", ["", "x99.large", "c7g", "c7g.", "c7g.huge", "c7g.9999999xlarge", "g5.48xlarge", "\n"])
def test_unknown_machines_are_unknown(name):
    assert FACTS.machine(name) is None


def test_jobs_on_unknown_machines_are_in_no_sum_and_are_counted():
    jobs = [replace(SCREENS[0], instance="x99.large"), replace(SCREENS[0], instance="c7g.2xlarge", region="us-west-2")]
    sums = total(footprints(jobs, FACTS, Assumptions()))
    assert sums.unknown == {"kwh": 1, "operational_g": 1, "embodied_g": 1, "co2e_g": 1, "money": 1}
    assert sums.kwh == footprints(jobs[1:], FACTS, Assumptions())[0].kwh
    report = make_report(jobs, FACTS, Assumptions(), More())
    assert "Unknown for 1 of 2 jobs, and in no sum: energy." in report["notes"]


def test_a_region_without_a_grid_has_energy_and_no_emissions():
    (one,) = footprints([replace(SCREENS[0], instance="c7g.2xlarge", region="mars-1")], FACTS, Assumptions())
    assert one.kwh and one.operational_g is None and one.co2e_g is None and one.embodied_g


@pytest.mark.parametrize("spot", [None, True, False])
def test_ones_own_machine_costs_what_it_costs_whatever_is_said_of_spot(spot):
    (one,) = footprints([Job("a", 3600, threads=4, cores=4)], FACTS, Assumptions(spot=spot, price=0.1))
    assert one.money == Range(0.1, 0.1)


def test_a_laptop_has_watts_of_servers_in_general_no_overhead_and_no_embodied_part():
    (one,) = footprints([Job("a", 3600, cpu_s=3600, cores=4, memory_gib=8)], FACTS, Assumptions(grid="BD", price=0.1))
    assert one.kwh.low == pytest.approx((0.25 * (4 * 0.74 + 8 * 0.3725) + 3.5 - 0.74) / 1000)
    assert one.operational_g.low == pytest.approx(one.kwh.low * 623.55)
    assert one.embodied_g is None and one.money == exactly(0.025)
    assert "no known kind" in make_report([one.job], FACTS, Assumptions(), More())["notes"][0]


def test_a_cluster_has_the_overhead_of_a_data_centre():
    job = Job("a", 3600, cpu_s=3600, cores=4, memory_gib=8)
    local, cluster = (footprints([replace(job, site=site)], FACTS, Assumptions())[0] for site in ("local", "cluster"))
    assert cluster.kwh.low == pytest.approx(1.63 * local.kwh.low)


def test_nothing_known_at_all_is_no_zero():
    (one,) = footprints([Job("a", 3600)], FACTS, Assumptions())
    assert (one.kwh, one.money, one.cpu_h, one.embodied_g) == (None, None, None, None)


def test_without_cpu_time_energy_goes_from_idle_to_busy():
    (one,) = footprints([replace(SCREENS[0], cpu_s=None)], FACTS, Assumptions("c7g.2xlarge"))
    idle, busy = 8 * 0.4743 + 16 * 0.3725, 8 * 1.6930 + 16 * 0.392
    assert (one.kwh.low, one.kwh.high) == pytest.approx((idle / 6000 * 1.04, busy / 6000 * 1.15))


def test_a_gpu_machine_counts_whole_and_its_gpu_from_idle_to_busy():
    job = Job("detect", 3600, threads=1, cpu_s=3600, instance="g5.xlarge", spot=True, region="us-east-1")
    (one,) = footprints([job], FACTS, Assumptions())
    cpu, memory = 4 * 0.4743 + (1.6930 - 0.4743), 16
    assert one.gpu_h == 1 and one.machine_h.low == 1 and one.money == Range(0.3087, 0.3923)
    assert one.kwh.low == pytest.approx((cpu + memory * 0.3725 + 18) / 1000 * 1.04)
    assert one.kwh.high == pytest.approx((cpu + memory * 0.392 + 153) / 1000 * 1.15)
    (half,) = footprints([replace(job, gpu_busy=0.5)], FACTS, Assumptions())
    assert half.kwh.low == pytest.approx((cpu + memory * 0.3725 + 18 + 0.5 * 135) / 1000 * 1.04)


def test_stand_ins_for_unmeasured_processors_are_named():
    notes = make_report(SCREENS[:1], FACTS, Assumptions("c7g.2xlarge"), More())["notes"]
    assert any("stand-in" in note and "c7g (AMD EPYC 2nd Gen)" in note for note in notes)
    notes = make_report(SCREENS[:1], FACTS, Assumptions("c7i.2xlarge"), More())["notes"]
    assert not any("stand-in" in note for note in notes)


# idle time of machines


def test_the_high_end_pays_for_the_idle_part_of_the_machine_while_any_job_ran():
    jobs = [Job("a", 3600, threads=2, node="n", start=0), Job("b", 1800, threads=2, node="n", start=900)]
    first, second = footprints(jobs, FACTS, Assumptions("c7g.2xlarge", False))
    assert first.machine_h.low == 0.25 and second.machine_h.low == 0.125
    assert first.machine_h.high + second.machine_h.high == pytest.approx(1.0)  # an hour of the machine
    assert (first.money + second.money).pair() == pytest.approx([0.375 * 0.29, 0.29])


def test_breaks_between_jobs_are_nobodys_and_full_machines_have_no_idle_part():
    apart = [Job("a", 60, threads=8, node="n", start=start) for start in (0, 100_000)]
    assert idle_factors(apart, [1.0, 1.0]) == {"n": 1.0}
    crowded = [Job("a", 60, threads=8, node="n", start=0)] * 3
    assert idle_factors(crowded, [1.0] * 3) == {"n": 1.0}


def test_jobs_without_node_or_start_are_taken_for_packed():
    assert idle_factors([Job("a", 60), Job("b", 60, node="n"), Job("c", 0, node="n", start=1)], [0.1] * 3) == {}


# sums


def test_no_jobs_at_all():
    sums = total([])
    assert (sums.jobs, sums.wall_h, sums.kwh, sums.money, sums.unknown) == (0, 0, None, None, {})
    report = make_report([], FACTS, Assumptions("c7g.2xlarge"), More(units={"kiln": 0}))
    assert report["units"] == [] and report["what_if"] == []
    assert "unknown" in table_words(report) and page(report).startswith("<!doctype html>")


def test_failed_and_repeated_attempts_are_counted_and_shown_apart():
    jobs = [replace(SCREENS[0], fate=fate) for fate in ("done", "lost", "lost", "superseded")]
    parts = footprints(jobs, FACTS, Assumptions("c7g.2xlarge", False))
    assert {fate: sums.jobs for fate, sums in by_fate(parts).items()} == {"done": 1, "lost": 2, "superseded": 1}
    report = make_report(jobs, FACTS, Assumptions("c7g.2xlarge", False), More(units={"kiln": 3}))
    assert report["total"]["money"] == pytest.approx([4 * 0.29 / 6] * 2, rel=1e-5)
    assert report["units"][0]["money"] == pytest.approx([0.29 / 6] * 2, rel=1e-5)  # three of four, for three kilns
    assert "lost to failures     2" in table_words(report)


def test_units_that_nothing_was_made_of_are_left_out():
    sums = total(footprints(SCREENS[:1], FACTS, Assumptions("c7g.2xlarge")))
    assert [row["unit"] for row in per_unit(sums, {"km2": 10, "kiln": 0})] == ["km2"]


def test_elsewhere_the_same_jobs_have_other_prices_and_electricity():
    rows = what_if(SCREENS[:10], FACTS, ["us-west-2", "eu-north-1"], ["c7g", "c7i"], ["us-west-2"], "2xlarge")
    assert [(r["region"], r["family"]) for r in rows] == [
        ("us-west-2", "c7g"), ("us-west-2", "c7i"), ("eu-north-1", "c7g"), ("eu-north-1", "c7i"),
    ]  # fmt: skip
    assert rows[0]["on_demand"] == pytest.approx([10 / 6 * 0.29] * 2, rel=1e-5)
    assert rows[0]["spot"] == pytest.approx([10 / 6 * 0.1772, 10 / 6 * 0.2606], rel=1e-5)
    assert rows[2]["on_demand"] is None and rows[2]["spot"] is None  # no table tells it
    assert rows[2]["operational_g"][1] == pytest.approx(rows[2]["kwh"][1] * 20.42, rel=1e-4)


def test_where_nobody_knows_the_electricity_of_a_region_the_table_says_so():
    assert what_if(SCREENS[:1], FACTS, ["mars-1"], ["c7g"], [], "2xlarge")[0]["operational_g"] is None


def test_storage_and_network():
    kept = storage(1000, 365, exactly(100), FACTS)
    assert kept["kwh"].pair() == pytest.approx([0.65 * 3 * 8.76 * 1.04, 1.2 * 3 * 8.76 * 1.15], rel=1e-5)
    assert kept["operational_g"] == kept["kwh"] * 100
    assert network(50, None, FACTS) == {"kwh": Range(0, 0.05), "operational_g": None}


def test_ranges():
    assert Range(1, 2) * Range(3, 4) / Range(1, 2) == Range(1.5, 8) and Range(1, 2) * 3 == Range(3, 6)
    assert spanning([3, 1, 2]) == Range(1, 3) and summed([None, exactly(1)]) == exactly(1) and summed([None]) is None


# what products do without

SIDE = [Job("paper", 60.0, threads=2, cpu_s=50.0, node="n", start=7000, beside=True)]
OWN = [Job("screen", 3600.0, threads=2, cpu_s=3600.0, node="n", start=0)]
THERE = Assumptions("c7g.2xlarge", False, "us-west-2")


def test_side_work_is_told_apart_and_pays_for_no_unit():
    alone, both = (make_report(jobs, FACTS, THERE, More(units={"kiln": 3})) for jobs in (OWN, OWN + SIDE))
    assert both["products"] == alone["products"] == alone["total"] and both["units"] == alone["units"]
    assert both["fates"] == alone["fates"] and both["what_if"] == alone["what_if"]
    assert (both["besides"]["jobs"], both["total"]["jobs"]) == (1, 2)
    assert list(both["rules"]) == ["screen"] and list(both["rules_besides"]) == ["paper"]
    for name in ("money", "kwh", "co2e_g"):
        sums = [both["products"][name][end] + both["besides"][name][end] for end in (0, 1)]
        assert both["total"][name] == pytest.approx(sums, rel=1e-5)


def test_every_form_of_the_report_shows_both():
    report = make_report(OWN + SIDE, FACTS, THERE, More(products="the atlas", units={"kiln": 3}))
    lines = [line.split("  ")[0] for line in table_words(report).splitlines()[2:8]]
    assert lines == ["", "screen", "the atlas", "paper", "besides", "all"]
    assert "\nthe atlas alone " in table_words(report)
    assert "For each unit of work, the atlas alone" in (html := page(report)) and html.count("class=sum") == 3
    rows = {(row["part"], row["name"]): row for row in csv.DictReader(io.StringIO(table_csv(report)))}
    assert rows["products", "the atlas"]["jobs"] == rows["besides", ""]["jobs"] == "1"
    assert rows["rule besides", "paper"]["cpu_h"] == "0.013888889" and rows["total", ""]["jobs"] == "2"
    assert rows["per", "kiln"]["money_low"] == f"{0.29 / 4 / 3:.6g}" and rows["per", "kiln"]["jobs"] == ""


def test_without_side_work_there_is_one_sum():
    words = table_words(make_report(OWN, FACTS, THERE, More(products="the atlas")))
    assert "besides" not in words and "the atlas" not in words and "\nall " in words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 CPU s"), (0.04, "0.04 CPU s"), (299.9, "300 CPU s"), (300, "5 CPU min"), (3600, "60.00 CPU min"),
        (18_000, "5 CPU h"), (3.6e6, "1,000 CPU h"),
    ],
)  # fmt: skip
def test_times_have_a_unit_that_suits_them(seconds, words):
    assert lasting(seconds / 3600, "CPU") == words


def test_a_table_has_one_unit_of_time_for_all_its_rows():
    jobs = [Job("short", 0.25, cpu_s=0.125), Job("long", 40.0, cpu_s=80.0)]
    head, first, second = (
        line.split() for line in table_words(make_report(jobs, FACTS, THERE, More())).splitlines()[2:5]
    )
    assert head[:4] == ["jobs", "s", "CPU", "s"]
    assert first[:4] == ["short", "1", "0.25", "0.125"] and second[:4] == ["long", "1", "40.00", "80.00"]


NAIVE = {"against": "=everything", "naive": "10 USD", "run": "4 USD", "saving": "2.5 times", "unit": "USD",
         "basis": "nothing is skipped", "assumption": "at length", "values": [10.0, 4.0]}  # fmt: skip


def test_what_a_comparison_supposes_stands_wherever_it_does():
    report = make_report(OWN, FACTS, THERE, More(other={"naive": [NAIVE, NAIVE | {"values": [1.0, 0.0]}]}))
    assert table_words(report).count("nothing is skipped") == 1  # the same words once
    made = contents(report)
    assert json.loads(made["footprint.json"])["naive"][0]["basis"] == "nothing is skipped"
    rows = list(csv.DictReader(io.StringIO(made["naive.csv"].decode())))
    told = {"against": "'=everything", "unit": "USD", "naive": "10.0", "run": "4.0", "times": "2.5",
            "basis": "nothing is skipped"}  # fmt: skip
    assert rows == [told, told | {"naive": "1.0", "run": "0.0", "times": ""}]
    assert "at length" in page(report)


# tables and assumptions


def test_every_constant_has_a_source_and_a_date():
    for name in ("power", "embodied", "grid_intensity", "footprint"):
        for row in footprint.facts.read_table(footprint.facts.FOLDER / f"{name}.csv"):
            assert row["source"] and len(row["date"]) == 10, row
            assert None not in row, row


def test_embodied_families_name_processors_and_gpus_that_have_watts():
    rows = footprint.facts.read_table(footprint.facts.FOLDER / "embodied.csv")
    power = {row["name"] for row in footprint.facts.read_table(footprint.facts.FOLDER / "power.csv")}
    assert {row["cpu"] for row in rows} | {row["gpu"] for row in rows} - {""} <= power | {""}


@pytest.mark.parametrize("assumed", [Assumptions("x99.large"), Assumptions(grid="atlantis")])
def test_assumptions_that_no_table_knows_are_refused(assumed):
    with pytest.raises(FootprintError, match=r"x99\.large|atlantis"):
        make_report([], FACTS, assumed, More())


@pytest.mark.parametrize("value", ["", "much", "nan", "inf", "-1"])
def test_a_damaged_table_is_refused(tmp_path, value):
    for path in footprint.facts.FOLDER.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "grid_intensity.csv").write_text(f"place,g_per_kwh,zone,source,date\nhere,{value},x,y,2026-01-01\n")
    with pytest.raises(FootprintError, match="g_per_kwh"):
        Facts(tmp_path)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(FootprintError, match=r"instances\.csv cannot be read"):
        Facts(tmp_path)


# Snakemake's benchmark files

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
PLAIN = "12.50\t0:00:12\t512.00\t20\t7\t7\t0\t0\t160.0\t20.00"
MORE = "\tjobid\trule_name\twildcards\tparams\tthreads\tcpu_usage\tresources\tinput_size_mb"
EXTENDED = PLAIN + "\t1\tcrunch\t{'n': 'a'}\t{'evil': '<script>'}\t4\t2000\t{'mem_mb': 2048, 'tmpdir': '/tmp'}\t{}"


def test_a_plain_benchmark_is_named_by_its_file_and_as_wide_as_it_was_busy(tmp_path):
    (tmp_path / "map.tsv").write_text(f"{HEAD}\n{PLAIN}\n{PLAIN}\n")
    first, second = read_benchmarks([tmp_path / "map.tsv"])
    assert first == second == Job("map", 12.5, threads=2, cpu_s=20, peak_gib=0.5)


def test_an_extended_benchmark_tells_rule_threads_and_memory(tmp_path):
    (tmp_path / "x.tsv").write_text(f"{HEAD}{MORE}\n{EXTENDED}\n")
    assert read_benchmarks([tmp_path]) == [Job("crunch", 12.5, threads=4, cpu_s=20, mem_gib=2, peak_gib=0.5, tile="a")]


def test_lines_of_json_are_read_too(tmp_path):
    row = {"s": 12.5, "max_rss": 512, "cpu_time": 20, "rule_name": "crunch", "threads": 4, "mean_load": 160,
           "resources": {"mem_mb": 2048}, "wildcards": {"n": "a"}}  # fmt: skip
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n")
    assert read_benchmarks([tmp_path]) == [Job("crunch", 12.5, threads=4, cpu_s=20, mem_gib=2, peak_gib=0.5, tile="a")]


def test_what_was_not_sampled_is_unknown(tmp_path):
    (tmp_path / "a.tsv").write_text(f"{HEAD}\n0.2\t0:00:00\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n")
    (tmp_path / "b.tsv").write_text(f"{HEAD}\n-\t-\t-\t-\t-\t-\t-\t-\t-\t-\n")
    assert read_benchmarks([tmp_path]) == [Job("a", 0.2)]


@pytest.mark.parametrize(
    "text", ["", "hello\n", "s\tother\n1\t2\n", "[1, 2]\n", "\x00", HEAD + "\n", "{'s': __import__('os')}"]
)
def test_other_files_are_refused_by_name_and_passed_over_in_folders(tmp_path, text):
    path = tmp_path / "x.tsv"
    path.write_text(text)
    assert read_benchmarks([tmp_path]) == []
    with pytest.raises(FootprintError, match="no benchmark file"):
        read_benchmarks([path])


def test_resources_that_are_no_literals_run_nothing(tmp_path):
    evil = EXTENDED.replace("{'mem_mb': 2048, 'tmpdir': '/tmp'}", "__import__('os').abort()")
    (tmp_path / "x.tsv").write_text(f"{HEAD}{MORE}\n{evil}\n")
    assert read_benchmarks([tmp_path])[0].mem_gib is None


# the report

HOSTILE = '"><script>alert(1)</script>\x1b[2J&'


def test_a_hostile_rule_name_is_only_text():
    jobs = [replace(SCREENS[0], rule=HOSTILE)]
    report = make_report(jobs, FACTS, Assumptions("c7g.2xlarge", grid="us-west-2"), More(title=HOSTILE))
    html = page(report)
    assert "<script" not in html and "&lt;script&gt;" in html
    assert "\x1b" not in table_words(report)
    formula = make_report([replace(SCREENS[0], rule="=1+1")], FACTS, Assumptions(), More())
    assert list(csv.reader(io.StringIO(table_csv(formula))))[1][1] == "'=1+1"


def test_the_page_needs_no_network_and_holds_no_script():
    html = page(make_report(SCREENS[:2], FACTS, Assumptions("c7g.2xlarge", grid="us-west-2"), More()))
    assert "src=" not in html and "href=" not in html and "@import" not in html and "<svg" in html
    assert "default-src 'none'" in html


def test_json_holds_the_sums_and_equal_jobs_give_equal_bytes():
    report = make_report(SCREENS[:2], FACTS, Assumptions("c7g.2xlarge", grid="us-west-2"), More())
    made = contents(report)
    assert made == contents(make_report(SCREENS[:2], FACTS, Assumptions("c7g.2xlarge", grid="us-west-2"), More()))
    assert json.loads(made["footprint.json"])["total"]["jobs"] == 2
    last = list(csv.DictReader(io.StringIO(made["footprint.csv"].decode())))[-1]
    assert (last["part"], last["jobs"], last["money_low"]) == ("total", "2", f"{2 / 6 * 0.1772:.6g}")


def test_sizes_that_are_too_large_are_told():
    jobs = [Job("wide", 60, threads=8, cpu_s=60, mem_gib=16, peak_gib=1), Job("fine", 60, 1, 50, 1.5, 1)]
    (hint,) = make_report(jobs, FACTS, Assumptions(), More())["hints"]
    assert hint["rule"] == "wide" and hint["advice"] == "asks for too much memory, asks for too many threads"
    assert hint["enough_mb"] == 1792  # 1024 and a quarter more, Snakemake's 300, rounded up


def test_the_command_writes_three_files(tmp_path, capsys):
    (tmp_path / "x.tsv").write_text(f"{HEAD}{MORE}\n{EXTENDED}\n")
    said = main([str(tmp_path / "x.tsv"), "--out", str(tmp_path / "out"), "--instance", "c7g.2xlarge", "--grid",
                 "us-west-2", "--unit", "sample=2", "--stored", "10", "365"])  # fmt: skip
    assert said == 0 and "per sample" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "footprint.csv", "footprint.json", "report.html",
    ]  # fmt: skip
    report = json.loads((tmp_path / "out" / "footprint.json").read_text())
    assert report["storage"]["gb"] == 10 and report["units"][0]["count"] == 2


@pytest.mark.parametrize("more", [["--instance", "x99.large"], ["--unit", "samples"], ["--facts", "nowhere"]])
def test_the_command_says_in_a_sentence_what_is_wrong(tmp_path, capsys, more):
    (tmp_path / "x.tsv").write_text(f"{HEAD}\n{PLAIN}\n")
    assert main([str(tmp_path / "x.tsv"), "--out", str(tmp_path / "out"), *more]) == 1
    assert capsys.readouterr().err.startswith("footprint: ")


def test_the_folder_depends_on_python_alone():
    for path in Path(footprint.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] in sys.stdlib_module_names for alias in node.names), path
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert node.module.split(".")[0] in sys.stdlib_module_names, path
