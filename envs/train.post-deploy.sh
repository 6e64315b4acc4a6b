#!/bin/bash
# What Snakemake adds to the environment for training: ultralytics without its own requirements, of which torchvision
# is not needed and would not fit.
set -euo pipefail
pip install --no-deps ultralytics==8.4.190 ultralytics-thop==2.2.3
