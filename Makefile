# One entry for people and CI alike. `make demo` and `make test` set up what they miss.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
EXAMPLE ?= one-speaker
BIN := $(VENV)/bin
JOBS ?= 4 # tests wait for processes half of their time: twice as many as there are cores

.PHONY: demo test test-long test-real check schema lock audit clean setup setup-dev ffmpeg

demo: setup ffmpeg
	@$(BIN)/python scripts/demo.py $(EXAMPLE)

test: setup-dev ffmpeg check
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow"

test-long: setup-dev ffmpeg
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/shellcheck -x scripts/*.sh docker/*.sh .ci/run

schema: setup
	$(BIN)/python -m contract.schema docs/schema

setup: $(VENV)/.worker
setup-dev: $(VENV)/.dev

$(VENV)/.worker: requirements.txt
	@scripts/make_venv.sh $(PYTHON) $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.worker
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

ffmpeg:
	@scripts/need_ffmpeg.sh

lock:
	scripts/lock.sh $(PYTHON)

# Asks the network: 1 something is known of a package, 3 not every package could be asked about.
audit: build/audit/.done
	@build/audit/bin/python scripts/audit.py $(AUDIT)

build/audit/.done: requirements-audit.txt
	@scripts/make_venv.sh $(PYTHON) build/audit
	@build/audit/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-audit.txt
	@touch $@

clean:
	rm -rf $(VENV) build output .mypy_cache .ruff_cache

# COMFYUI_DIR and COMFYUI_PYTHON name a real ComfyUI; tests/real/conftest.py says what it must have.
test-real: setup-dev ffmpeg
	$(BIN)/python -m pytest -v -m real tests/real tests/image
