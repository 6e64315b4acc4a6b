#!/bin/bash
# Install what kilnscan needs into /opt/kilnscan, as requirements.lock pins it: install.sh cpu|gpu
set -euo pipefail
cd "$(dirname "$0")"

export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1 PIP_USE_PEP517=1 PIP_CONSTRAINT=$PWD/requirements.lock
[ ! -e /run/secrets/pip.conf ] || export PIP_CONFIG_FILE=/run/secrets/pip.conf
[ ! -e /run/secrets/certificates ] || export PIP_CERT=/run/secrets/certificates

python3 -m venv /opt/kilnscan
needed() {  # the project's own list, or one of its extras
    python - "$@" <<'PYTHON'
import sys
import tomllib

project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print(*(project["optional-dependencies"][sys.argv[1]] if sys.argv[1:] else project["dependencies"]), sep="\n")
PYTHON
}
pip install --no-compile --requirement <(needed)
if [ "$1" = gpu ]; then
    # the two share a module, so one has to go before the other comes
    pip uninstall --yes onnxruntime
    pip install --no-compile onnxruntime-gpu --requirement <(needed train)
    pip install --no-compile --no-deps ultralytics ultralytics-thop
fi

site=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo /kilnscan >"$site/kilnscan.pth"  # the package is used where the workflow lies
# numba left to itself compiles for the machine at hand, and what is compiled when the image is built would be worth
# nothing to a job elsewhere. x86-64-v3 is what x86 servers of the last ten years have in common.
cpu=generic
[ "$(uname -m)" != x86_64 ] || cpu=x86-64-v3
cat >"$site/numba.pth" <<PTH
import os; os.environ.update(NUMBA_CPU_NAME="$cpu", NUMBA_CPU_FEATURES="", NUMBA_CACHE_DIR="/opt/numba")
PTH
find "$site" -type d -name tests -prune -exec rm -r {} +  # the packages' own tests
# Python knows compiled code by its source's time, which images round: half of it would be compiled anew by every job,
# for good, as the user may not write here. This code is used whatever the time.
python -m compileall -q --invalidation-mode unchecked-hash "$site" || true  # some files are templates, not Python

# Snakemake's plugin for AWS Batch looks for this one at every job's start
pip download --no-deps --dest /opt/wheels snakemake-storage-plugin-s3
