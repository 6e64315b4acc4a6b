"""The store in S3 keeps what a folder keeps, asks for little, and its ledger binds all jobs."""

import multiprocessing
from collections import Counter

import boto3
import numpy as np
import pytest

from kilnscan.errors import ConfigError, ImageryError, StoreError
from kilnscan.imagery import acquire, read_chips
from kilnscan.spending import Purse
from kilnscan.store import Bucket, Folder, open_store

CHIPS = [(2811, 13110), (2812, 13110), (2813, 13110), (2814, 13110)]


@pytest.fixture
def place(s3, monkeypatch, request):
    """An address in S3 of this test's own, for this process."""
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    s3.put("stores")
    return f"s3://stores/{request.node.name}/results/imagery"


class Painter:
    """A provider: the first chip is black, of the second there is nothing, the others are grey."""

    resolution_m, dates = 2.5, ()

    def __init__(self):
        self.asked = []

    def source_of(self, chip):
        return "painted"

    def charges(self, names):
        return dict.fromkeys(names.values(), 1.0)

    def fetch(self, chips):
        for chip in chips:
            self.asked.append(chip)
            value = CHIPS.index(chip)
            yield chip, np.full((3, 64, 64), value * 50, np.uint8), np.full((64, 64), value != 1)


def buy(store, chips=CHIPS, budget=100.0):
    painter = Painter()
    got = acquire(painter, "cog", 32645, chips, store, Purse(store, "r", budget, "EUR"))
    return got, painter.asked


def test_a_store_in_s3_keeps_the_same_bytes_as_a_folder(place, tmp_path):
    folder, bucket = Folder(tmp_path), open_store(place)
    assert buy(folder) == buy(bucket)
    names = [path.name for path in tmp_path.iterdir() if path.suffix != ".sqlite"]
    assert len(names) == 3 and bucket.read(names) == folder.read(names) and bucket.present(names) == set(names)
    keys = list(buy(folder)[0].chips.values())
    for one, other in zip(read_chips(keys, folder).values(), read_chips(keys, bucket).values(), strict=True):
        assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


def test_what_is_in_s3_is_neither_fetched_nor_paid_again(place):
    assert buy(open_store(place), CHIPS[:3])[1] == CHIPS[:3]
    assert buy(open_store(place))[1] == [CHIPS[0], CHIPS[3]], "a black picture is asked for again"
    assert Purse(open_store(place), "r", None, "EUR").spent() == 4.0


def test_a_budget_holds_in_s3_too(place):
    with pytest.raises(ImageryError, match=r"budget of 3\.00 EUR would be passed"):
        buy(open_store(place), budget=3.0)
    assert Purse(open_store(place), "r", None, "EUR").spent() == 0.0
    assert not boto3.client("s3").list_objects_v2(Bucket="stores", Prefix=place[12:]).get("Contents")


def pay(place, number):
    """Pay for things of one's own and one that all share, one after another; how many were paid."""
    purse, paid = Purse(open_store(place), "r", 10.0, "EUR"), 0
    for turn in range(6):
        try:
            purse.pay({f"thing {number} {turn}": 1.0, "what all share": 1.0})
            paid += 1
        except ImageryError:
            pass
    return paid


def test_processes_side_by_side_stay_within_the_budget_in_s3(place):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        paid = sum(pool.starmap(pay, [(place, number) for number in range(4)]))
    assert paid == 9 and Purse(open_store(place), "r", None, "EUR").spent() == 10.0


def test_what_is_missing_costs_one_request_each_and_what_is_there_too(place):
    bucket, sent = Bucket(place), Counter()
    bucket._s3.meta.events.register("before-send.s3", lambda request, **_: sent.update([request.method]))
    buy(bucket)
    assert sent.pop("HEAD") == 2 * len(CHIPS), "is there a chip, is it known to be empty"
    assert sent == {"GET": 1, "PUT": 1 + 3}, "the ledger is read and written once"
    sent.clear()
    buy(bucket, CHIPS[2:])
    assert sent == {"HEAD": 2}


def test_a_bucket_that_is_not_there_is_one_sentence(place):
    with pytest.raises(StoreError, match=r"s3://nowhere/x cannot be written: NoSuchBucket\. Check the bucket"):
        open_store("s3://nowhere/x").put("a", b"")
    with pytest.raises(ConfigError, match="cannot be kept at gs://b"):
        open_store("gs://b/results/imagery")


def test_a_broken_s3_is_asked_again(place, s3, faults, monkeypatch):
    bad = faults(s3.url, rate=0.4, kinds=("500", "503", "reset"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", bad.url)
    got, _ = buy(open_store(place))
    assert bad.faults and len(got.chips) == 2
    assert Purse(open_store(place), "r", None, "EUR").spent() == 4.0
