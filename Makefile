# The two commands are `make build` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Set but empty is unset, for dbt too: a line of .env counts then. So no ?= here, for which empty is set.
SETTINGS := RAW_DIR DUCKDB_PATH PUBLISH_DIR DBT_TARGET_PATH COMPACT_AFTER DUCKDB_MEMORY_LIMIT DUCKDB_THREADS EXPORT_ZIP_PASSWORD \
	CONVEX_URL CONVEX_DEPLOY_KEY CONVEX_SELF_HOSTED_URL CONVEX_SELF_HOSTED_ADMIN_KEY CONVEX_PUBLISH_KEY
$(foreach name,$(SETTINGS),$(if $(value $(name)),,$(eval unexport $(name))))

# DuckDB 1.5 builds the releases. With DUCKDB=2, DuckDB 2 builds into separate directories: make test DUCKDB=2
DUCKDB := $(or $(DUCKDB),1)
APART := $(if $(filter 2,$(DUCKDB)),-duckdb2)
ifneq ($(APART),)
export DUCKDB_PATH := $(or $(value DUCKDB_PATH),data/build_duckdb2.duckdb)
export PUBLISH_DIR := $(or $(value PUBLISH_DIR),data/published_duckdb2)
export DBT_TARGET_PATH := $(or $(value DBT_TARGET_PATH),target/duckdb2)
endif

PYTHON := $(or $(PYTHON),python3)
VENV := .venv$(APART)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DBT := $(BIN)/python -m common.run_dbt
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev

# The daily targets, in this order; `make help` lists the others after them.
EVERY_DAY := build diff console sync push docs lint governance fix test

.PHONY: help
help: ## this list
	@awk -F ':.*## ' -v first='$(EVERY_DAY)' ' \
		/^[a-z-]+:.*## / { text[$$1] = sprintf("  make %-14s %s", $$1, $$2); names[++count] = $$1 } \
		END { \
			print "Every day:"; \
			for (n = split(first, daily, " "); i++ < n;) { print text[daily[i]]; listed[daily[i]] } \
			print "\nThe rest:"; \
			for (i = 1; i <= count; i++) if (!(names[i] in listed)) print text[names[i]] }' $(MAKEFILE_LIST)

.PHONY: env
env: $(DEV) ## install the environment in .venv/, with the tools that check the project

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)

# Each lock adds to the one before: runtime.txt, dev.txt, and with DUCKDB=2 duckdb2.txt, whose pins replace theirs.
INSTALL := $(PIP) install --no-deps --require-hashes -r
DUCKDB2 := $(if $(APART),requirements/duckdb2.txt)

$(RUNTIME): requirements/runtime.txt $(DUCKDB2) pyproject.toml palette.py | $(BIN)/python
	$(INSTALL) $<
	$(if $(DUCKDB2),$(INSTALL) $(DUCKDB2))
	$(PIP) install --no-deps --no-index --no-build-isolation .
	touch $@

$(DEV): requirements/dev.txt $(DUCKDB2) $(RUNTIME)
	$(INSTALL) $<
	$(if $(DUCKDB2),$(INSTALL) $(DUCKDB2))
	touch $@

# Settings of .env reach dbt too, by the same rule as everything else: the environment goes before them.
WITH_ENV = $(BIN)/python -m common.with_env

.PHONY: build
build: $(RUNTIME) ## build, test and publish the warehouse, from the landed data or else from the sample, if anything has changed (FORCE=1: anyway)
	@$(BIN)/python seeds/check.py
	@$(BIN)/python -m publish.sample
	$(BIN)/python -m extract load --if-empty sample/convex-export.zip
	@$(if $(FORCE),false,$(WITH_ENV) $(BIN)/python -m publish.up_to_date) || { $(WITH_ENV) $(DBT) --quiet build && \
		$(WITH_ENV) $(BIN)/python -m publish.unit_tests && $(BIN)/python -m publish; }
	@$(BIN)/python -m publish.summary

.PHONY: unit-tests
unit-tests: $(RUNTIME) ## run the unit tests, unless they have passed on the code of the last build
	@$(WITH_ENV) $(BIN)/python -m publish.unit_tests

