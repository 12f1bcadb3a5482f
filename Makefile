# Everyday commands. A fresh clone needs Python 3.11 (with venv), git and make; nothing else.
# Windows without make: README.md lists the same steps with uv.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup check test simulate bench bench-peers demo clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 13

setup: $(INSTALLED) ## create .venv and install everything from the hash lock

$(INSTALLED): requirements-dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(INSTALLED)

check: setup ## format, lint, types, import contracts, and the quick tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -m "not slow"

test: setup ## every test, whole-process ones included
	$(BIN)/python -m pytest

SEEDS ?= 100
FROM ?= 1
JOBS ?= 2

simulate: setup ## whole desks under a virtual clock: SEEDS=n FROM=k, every seed with faults of its own
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --from $(FROM) --jobs $(JOBS)

bench: setup ## ratios against reference lines, ten minutes; see docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks

bench-peers: setup ## the same frames through other projects, in environments of their own
	$(BIN)/python -m tests.benchmarks.peers

demo: setup ## the whole desk on this machine: a tour, then a prompt
	$(BIN)/dutchdesk local

clean: ## remove .venv and caches; data folders stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
