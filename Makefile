# ServerFleet. `make help` explains every target.

SHELL := /bin/bash
.DEFAULT_GOAL := help
PORT ?= 8000
HOST ?= 127.0.0.1
export PORT HOST

PY := .venv/bin/python
SEED ?= 1
CHAOS := --kills 500 --stranded 150 --seconds 600 --servers 30 --seed $(SEED)
# The drill has its own data folder. These keys only let the settings load.
DRY := keys=$$(mktemp -d); trap 'rm -rf "$$keys"' EXIT; $(PY) -m serverfleet.run.data_folder "$$keys"; env -u DATABASE_URL -u REDIS_URL -u BROKER_URL SERVERFLEET_DATA="$$keys"
FIND_PYTHON := for python in python3.13 python3.12 python3.11 python3; do \
	if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; exit; fi; done

.PHONY: help run drill chaos model test test-sqlite test-postgresql check bench soak calls screenshots lock format clean

help: ## explain all targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

.venv/base.stamp: requirements/base.txt
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then echo "ServerFleet needs Python 3.11 or newer, with venv." >&2; exit 1; fi; \
	$(PY) -m pip --version >/dev/null 2>&1 || $$python -m venv --clear .venv
	@echo "Installing ServerFleet's requirements into .venv …"
	@$(PY) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/base.txt
	@touch $@

.venv/dev.stamp: requirements/dev.txt .venv/base.stamp
	@echo "Installing the requirements of tests and checks into .venv …"
	@$(PY) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

run: .venv/base.stamp ## start web, worker and scheduler, with a simulated cloud to try (PORT=8000 HOST=127.0.0.1)
	@exec $(PY) -m serverfleet.run.up

test: .venv/dev.stamp ## install and start everything that the tests need, and run them on both databases
	@requirements/install-debian
	@$(PY) -m pytest -n 4 --dist worksteal --database sqlite; sqlite=$$?; \
	$(PY) -m pytest -n 4 --dist worksteal --database postgresql; postgresql=$$?; \
	echo "SQLite: exit $$sqlite. PostgreSQL: exit $$postgresql."; \
	[ $$sqlite -eq 0 ] && [ $$postgresql -eq 0 ]

test-sqlite: .venv/dev.stamp ## run the tests only on SQLite
	@$(PY) -m pytest -n 4 --dist worksteal --database sqlite

test-postgresql: .venv/dev.stamp ## run the tests only on PostgreSQL
	@$(PY) -m pytest -n 4 --dist worksteal --database postgresql

check: .venv/dev.stamp ## check style, types, layers, templates, migrations, deploy settings and lock
	@requirements/check

drill: .venv/base.stamp ## run the drill: kill everything in a copy, then count instances (DRILL="--seconds 120 --seed 7")
	@$(DRY) $(PY) manage.py drill $(DRILL)

chaos: .venv/dev.stamp ## run the long drill on both databases: 500 kills each, 150 of them during a create call; run 500 jobs of three pools end to end, with and without kills; then kill at every boundary, and 200 times at random, over each cloud's fake
	@$(DRY) $(PY) manage.py drill --database sqlite $(CHAOS); sqlite=$$?; \
	$(DRY) $(PY) manage.py drill --database postgresql $(CHAOS); postgresql=$$?; \
	jobs=0; for database in sqlite postgresql; do CHAOS=1 DRILL_SEED=$(SEED) $(PY) -m pytest -q -n 0 --database $$database tests/end_to_end || jobs=$$?; done; \
	CHAOS=1 $(PY) -m pytest -q -n 0 --database sqlite tests/exactly_once/test_kills.py tests/exactly_once/test_fake_drills.py; clouds=$$?; \
	echo "SQLite: exit $$sqlite. PostgreSQL: exit $$postgresql. Jobs: exit $$jobs. Clouds: exit $$clouds."; \
	[ $$sqlite -eq 0 ] && [ $$postgresql -eq 0 ] && [ $$jobs -eq 0 ] && [ $$clouds -eq 0 ]

model: .venv/dev.stamp ## run the model check with its larger worlds, and print states and traces
	@MODEL=large $(PY) -m pytest tests/model -q -s -n 0

bench: .venv/dev.stamp ## measure performance, and print ratios to bare baselines (TRACE=file: replay its jobs only)
	@$(PY) -m tests.bench $(if $(TRACE),--trace "$(TRACE)")

soak: .venv/dev.stamp ## run 50 clients for a minute on each database, and check every response (SECONDS=60)
	@$(PY) -m tests.bench.soak $(SECONDS)

calls: .venv/dev.stamp ## count the calls that each cloud gets, and write them into docs/clouds.md
	@WRITE_CALLS=1 $(PY) -m pytest -q -n 0 --database sqlite tests/clouds/conformance/test_calls.py

screenshots: .venv/dev.stamp ## retake the screenshots in the docs (TO=folder: of all pages, into that folder)
	@$(PY) -m tests.screenshots $(TO)

lock: .venv/dev.stamp ## rewrite requirements/*.txt from *.in, with hashes
	@requirements/lock

format: .venv/dev.stamp ## format all code and templates
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format --quiet . ; .venv/bin/djade --target-version 5.2 $$(git ls-files 'templates/*.html') || true

clean: ## remove environments and caches, and keep var/
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