.PHONY: diff
diff: $(RUNTIME) ## the rows that your edit changes: built and compared with what is published, not published (LIMIT=3, MARKDOWN=1, SELECT=synonyms+, RENAMES=docs/renames.csv, RELEASE=…)
	@$(BIN)/python seeds/check.py >&2
	@$(BIN)/python -m publish.sample
	@$(BIN)/python -m extract load --if-empty sample/convex-export.zip >&2
	@$(WITH_ENV) $(DBT) --quiet build $(if $(SELECT),--select '$(SELECT)') >&2
	@$(BIN)/python -m publish diff $(if $(LIMIT),--limit $(LIMIT)) $(if $(MARKDOWN),--markdown) --renames $(or $(RENAMES),docs/renames.csv) $(RELEASE)

.PHONY: sync
sync: $(RUNTIME) ## land what has changed in the Convex deployment (CONVEX_URL, CONVEX_DEPLOY_KEY)
	$(BIN)/python -m extract sync

.PHONY: push
push: $(RUNTIME) ## push the published results to the Convex deployment (CONVEX_URL, CONVEX_PUBLISH_KEY)
	$(BIN)/python -m publish push

.PHONY: console
console: $(DEV) ## open a read-only SQL shell on the current release; reads SQL from stdin, too
	@$(BIN)/python -m publish console

.PHONY: csv
csv: $(DEV) ## write a published table as CSV to data/csv/ (TABLE=tag_totals)

.PHONY: parquet
parquet: $(DEV) ## write a published table as Parquet to data/parquet/; a release has no file of the largest (TABLE=tag_values)

csv parquet:
	$(if $(TABLE),,$(error name a table: make $@ TABLE=tag_totals))
	@mkdir -p data/$@
	@$(BIN)/python -m publish console -- -c "copy (from \"$(TABLE)\") to 'data/$@/$(TABLE).$@'$(if $(filter parquet,$@), (compression zstd))"
	@echo 'data/$@/$(TABLE).$@'

# dbt's docs have a target directory of their own, so that the results of dbt build in target/ can still be published.
.PHONY: docs
docs: build $(DEV) ## build, and write the documentation site to site/; it works from the disk (SAMPLE_ROWS=10 of each table, 0: none)
	$(WITH_ENV) sh -c 'DBT_TARGET_PATH="$${DBT_TARGET_PATH:-target}/docs" $(DBT) --quiet docs generate'
	$(BIN)/python -m docsite $(if $(SAMPLE_ROWS),--sample-rows $(SAMPLE_ROWS))

.PHONY: picture
picture: parse ## update the picture of the models in docs/architecture.md
	$(BIN)/python -m docsite.subjects "$${DBT_TARGET_PATH:-target}/parse/manifest.json"

# Three implementations that others wrote, to compare with. If one can't be installed, its tests are skipped and say so.
CONTRACT := tests/contract/build/schema.json
VALUES := tests/convex_values/node_modules/.package-lock.json
AIRBYTE := .venv-airbyte/.installed
CONVEX_JUDGES := $(if $(shell command -v npm),$(CONTRACT) $(VALUES))
NO_NPM := echo "no npm: the tests with Convex's types and encoder are skipped; install Node.js 20 or later"

# What `make bench` compares with. If it can't be installed, it is left out, and a line says so.
POLARS := .venv-polars/.installed

# Quick checks run first, two at a time.
.PHONY: test
test: $(DEV) ## run the checks and tests that prove the product
	@$(MAKE) --no-print-directory --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync) lint types governance test-examples
	@$(MAKE) --no-print-directory pytest

.PHONY: test-all
test-all: $(DEV) judges $(POLARS) unzip chromium $(if $(APART),,test-readers) ## run what `make test` leaves out: soaks, long histories, browsers, benchmarks, tools
	$(PYTEST) -m further

.PHONY: lint
lint: lint-python lint-sql lint-yaml lint-seeds lint-docker workflows spelling ## check layout, style and spelling of Python, SQL, YAML, seeds, Dockerfile and workflows (make fix fixes what is safe)

.PHONY: lint-python
lint-python: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: lint-sql
lint-sql: $(DEV)
	$(BIN)/sqlfluff lint --processes 2 analyses models functions tests

.PHONY: lint-yaml
lint-yaml: $(DEV)
	$(BIN)/yamllint --strict .

.PHONY: workflows
workflows: $(DEV) ## check the schema and security of workflows and issue forms in .github/
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml
	$(BIN)/zizmor --offline --quiet --persona pedantic .github

.PHONY: lint-seeds
lint-seeds: $(DEV)
	$(BIN)/python seeds/check.py

