# One entry for people and CI alike. `make demo` and `make test` set up what they miss.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
EXAMPLE ?= one-speaker
BIN := $(VENV)/bin
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -rs
TARGET ?= worker
NETWORK ?= default
JOBS ?= 4 # tests wait for processes a good part of their time: twice as many as there are cores

.PHONY: help demo playground endpoint test tests test-wide test-long test-real test-real-long facts bench check schema lock audit clean setup setup-dev ffprobe

help: ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: setup ## a video without a GPU: output/one-speaker.mp4 (EXAMPLE=…), or of IMAGE=me.jpg AUDIO=me.m4a: output/demo.mp4
ifneq ($(IMAGE)$(AUDIO),)
	@if [[ -e "$(AUDIO)" ]]; then voices=("$(AUDIO)"); else voices=($(AUDIO)); fi; \
	$(BIN)/python -m talking_video run $(if $(IMAGE),"$(IMAGE)") "$${voices[@]}" --local -o output/demo.mp4
else
	@$(BIN)/python scripts/demo.py $(EXAMPLE)
endif

playground: endpoint ## a page in the browser to try it on: http://127.0.0.1:8000

endpoint: setup ## the same, for its API: RunPod's jobs on this machine, with the real worker behind them (ARGS="--workers 2 --port 8001")
	@$(BIN)/python -m endpoint $(ARGS)

test: setup-dev ffprobe ## lint, types, import rules, tests
	@$(MAKE) --no-print-directory --jobs 2 check tests

tests: setup-dev ffprobe # in the order of tests/conftest.py; the first collection alone writes the bytecode that all share
	@test -d tests/__pycache__ || $(BIN)/python -m pytest --collect-only -qq -m "not slow" >/dev/null || true
	$(PYTEST) -m "not slow and not wide"

test-wide: setup-dev ffprobe ## the same kinds at more places: some minutes more; CI runs them too
	$(PYTEST) -m "wide and not slow"

test-long: setup-dev ffprobe ## the tests that take minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow -rs

check: setup-dev ## lint, types and import rules alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/hadolint Dockerfile docker/standin_devel.Dockerfile
	$(BIN)/shellcheck -x scripts/*.sh docker/*.sh .ci/run
	$(BIN)/actionlint -shellcheck $(BIN)/shellcheck .github/workflows/*.yml

bench: setup-dev ffprobe ## measure what needs no GPU, and write docs/benchmarks.md anew (some minutes; ARGS=--pure: without a clock)
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: image builder push packages release-version release-notes

# Variables of docker-bake.hcl, such as BASE_IMAGE or VERSION, may be given here, too.
image: ## build the image by this machine's Docker engine, and prove it (TARGET=worker-sage, BASE_IMAGE=…, NETWORK=host)
	@$(PYTHON) scripts/image.py $(TARGET) --network $(NETWORK) $(ARGS)

# Provenance, a bill of materials and a cache in a registry: Docker's own builder has them only with containerd's image store.
builder: ## a builder that `make push` needs, used from then on
	docker buildx use talking-video 2>/dev/null || docker buildx create --name talking-video --driver docker-container --use

push: ## build the image with provenance and a bill of materials, and push it (IMAGE=registry/name VERSION=…)
	@$(PYTHON) scripts/image.py $(TARGET) --push --network $(NETWORK) $(ARGS)

packages: # as root, on Debian or Ubuntu: the programs that the tests start
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends aria2 curl ffmpeg

release-version:
	@$(PYTHON) scripts/release_notes.py "$(TAG)" --version

release-notes: ## what CHANGELOG.md says of the version that TAG=v… names
	@$(PYTHON) scripts/release_notes.py "$(TAG)"

schema: setup ## write docs/schema, and the tables of docs/, anew from the code
	$(BIN)/python -m contract.schema docs/schema
	$(BIN)/python -m worker.reference docs

setup: $(VENV)/.worker
setup-dev: $(VENV)/.dev

# A lock is complete, as `pip check` proves: --no-deps leaves pip nothing to choose.
$(VENV)/.worker: requirements.txt
	@scripts/make_venv.sh $(PYTHON) $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.txt
	@$(BIN)/python -m pip check --quiet
	@ln -sf "$$($(BIN)/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')" $(BIN)/ffmpeg
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.worker
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@$(BIN)/python -m pip check --quiet
	@touch $@

ffprobe:
	@scripts/need_ffprobe.sh

lock: ## write the locks anew from the .in files, with hashes (LOCKS="docker/comfyui-requirements.txt …": these alone)
	scripts/lock.sh $(PYTHON) $(LOCKS)

# Asks the network: 1 something is known of a package, 3 not every package could be asked about.
audit: build/audit/.done ## ask the network whether a package of the locks has a known flaw
	@build/audit/bin/python scripts/audit.py $(AUDIT)

build/audit/.done: requirements-audit.txt
	@scripts/make_venv.sh $(PYTHON) build/audit
	@build/audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-audit.txt
	@build/audit/bin/python -m pip check --quiet
	@touch $@

clean: ## remove what the targets made
	rm -rf $(VENV) build output .mypy_cache .ruff_cache

# COMFYUI_DIR and COMFYUI_PYTHON name a real ComfyUI; tests/real/conftest.py says what it must have. Two torch processes
# whose threads spin while they wait bring each other to a standstill: passive ones sleep.
test-real: setup-dev ffprobe ## the tests on a real ComfyUI (COMFYUI_DIR, COMFYUI_PYTHON; no GPU, no models)
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -v -rs -m "real and not slow" tests/real tests/image

test-real-long: setup-dev ffprobe ## more than 10 000 frames on a real ComfyUI
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -v -rs -m "real and slow" tests/real

# What the simulator and its tests go by, recorded anew from a real ComfyUI; tests/recording says what it must have.
facts: setup-dev ## record anew what a real ComfyUI says, and show what differs (COMFYUI_DIR, COMFYUI_PYTHON)
	@OMP_WAIT_POLICY=passive $(BIN)/python -m tests.recording "$(COMFYUI_DIR)" "$(COMFYUI_PYTHON)"
