# One front door; CI and people call the same targets. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# every start that has to compile its modules anew takes three times as long
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
require = command -v $(1) > /dev/null || { echo "$(1) is missing: install the package $(2)" >&2; exit 1; }

.PHONY: help setup demo test test-unit test-core ordinary ordinary-cases chaos check schema bench bench-quality up down \
  status lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## install everything the checkout needs (quick when there is nothing to do)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Tidewatch needs Python 3.11 or newer: install it, or name it: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "setup: creating $(VENV)"
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "cannot create a virtual environment: install the package python3-venv" >&2; exit 2; }

# uv installs the other hundred and fifty in seconds; it is pinned by the same file
$(VENV)/.installed: requirements.txt $(VENV)/bin/python
	@echo "setup: installing the pinned versions"
	@awk '/^uv==/ {on = 1} on {print; if ($$0 !~ /\\$$/) exit}' requirements.txt > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.txt
	@touch $@

$(VENV)/.ready: pyproject.toml infra/local/kafka-pom.xml $(VENV)/.installed
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@bash infra/local/system-packages.sh
	@$(BIN)/python -m infra.local.fetch
	@echo "setup: compiling the scoring loops"
	@$(BIN)/python -c 'from models.pipeline.warm_up import warm_up; warm_up()'
	@touch $@
	@echo "setup: ready; the command is $(BIN)/tidewatch"

demo: setup ## start everything, feed it this machine and simulated services; ONCE=1: inject faults, check every link, end
	@exec $(BIN)/tidewatch demo $(if $(ONCE),--once)

test: setup ## every test, on real services
	@exec $(BIN)/python -m pytest $(ARGS)

test-unit: setup ## the tests of single modules (seconds)
	@exec $(BIN)/python -m pytest --numprocesses auto tests/unit $(ARGS)

test-core: setup ## every test that needs no service (a minute)
	@exec $(BIN)/python -m pytest --numprocesses auto tests/unit tests/contract tests/property tests/accuracy $(ARGS)

ordinary: setup ## ordinary days, 5 seeds each: what is told, what stays quiet (ARGS="--only clocks --verbose")
	@exec $(BIN)/python -m tests.ordinary $(ARGS)

ordinary-cases: setup ## the field cases of a folder: CASES=../shared/cases
	@exec $(BIN)/python -m tests.ordinary.field_cases $(or $(CASES),cases)

chaos: setup ## kill workers, broker and PostgreSQL at random (CHAOS_SECONDS=90), then count what came through
	@exec env $(if $(CHAOS_SECONDS),TIDEWATCH_CHAOS_SECONDS=$(CHAOS_SECONDS)) \
	  $(BIN)/python -m pytest tests/chaos/everything_dies.py -s $(ARGS)

check: setup ## lint, format, types, import fence, examples in docstrings, Prometheus and Alertmanager files
	@echo "ruff";         $(BIN)/ruff check . && $(BIN)/ruff format --check --quiet .
	@echo "mypy";         $(BIN)/mypy
	@echo "import fence"; $(BIN)/lint-imports --no-logo > $(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }
	@echo "doctests";     $(BIN)/python -m pytest --doctest-modules --ignore infra/store/schema/migrations models infra agents
	@echo "promtool";     $(call require,promtool,prometheus); \
	  promtool check rules prometheus/rules/*.yml; promtool test rules prometheus/tests/*.yml
	@echo "amtool";       $(call require,amtool,prometheus-alertmanager); amtool check-config alertmanager/alertmanager.yml

schema: setup ## write infra/store/schema/current.sql anew, from the migrations
	@exec $(BIN)/python -m infra.local.schema_file

bench: setup ## measure speed, scale, memory (45 min; ARGS=--quick, ARGS="--only latency"); tables and JSON in benchmarks/results
	@exec $(BIN)/python -m benchmarks $(ARGS)

bench-quality: setup ## measure detection on labelled data: DATA=folder, ARGS="--only nab --detector tidewatch"
	@[ -n "$(DATA)" ] || { echo "name the folder of labelled data: make bench-quality DATA=../shared/data" >&2; exit 2; }
	@exec $(BIN)/python -m benchmarks.quality $(DATA) $(ARGS)

up: setup ## start the embedded stack in the background
	@exec $(BIN)/tidewatch up

down: ## stop it
	@exec $(BIN)/tidewatch down

status: ## what runs, where
	@exec $(BIN)/tidewatch status

image: ## build the images tidewatch and tidewatch-worker (Docker Engine 25, Compose 2)
	@bash infra/docker/image.sh build

image-test: image ## run docker-compose.yml on the images, beside a stack that runs already, and look; SMALL_WORKERS=1
	@exec bash infra/docker/image.sh test

lock: ## pin every dependency anew (names, versions and hashes; no index address)
	$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-header --no-emit-index-url --output-file requirements.txt

clean: ## stop the stack; delete its data, caches and the virtual environment
	@if [ -x $(BIN)/tidewatch ]; then $(BIN)/tidewatch down; fi
	rm -rf .tidewatch .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist $(VENV)