.PHONY: lint-docker
lint-docker: $(DEV)
	$(BIN)/hadolint Dockerfile

.PHONY: spelling
spelling: $(DEV) ## check British spelling and typos
	$(BIN)/typos || { echo "Write it as proposed (make fix does in Markdown); a name that others gave goes into typos.toml, with its reason"; exit 1; }

.PHONY: types
types: $(DEV) ## check the types of the Python code
	$(BIN)/ty check --error-on-warning palette.py common convex docsite extract governance publish benchmarks seeds tests

.PHONY: parse
parse: $(DEV) ## parse the dbt project, with deprecations as errors
	DBT_TARGET_PATH="$${DBT_TARGET_PATH:-target}/parse" $(DBT) --quiet parse --no-partial-parse --warn-error-options '{"error": ["Deprecations"]}'

.PHONY: governance
governance: $(DEV) ## parse the dbt project and check its conventions; each breach with its fix (report: target/governance/report.md)
	$(BIN)/python -m governance

# Three workers on two cores, since many tests wait. In order of name: in xdist's order, by number of tests, the slow
# ones would run last, and alone.
PYTEST := $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: pytest
pytest: $(DEV) $(CONVEX_JUDGES) ## run the Python tests of the product: landing, counting, publishing, on made-up and on hostile input
	@$(if $(CONVEX_JUDGES),,$(NO_NPM))
	$(PYTEST) -m 'not further'

# The browser for the tests of the docs site. If it can't be installed, those tests are skipped and say so.
ifeq ($(value CHROMIUM),)
CHROMIUM = $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
endif
export CHROMIUM

.PHONY: chromium
chromium: ## install Chromium by apt-get if possible (CHROMIUM=PATH names another)
	@if [ -z "$(CHROMIUM)" ] && [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		{ apt-get install -qq -y --no-install-recommends chromium || \
			{ apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; }; } > /dev/null 2>&1; fi
	@command -v "$${CHROMIUM:-chromium}" > /dev/null || \
		echo "no Chromium: the docs site isn't tested in a browser; install the package chromium, or name one with CHROMIUM="

.PHONY: test-docs
test-docs: $(DEV) chromium ## test the docs site in a browser; screenshots in site-screenshots/
	@command -v "$${CHROMIUM:-chromium}" > /dev/null
	$(BIN)/pytest tests/python/test_docsite.py tests/python/test_docsite_browser.py

.PHONY: judges
judges: $(CONVEX_JUDGES) $(AIRBYTE) ## install what tests compare with: Convex's types and encoder, and airbyte-source-convex
	@$(if $(CONVEX_JUDGES),,$(NO_NPM))

$(CONTRACT): $(addprefix tests/contract/,package-lock.json contract.ts make-schema.mjs)
	npm --prefix tests/contract ci --silent --ignore-scripts
	cd tests/contract && node make-schema.mjs

$(VALUES): tests/convex_values/package-lock.json
	npm --prefix tests/convex_values ci --silent --ignore-scripts --omit=optional
	@touch $@

$(AIRBYTE): requirements/airbyte.txt | $(BIN)/python
	@rm -rf $(@D) && mkdir $(@D)
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 12))'; then \
		$(BIN)/python -m venv $(@D) && \
		$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r $<; \
	else echo "Python 3.12 or later: the tests with airbyte-source-convex are skipped; it runs on 3.9 to 3.11"; fi
	@touch $@

# For comparison with the weighted consensus. It takes 25 s and 400 MB to install, so only `make labels` uses it.
CROWDKIT := .venv-crowdkit/.installed

.PHONY: labels
labels: $(RUNTIME) $(CROWDKIT) ## compare the weighted consensus with crowd-kit's methods on votes with known answers (LABELS=DIR of CSV files)
	$(if $(LABELS),,$(error name a folder of labelled votes: make labels LABELS=DIR, see benchmarks/labels.py))
	PYTHONPATH=. $(BIN)/python -m benchmarks.labels '$(LABELS)'

.PHONY: simulate
simulate: $(DEV) ## compare the weighted consensus with the majority on random votes, with and without shared mistakes (PALETTES="25 100 500 2000", WORLDS=20)
	PYTHONPATH=. $(BIN)/python -m benchmarks.simulate --palettes $(or $(PALETTES),25 100 500 2000) --worlds $(or $(WORLDS),20)

