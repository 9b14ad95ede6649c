# setup: an environment in .venv/; run: the whole pipeline on the embedded model; format: mends what
# ruff can mend; check: style, arrows between rooms, types; test: the checks and the tests, in at
# most three minutes; test-long: those marked long, as of runs killed twenty times, of the study's
# setting at its widths, and of levels by simulation;
# test-ray: Phase 4.5 on a Ray cluster of this machine; test-browser: the report and the review in
# Chromium (Debian's packages chromium and chromium-driver).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests with targets of their own are left out of the others.
ALONE := --ignore=tests/with_ray --ignore=tests/with_browser
.DEFAULT_GOAL := run
.PHONY: setup run format check test pytest test-long test-ray test-browser

# The stamp is newer than requirements.txt once everything in it is installed.
$(VENV)/.installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

setup: $(VENV)/.installed

run: setup
	@command -v bwrap >/dev/null || echo "hint: with bubblewrap (apt install bubblewrap) generated programs are held better still"
	$(BIN)/python run.py phase 3.5 4.5

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# What workers have compiled is kept, so that no other has to.
# Side by side: many tests wait for a sandbox's clock. What takes long, or needs more than
# requirements.txt, has targets of its own.
test: setup
	$(MAKE) --no-print-directory --jobs=2 check pytest

pytest: setup
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest $(ALONE) -m "not long"

test-long: setup
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest $(ALONE) -m long

$(VENV)/.installed-ray: requirements-ray.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-ray.txt
	touch $@

test-ray: $(VENV)/.installed-ray
	$(BIN)/python -m pytest tests/with_ray

$(VENV)/.installed-browser: requirements-browser.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-browser.txt
	touch $@

test-browser: $(VENV)/.installed-browser
	$(BIN)/python -m pytest tests/with_browser
