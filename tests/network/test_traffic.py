"""What comes over the network is counted, whoever reads it."""

import numpy as np
import pytest
import rasterio

from kilnscan import traffic
from kilnscan.ranges import Ranges


@pytest.fixture
def url(raster, tmp_path, http_server):
    raster("web/a.tif", np.random.default_rng(0).integers(0, 255, (3, 500, 500), np.uint8))
    return f"{http_server(tmp_path / 'web')}/a.tif"


def test_bytes_that_gdal_reads_over_http(url, monkeypatch):
    monkeypatch.delenv(traffic.GDAL_COUNTS, raising=False)
    traffic.count_gdal()
    before = traffic.network_bytes()
    with rasterio.open(f"/vsicurl/{url}") as source:
        size = source.read().nbytes
    assert size <= traffic.network_bytes() - before <= 1.2 * size


def test_bytes_that_our_own_reader_reads(url):
    before = traffic.network_bytes()
    Ranges().read(url, 100, 5000)
    assert traffic.network_bytes() - before == 5000
