# setup: an environment in .venv/; run: the whole pipeline on the embedded model; test: all checks;
# test-ray: Phase 4.5 on a Ray cluster of this machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := run
.PHONY: setup run check test test-ray

# The stamp is newer than requirements.txt once everything in it is installed.
$(VENV)/.installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

setup: $(VENV)/.installed

run: setup
	@command -v bwrap >/dev/null || echo "hint: with bubblewrap (apt install bubblewrap) generated programs are held better still"
	$(BIN)/python run.py phase 3.5 4.5

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(BIN)/python -m pytest

$(VENV)/.installed-ray: requirements-ray.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-ray.txt
	touch $@

test-ray: $(VENV)/.installed-ray
	$(BIN)/python -m pytest tests/with_ray