$(CROWDKIT): requirements/crowdkit.txt | $(BIN)/python
	@rm -rf $(@D)
	@$(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r $< && touch $@ || \
		{ rm -rf $(@D); echo "no crowd-kit: it could not be installed, and is left out"; }

# A Convex app and a Node script, on the release of a build of the sample.
EXAMPLE := examples/convex
EXAMPLE_DATA := $(EXAMPLE)/build$(APART)
EXAMPLE_SETTINGS = RAW_DIR=$(EXAMPLE_DATA)/raw DUCKDB_PATH=$(EXAMPLE_DATA)/build.duckdb PUBLISH_DIR=$(EXAMPLE_DATA)/published \
	DBT_TARGET_PATH=$(EXAMPLE_DATA)/target DBT_LOG_PATH=$(EXAMPLE_DATA)/logs

.PHONY: test-examples
test-examples: $(if $(shell command -v npm),$(EXAMPLE)/node_modules/.package-lock.json $(EXAMPLE_DATA)/.published) ## check the types of the example app in examples/convex, and test it on a release of the sample
	@$(if $(shell command -v npm),,echo "no npm: the example app isn't tested; install Node.js 20 or later")
	$(if $(shell command -v npm),npm --prefix $(EXAMPLE) run --silent types)
	$(if $(shell command -v npm),$(EXAMPLE_SETTINGS) npm --prefix $(EXAMPLE) test --silent)

$(EXAMPLE)/node_modules/.package-lock.json: $(EXAMPLE)/package-lock.json
	npm --prefix $(EXAMPLE) ci --silent --ignore-scripts
	@touch $@

$(EXAMPLE_DATA)/.published: sample/convex-export.zip dbt_project.yml profiles.yml $(RUNTIME) \
		$(shell find common convex extract functions macros models publish seeds -type f ! -name '*.pyc' 2>/dev/null)
	rm -rf $(EXAMPLE_DATA)
	$(EXAMPLE_SETTINGS) $(BIN)/python -m extract load sample/convex-export.zip
	$(EXAMPLE_SETTINGS) $(DBT) --quiet build
	$(EXAMPLE_SETTINGS) $(BIN)/python -m publish --allow-untested
	@touch $@

# The oldest supported DuckDB and the newest read a release: 20 MB each, so in `make test-all`.
READERS := $(foreach age,oldest newest,.venv-readers-$(age)/.installed)
RELEASED := $(EXAMPLE_DATA)/published/current/palettes.duckdb

.PHONY: test-readers
test-readers: $(RUNTIME) $(READERS) $(EXAMPLE_DATA)/.published ## read a release with the oldest supported DuckDB and the newest, in sessions of all kinds
	@expected=$$($(BIN)/python tests/readers.py $(RELEASED)) && \
		for age in oldest newest; do .venv-readers-$$age/bin/python tests/readers.py $(RELEASED) $$expected || exit 1; done

.venv-readers-%/.installed: requirements/readers-%.txt | $(BIN)/python
	@rm -rf $(@D)
	@$(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r $<
	@touch $@

.PHONY: fix
fix: $(DEV) ## fix layout, style and spelling where that is safe
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/python seeds/check.py --fix
	$(BIN)/sqlfluff fix --processes 2 --rules $(SAFE_SQL_RULES) analyses models functions tests || true
	find . -name '*.md' -not -path '*/node_modules/*' -not -path './.venv*' | xargs $(BIN)/typos --write-changes --force-exclude || true
	@echo "make lint shows what is left"

# They fix white space, the place of commas and the case of keywords, never the meaning of a query. A misspelt word in code may
# be a name, so words are fixed in Markdown only.
SAFE_SQL_RULES := LT01,LT02,LT03,LT04,LT06,LT07,LT08,LT09,LT10,LT11,LT12,LT13,LT15,CP01

.PHONY: polars
polars: $(POLARS) ## install polars in an environment of its own, for make bench

$(POLARS): requirements/polars.txt | $(BIN)/python
	@rm -rf $(@D)
	@$(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r $< && touch $@ || \
		{ rm -rf $(@D); echo "no polars: it could not be installed, and is left out"; }

.PHONY: unzip
unzip: ## install unzip by apt-get if possible, for make bench
	@if ! command -v unzip > /dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		{ apt-get install -qq -y --no-install-recommends unzip || \
			{ apt-get update -qq && apt-get install -qq -y --no-install-recommends unzip; }; } > /dev/null 2>&1 || true; fi

BENCH_RESULTS = $(if $(RESULTS),--results '$(RESULTS)')

.PHONY: bench
bench: $(RUNTIME) $(POLARS) unzip ## measure time and memory of every stage and of alternatives, into benchmarks/results.md (SCALE="5000 40000" palettes, RUNS=3)
	$(BIN)/python -m benchmarks.bench --palettes $(or $(SCALE),5000 40000) --runs $(or $(RUNS),3) $(BENCH_RESULTS)

.PHONY: bench-growth
bench-growth: $(RUNTIME) unzip ## measure how time and memory grow, into benchmarks/results.md (SCALE="5000 10000 20000 40000 80000" palettes, RUNS=1)
	$(BIN)/python -m benchmarks.growth --palettes $(or $(SCALE),5000 10000 20000 40000 80000) --runs $(or $(RUNS),1) $(BENCH_RESULTS)

.PHONY: bench-changes
bench-changes: $(RUNTIME) ## measure a build after a sync, and after many in a row, into benchmarks/results.md (SCALE=40000, RUNS=3, SYNCS=200)
	$(BIN)/python -m benchmarks.changes --palettes $(or $(SCALE),40000) --runs $(or $(RUNS),3) --syncs $(or $(SYNCS),200) $(BENCH_RESULTS)

.PHONY: bench-sync
bench-sync: $(RUNTIME) $(AIRBYTE) ## measure a sync beside airbyte-source-convex (DOCUMENTS=1000000, RUNS=3)
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.sync_speed --documents $(or $(DOCUMENTS),1000000) --runs $(or $(RUNS),3)

.PHONY: soak
soak: $(DEV) ## test a sync under constant change, faults and SIGKILL (KILLS=200, SEED=1, OLDER_API=1)
	PYTHONPATH=.:tests $(BIN)/python tests/soak.py --kills $(or $(KILLS),200) --seed $(or $(SEED),1) $(if $(OLDER_API),--older-api)

.PHONY: soak-builds
soak-builds: $(DEV) ## test incremental builds against full builds over random histories (HISTORIES=20)
	HISTORIES=$(or $(HISTORIES),20) $(BIN)/pytest tests/python/test_builds_by_change.py

.PHONY: soak-publish
soak-publish: $(DEV) ## test readers of releases and pushes while publishers and pushers are killed (PUBLISHES=20, KILLS=20, SEED=1)
	PYTHONPATH=.:tests:tests/python $(BIN)/python tests/python/publish_soak.py --publishes $(or $(PUBLISHES),20) --kills $(or $(KILLS),20) --seed $(or $(SEED),1)

.PHONY: lock
lock: ## renew the hashed locks in requirements/ after editing pyproject.toml
	$(PYTHON) -m venv $(LOCKING)
	$(LOCKING)/bin/python -m pip --disable-pip-version-check --quiet install uv
	cat requirements/runtime.txt requirements/dev.txt > $(LOCKING)/all.txt
	$(COMPILE) pyproject.toml --group dev --universal -o $(LOCKING)/all.txt
	$(COMPILE) pyproject.toml --group build -c $(LOCKING)/all.txt --universal -o requirements/runtime.txt
	$(call pins_missing_in,requirements/runtime.txt) $(LOCKING)/all.txt > requirements/dev.txt
	cat $(LOCKING)/all.txt requirements/duckdb2.txt > $(LOCKING)/duckdb2.txt
	$(COMPILE) pyproject.toml --group dev --override requirements/duckdb2.in --universal -o $(LOCKING)/duckdb2.txt
	$(call pins_missing_in,$(LOCKING)/all.txt) $(LOCKING)/duckdb2.txt > requirements/duckdb2.txt
	$(COMPILE) requirements/airbyte.in -o requirements/airbyte.txt
	$(COMPILE) requirements/polars.in --universal -o requirements/polars.txt
	$(COMPILE) requirements/readers-oldest.in --universal -o requirements/readers-oldest.txt
	$(COMPILE) requirements/readers-newest.in --universal -o requirements/readers-newest.txt
	$(COMPILE) requirements/crowdkit.in --universal --override requirements/crowdkit-without.in -o requirements/crowdkit.txt
	rm -rf $(LOCKING)

LOCKING := .venv-lock
COMPILE := $(LOCKING)/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header --no-annotate

# The pins of one lock, each with its hashes, that another lock doesn't have.
pins_missing_in = awk 'FNR == NR { known[$$0]; next } /==/ { skip = $$0 in known } !skip' $(1)
