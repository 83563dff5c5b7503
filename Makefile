# Two commands matter: `make demo` and `make test`. Each makes its own environment first.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= auto
ARGS ?=

# The first interpreter that is new enough, under whatever name; `make PYTHON=...` overrides.
NEW_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	if $$name -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then command -v $$name; break; fi; done)

.DEFAULT_GOAL := help
.PHONY: help demo test laboratory coverage simulate bench postgres postgres-stop lint types install clean

help: ## Say what can be made.
	@echo 'make TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST)

demo: $(STAMP) ## Audit the installed Python distributions with a workflow, and say where the report is.
	@$(BIN)/harmonia run examples/dependency-audit.yaml

test: lint types ## Check style, types and imports, then run every test.
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

simulate: $(STAMP) ## Run SEEDS=500 seeds FROM=0, or show SEED=123: engines, faults and people on virtual time.
	@$(BIN)/python tests/simulation/simulate.py \
		$(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),500) --from $(or $(FROM),0)) $(ARGS)

laboratory: $(STAMP) ## Run what is too long for every day, and write a dated report; PARTS=mutation for one part.
	$(BIN)/python tests/laboratory/laboratory_parts.py --jobs $(JOBS) $(if $(PARTS),--parts $(PARTS)) $(ARGS)

coverage: $(STAMP) ## Measure the branches of the pure modules; ARGS=--quick for less than a minute.
	$(BIN)/python tests/laboratory/coverage_check.py $(ARGS)

bench: $(STAMP) ## Measure the engine beside its floor, as one table.
	$(BIN)/python benchmarks/run.py $(ARGS)

postgres: $(STAMP) ## Start a PostgreSQL server for trials, and print the URL of its database.
	@$(BIN)/python -m harmonia_sql.testing start

postgres-stop: ## Stop that server; its data stay.
	@$(BIN)/python -m harmonia_sql.testing stop

lint: $(STAMP) ## Run ruff and the import contracts.
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(STAMP) ## Run mypy in strict mode.
	$(BIN)/mypy

install: $(STAMP) ## Create the environment and install everything, pinned.

# One install for the root and every distribution under plugins/; again only when one of these files changed.
$(STAMP): requirements.txt constraints.txt setup.cfg $(wildcard plugins/*/setup.cfg)
	@test -x $(BIN)/python || test -n '$(PYTHON)' || { \
		echo 'Harmonia needs Python 3.11 or later with its venv module; none was found on PATH.' >&2; \
		echo 'On Debian: apt-get install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3' >&2; \
		exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --no-build-isolation -r requirements.txt
	@touch $@

clean: ## Remove the environment and everything that was generated.
	@test ! -e .postgres || $(BIN)/python -m harmonia_sql.testing remove
	rm -rf .postgres laboratory/raw
	rm -rf $(VENV) build .tox .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf *.egg-info plugins/*/src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
