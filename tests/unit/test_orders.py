"""Orders hold every chip, keep the vendor's limits and cost less than any naive way."""

import itertools

import numpy as np
import pytest

from kilnscan.lattice import CHIP_M, chips_of_window
from kilnscan.orders import corners, outline, plan_orders
from kilnscan.prices import CHIP_KM2, Product


def product(price=10.0, min_km2=5.0, **limits):
    said = {
        "product": "p",
        "title": "P",
        "resolution_m": 0.5,
        "currency": "EUR",
        "source": "-",
        "read_on": "2026-01-01",
    }
    return Product(price_per_km2=price, min_km2=min_km2, **said, **limits)


def scattered(count, side, seed=0):
    """The chips of so many windows thrown on a square of `side` chips, in places also negative."""
    places = np.random.default_rng(seed).integers(-side // 2, side // 2, (count, 2)).tolist()
    return {chip for place in places for chip in chips_of_window(tuple(place))}


def price(orders, of):
    return sum(of.cost(len(order)) for order in orders)


def connected(order):
    todo, seen = [min(order)], {min(order)}
    while todo:
        i, j = todo.pop()
        for near in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
            if near in order and near not in seen:
                seen.add(near)
                todo.append(near)
    return seen == order


@pytest.mark.parametrize(
    "of",
    [product(), product(min_km2=25), product(min_km2=0), product(max_km2=1), product(max_vertices=20),
     product(min_km2=0.25, max_km2=3, max_vertices=40)],
    ids=["plain", "large minimum", "no minimum", "small maximum", "few vertices", "all at once"],
)  # fmt: skip
def test_orders_hold_every_chip_and_keep_the_limits(of):
    chips = scattered(150, 200)
    orders = plan_orders(chips, of, extent_km=10)
    assert set().union(*orders) >= chips
    for order in orders:
        shape = outline(order)
        assert connected(order) and shape.is_valid and not shape.interiors
        assert shape.area == len(order) * CHIP_M**2
        assert len(shape.exterior.coords) - 1 == corners(order)
        assert corners(order) <= (of.max_vertices or np.inf)
        assert len(order) * CHIP_KM2 <= (of.max_km2 or np.inf) + 1e-9
        west, south, east, north = shape.bounds
        assert max(east - west, north - south) <= 10_000


def test_a_lone_candidate_is_one_order_of_just_its_chips():
    chips = set(chips_of_window((7, -3)))
    assert plan_orders(chips, product(), 20) == [chips]


def test_no_candidate_no_order():
    assert plan_orders([], product(), 20) == []


def test_what_is_far_apart_is_joined_only_where_that_is_cheaper():
    pair = set(chips_of_window((0, 0))) | set(chips_of_window((40, 0)))
    assert len(plan_orders(pair, product(min_km2=5), 20)) == 1, "a corridor of 38 chips is within the minimum"
    assert len(plan_orders(pair, product(min_km2=0.5), 20)) == 2, "two orders of 0.5 km2 cost less than a corridor"
    assert len(plan_orders(pair, product(min_km2=0), 20)) == 2, "without a minimum a corridor is never worth it"
    assert len(plan_orders(pair, product(min_km2=5), 6)) == 2, "no order is wider than 6 km"


def test_the_cheapest_way_to_join_a_few_is_found():
    windows = [(0, 0), (9, 2), (30, 1), (38, 5), (80, 80)]
    pieces = [set(chips_of_window(window)) for window in windows]
    of = product(min_km2=1)
    least = np.inf
    for labels in itertools.product(range(5), repeat=5):  # every way to group them, with straight corridors
        groups = [[n for n in range(5) if labels[n] == group] for group in set(labels)]
        spent = 0.0
        for group in groups:
            length = sum(_between(pieces[a], pieces[b]) for a, b in itertools.pairwise(group))
            spent += of.cost(4 * len(group) + length)
        least = min(least, spent)
    assert price(plan_orders(set().union(*pieces), of, 20), of) <= least + 1e-9


def _between(one, two):
    return min(abs(a - c) + abs(b - d) for a, b in one for c, d in two) - 1


@pytest.mark.parametrize("seed", range(4))
def test_orders_cost_no_more_than_one_per_piece_or_all_in_one(seed):
    chips, of = scattered(80, 100, seed), product(min_km2=2)
    single = plan_orders(chips, product(min_km2=0), 20)
    assert price(plan_orders(chips, of, 20), of) <= price(single, of) + 1e-9
    assert price(plan_orders(chips, of, 20), of) >= of.cost(len(chips))


def test_the_order_of_the_chips_changes_nothing():
    chips = sorted(scattered(60, 120))
    assert plan_orders(chips, product(), 20) == plan_orders(reversed(chips), product(), 20)


def test_holes_are_filled_for_vendors_take_none():
    ring = {(i, j) for i in range(6) for j in range(6)} - {(2, 2), (3, 3)}
    (order,) = plan_orders(ring, product(), 20)
    assert len(order) == 36


def test_chips_that_touch_at_a_corner_only_are_two_pieces():
    assert len(plan_orders({(0, 0), (1, 1)}, product(min_km2=0), 20)) == 2


def test_land_larger_than_any_order_is_cut():
    block = {(i, j) for i in range(60) for j in range(60)}
    orders = plan_orders(block, product(max_km2=10), 20)
    assert len(orders) >= 10 and sum(map(len, orders)) == 3600


def test_land_within_a_ring_is_not_paid_for_twice():
    ring = {(i, j) for i in range(12) for j in range(12) if not (1 <= i <= 10 and 1 <= j <= 10)}
    orders = plan_orders(ring | set(chips_of_window((6, 6))), product(min_km2=0), 20)
    assert [len(order) for order in orders] == [144]


@pytest.mark.parametrize("seed", range(5))
def test_orders_hardly_overlap(seed):
    orders = plan_orders(scattered(200, 80, seed), product(min_km2=1), 5)
    assert sum(map(len, orders)) <= 1.01 * len(set().union(*orders))
