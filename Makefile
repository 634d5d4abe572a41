# Every target sets up what it needs: a fresh clone needs no other command.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tiny models run 10-20 times slower when OpenMP threads spin against each other.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help packages demo test test-slow check lint format types layers setup build bench clean

help:  ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Palio needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "Installing Palio and its pinned dependencies into $(VENV) (about a minute) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "torch==2.13.0"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

setup: $(STAMP)  ## create .venv and install everything

demo: $(STAMP)  ## play a whole competition on this machine
	@$(BIN)/palio demo

# Debian packages that some tests use; without them those tests are skipped and say so.
packages:
	@missing=""; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	test -z "$$missing" && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Debian packages for the tests:$$missing ..." >&2; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null 2>&1 \
		|| echo "Could not install$$missing; the tests that use them are skipped." >&2; \
	else \
		echo "Tests that use$$missing are skipped; on Debian: sudo apt-get install$$missing" >&2; \
	fi

test: check packages  ## what CI runs: lint, format, types, layers, tests
	@$(BIN)/python -m pytest

test-slow: $(STAMP) packages  ## fault injection and whole-season tests
	@$(BIN)/python -m pytest -m slow --timeout=1800

check: lint types layers  ## the static half of make test

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(STAMP)  ## format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: $(STAMP)
	@$(BIN)/mypy

layers: $(STAMP)
	@$(BIN)/lint-imports

bench: $(STAMP)  ## measure the rules, and write JSON into benchmarks/results
	@mkdir -p benchmarks/results
	@for bench in contest simulation; do \
		echo "benchmarks/$$bench.py ..." >&2; \
		$(BIN)/python benchmarks/$$bench.py --out benchmarks/results/$$bench.json || exit 1; \
	done

build: $(STAMP)  ## build the wheel and the source archive into dist/
	@$(BIN)/python -m build --no-isolation

clean:  ## remove caches and build results (not .venv, not the demo's state)
	@rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
