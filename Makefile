# The two commands are `make build` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: env
env: $(DEV) ## the environment in .venv/, with the tools that check the project

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/runtime.txt | $(BIN)/python
	$(PIP) install --no-deps --require-hashes -r $<
	touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	$(PIP) install --no-deps --require-hashes -r $<
	touch $@

# Settings of .env reach dbt too; the environment goes before them.
WITH_ENV = $(if $(wildcard .env),$(BIN)/dotenv run --no-override --)

.PHONY: build
build: $(RUNTIME) ## the warehouse, from what has landed or else from the sample export: the main job
	$(BIN)/python -m extract load --if-empty sample/convex-export.zip
	$(WITH_ENV) $(BIN)/dbt --quiet build
	@$(BIN)/python -m publish.summary

.PHONY: docs
docs: build ## one page with every table, column and the lineage: target/static_index.html
	$(WITH_ENV) $(BIN)/dbt --quiet docs generate --static

.PHONY: test
test: lint types parse pytest ## everything that checks the project

.PHONY: lint
lint: $(DEV) ## layout and style of Python, SQL and YAML (make fix mends what is safe)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint --processes 2 models tests
	$(BIN)/yamllint --strict .

.PHONY: types
types: $(DEV) ## types of the Python code
	$(BIN)/ty check --error-on-warning extract publish benchmarks tests/python

.PHONY: parse
parse: $(DEV) ## the dbt project, with deprecations as errors
	$(BIN)/dbt --quiet parse --no-partial-parse --target-path $${DBT_TARGET_PATH:-target}/parse --warn-error-options '{"error": ["Deprecations"]}'

.PHONY: pytest
pytest: $(DEV) ## the tests: landing, counting, and a full build on messy data
	$(BIN)/pytest

.PHONY: fix
fix: $(DEV) ## mend layout and style where that is safe
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(RUNTIME) ## time and memory of landing and building, beside peers (SCALE=5000 palettes, RUNS=3)
	$(BIN)/python benchmarks/bench.py --palettes $(or $(SCALE),5000) --runs $(or $(RUNS),3)


.PHONY: lock
lock: ## renew the hashed locks in requirements/ after editing pyproject.toml
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip --disable-pip-version-check --quiet install uv
	$(VENV)-lock/bin/uv pip compile pyproject.toml --group dev $(LOCK) -o requirements/dev.txt
	$(VENV)-lock/bin/uv pip compile pyproject.toml -c requirements/dev.txt $(LOCK) -o requirements/runtime.txt
	rm -rf $(VENV)-lock

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header --no-annotate
