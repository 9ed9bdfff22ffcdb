# Everything is set up on the way; `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup venv programs demo test chaos bench lint format lock clean

# The distribution's own Python where it will do: built with profiles of use (PGO), it needs a third less CPU than one that
# a version manager has compiled without.
ifeq ($(origin PYTHON), undefined)
FITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON := $(shell /usr/bin/python3 -c '$(FITS)' 2>/dev/null && echo /usr/bin/python3 || echo python3)
endif
BIN := .venv/bin
INSTALLED := .venv/.installed
PROGRAMS := asterisk sipp baresip espeak-ng postgresql

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: PROGRAMS := asterisk sipp baresip espeak-ng
demo: setup ## The center at work: a real PBX, simulated callers and operators, DEMO_SECONDS=60
	@$(BIN)/python -m benchmarks.demo

test: setup ## Every test, those on a real Asterisk and PostgreSQL included
	@$(BIN)/python -m pytest $(ARGS)

chaos: setup ## Kill, freeze and starve every part under load, and compare three logs
	@$(BIN)/python -m benchmarks.chaos

bench: setup ## Side by side with app_queue, recovery, cost of a decision
	@$(BIN)/python -m benchmarks.bench

lint: venv ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy telephony handlers tests benchmarks
	@$(BIN)/lint-imports

format: venv ## Let ruff lay out the code
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

# Both wait for the network most of the time, so they go side by side.
setup: ## Make .venv, fetch Asterisk and the other programs where this machine lacks them
	@$(MAKE) --no-print-directory -j2 venv programs PROGRAMS="$(PROGRAMS)"

venv: $(INSTALLED)

programs:
	@$(PYTHON) -m telephony.pbx.install $(PROGRAMS) >/dev/null

$(INSTALLED): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is not Python 3.11 or newer: name one, as in make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing: install Debian's package python3-venv" >&2; exit 1; }
	@echo "gudok: installing Python packages into .venv" >&2
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock: venv ## Pin the dependencies anew; UPGRADE=--upgrade takes the latest
	@command -v uv >/dev/null || [ -x $(BIN)/uv ] || $(BIN)/python -m pip install -q uv
	@for extra in "-o requirements.txt" "--group dev -c requirements.txt -o requirements-dev.txt"; do \
		PATH="$(BIN):$$PATH" uv pip compile --quiet --no-config --no-header --generate-hashes --universal \
			--python-version 3.11 $(UPGRADE) pyproject.toml --extra postgres $$extra; \
	done

clean: ## Remove .venv and what tools leave; the cache of programs stays
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
