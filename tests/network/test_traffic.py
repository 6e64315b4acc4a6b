"""What comes over the network is counted, whoever reads it."""

import os
import subprocess
import sys

import numpy as np
import pytest

from kilnscan import traffic
from kilnscan.ranges import Ranges


@pytest.fixture
def url(raster, tmp_path, http_server):
    raster("web/a.tif", np.random.default_rng(0).integers(0, 255, (3, 500, 500), np.uint8))
    return f"{http_server(tmp_path / 'web')}/a.tif"


READ = """
import sys, rasterio
from kilnscan import traffic
traffic.count_gdal()
with rasterio.open("/vsicurl/" + sys.argv[1]) as source:
    print(source.read().nbytes, traffic.network_bytes())
"""


def test_bytes_that_gdal_reads_over_http(url):
    """In a process of its own: GDAL decides at its first request whether it counts."""
    environment = {name: value for name, value in os.environ.items() if name != traffic.GDAL_COUNTS}
    said = subprocess.check_output([sys.executable, "-c", READ, url], env=environment, text=True)
    size, received = map(int, said.split())
    assert size <= received <= 1.2 * size


def test_bytes_that_our_own_reader_reads(url):
    before = traffic.network_bytes()
    Ranges().read(url, 100, 5000)
    assert traffic.network_bytes() - before == 5000
