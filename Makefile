# Two commands: `make demo` and `make test`. Both need a Python of 3.11 or newer and nothing else.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo "$$python" && break; done)
LTS := 5.26.28
BIN := .venv/bin
# Processes of tests, each with a Neo4j of its own (about 1.5 GB); a file's tests stay together.
TESTERS ?= 2
PYTEST := $(BIN)/pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.PHONY: help demo clean-demo test check audit tests lts fast install develop rivals format schema lock image clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: .venv/.installed ## a bank on this machine: database, server, worker, and queries to try
	@$(BIN)/graph-crm demo

clean-demo: .venv/.installed ## forget the demo's data
	@$(BIN)/graph-crm demo --forget

test: check audit tests lts ## everything that CI runs

check: .venv/.developed ## lint, format, types, layers, schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy plugins/*.py bench/*.py
	$(BIN)/lint-imports
	$(BIN)/graph-crm schema check

audit: .venv/.developed ## ask for advisories on every locked package (GRAPH_CRM_REQUIRE_AUDIT=1: fail if nobody answers)
	$(BIN)/python .ci/audit.py requirements.lock requirements-dev.lock requirements-bench.lock

tests: .venv/.developed ## all tests, on the current Neo4j
	$(PYTEST)

lts: .venv/.developed ## the engine, graph and concurrency tests again, on the Neo4j LTS
	GRAPH_CRM_TEST_NEO4J_VERSION=$(LTS) $(PYTEST) -m lts

fast: .venv/.developed ## what needs no database, in seconds
	$(BIN)/pytest -m "not lts" --ignore=tests/project -x -q

install: .venv/.installed ## only the platform, into .venv

develop: .venv/.developed ## the platform and the tools of a developer, into .venv

rivals: .venv/.developed ## what two benchmarks compare the platform with (scikit-learn, zen-engine), into .venv
	@$(PIP) --require-hashes --requirement requirements-bench.lock

format: .venv/.developed ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: .venv/.developed ## write schema/schema.graphql anew, after a meant change
	$(BIN)/graph-crm schema export --file schema/schema.graphql

lock: .venv/.developed ## resolve the dependencies anew into the three locks
	$(LOCK) --upgrade --extra build --output-file requirements.lock
	$(LOCK) --upgrade --extra build --extra dev --constraint requirements.lock --output-file requirements-dev.lock
	$(LOCK) --upgrade --extra bench --constraint requirements-dev.lock --output-file requirements-bench.lock

image: ## the container image
	docker build --tag graph-crm .

clean: ## remove the environment and what tools left behind (not the demo's data)
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/.created:
	@test -n "$(PYTHON)" || { echo "Needs Python 3.11 or newer with venv (Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "Making .venv with $(PYTHON) ..."
	@"$(PYTHON)" -m venv .venv
	@touch $@

.venv/.installed: .venv/.created requirements.lock pyproject.toml
	@echo "Installing the platform (locked versions, checked hashes) ..."
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.developed: .venv/.installed requirements-dev.lock
	@echo "Installing the developer's tools ..."
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@touch $@
