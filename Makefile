# Titan's one list of commands. `make help` prints it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/tools/bin/uv
WORKERS ?= 2
ARGS ?=

digest = $(shell cat $(1) pyproject.toml | sha256sum | cut -c1-16)
UV_STAMP := $(VENV)/.uv-$(call digest,requirements/uv.txt)
RUNNER := $(VENV)/.runner-$(call digest,requirements/runner.txt)
DEV := $(VENV)/.dev-$(call digest,requirements/dev.txt requirements/oracles.txt)
LAB := $(VENV)/.lab-$(call digest,requirements/dev.txt requirements/lab.txt)
DOCS := $(VENV)/.docs-$(call digest,requirements/dev.txt requirements/docs.txt)
# The development environment holds everything that the runner needs.
RUNNER_OR_DEV := $(if $(wildcard $(DEV)),$(DEV),$(RUNNER))

ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.PHONY: help run test slow proof notebooks check export docs lab bench oracles report lock clean

help: ## print this list
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 10

$(UV_STAMP): requirements/uv.txt
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: Python 3.11 or later is needed; name one with PYTHON=/path/to/python3" >&2; exit 2; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $(VENV)/tools --require-hashes -r $<
	@rm -f $(VENV)/.uv-* && touch $@

# Setup speaks on stderr, because the last line of stdout belongs to the program.
define install
	@echo "setting up $(VENV) from $(1)" >&2
	@rm -f $(VENV)/.runner-* $(VENV)/.dev-* $(VENV)/.lab-* $(VENV)/.docs-*
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes $(1) >&2
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . >&2
endef

$(RUNNER): $(UV_STAMP)
	$(call install,requirements/runner.txt)
	@touch $@

$(DEV): $(UV_STAMP)
	$(call install,requirements/dev.txt)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/oracles.txt >&2
	@touch $@

$(DOCS): $(DEV)
	@echo "adding Sphinx to $(VENV)" >&2
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/docs.txt >&2
	@touch $@

$(LAB): $(DEV)
	@echo "adding JupyterLab to $(VENV)" >&2
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/lab.txt >&2
	@touch $@

run: $(RUNNER_OR_DEV) ## set up and run titan-live $(ARGS)
	@exec $(BIN)/titan-live $(ARGS)

# Trials of the whole stack that every change has to pass; make proof runs more of them.
SEEDS ?= 500

test: $(DEV) ## run the tests with branch coverage, and 500 seeds against a failing exchange
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-branch --cov-report=term --cov-fail-under=95 $(ARGS)
	@$(if $(ARGS),,$(BIN)/titan chaos --seeds $(SEEDS) --workers $(WORKERS))
	@echo "make test: all tests passed, branch coverage is at least 95%"

slow: $(DEV) ## run the tests that make test leaves out: they take minutes, and some read the recorded market
	@TITAN_SLOW=1 $(BIN)/python -m pytest -n $(WORKERS) $(shell grep -rl --include='*.py' TITAN_SLOW tests) $(ARGS)

proof: $(DEV) ## run the long trials of proof/, each under an hour, from where they were left
	@$(BIN)/python -m proof $(ARGS)

notebooks: $(DEV) ## run every notebook of nbs/ in a fresh kernel (nbdev-test)
	@$(BIN)/nbdev-test --n-workers $(WORKERS) $(ARGS)

check: $(DEV) ## export drift, clean notebooks, ruff, mypy --strict, import contracts
	@$(BIN)/python -m scripts.export --check
	@$(BIN)/python -m scripts.settings_page --check
	@$(BIN)/python -m scripts.faults_page --check
	@$(BIN)/python -m scripts.studies_page --check
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "make check: run '$(BIN)/ruff format'" >&2; exit 1; }
	@$(BIN)/mypy --strict
	@$(BIN)/lint-imports
	@echo "make check: clean"

export: $(DEV) ## export nbs/ to titan/
	@$(BIN)/python -m scripts.export $(ARGS)
	@$(BIN)/python -m scripts.settings_page
	@$(BIN)/python -m scripts.faults_page
	@$(BIN)/python -m scripts.studies_page

docs: $(DOCS) ## build the documentation site, offline, in docs/_build/html
	@$(BIN)/python -m scripts.pages $(ARGS)
	@$(BIN)/python -m sphinx -q -W --keep-going -j auto -c docs -d docs/_build/doctrees docs/_build/source docs/_build/html \
		|| { rm -rf docs/_build/doctrees; exit 1; } # or the next build would not warn of the same page again
	@$(BIN)/python -m scripts.pages.check docs/_build/html
	@echo "make docs: docs/_build/html/index.html"

lab: $(LAB) ## open JupyterLab on the quick start
	@exec $(BIN)/jupyter-lab research/quick_start.ipynb $(ARGS)

bench: $(DEV) ## measure against peers and limits
	@$(BIN)/python -m bench $(ARGS)

oracles: $(DEV) ## print every number that is known from elsewhere
	@$(BIN)/python -m bench.oracles $(ARGS)

report: $(DEV) ## write the daily report
	@$(BIN)/titan report daily $(ARGS)

# --no-header and --no-emit-* keep every registry's address out of the locks.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --no-annotate
lock: $(UV_STAMP) ## resolve requirements/*.txt anew
	@$(COMPILE) requirements/uv.in -o requirements/uv.txt
	@$(COMPILE) pyproject.toml requirements/build.in -o requirements/runner.txt
	@$(COMPILE) pyproject.toml requirements/build.in --extra reports --extra schedule --extra fits --extra studies --extra dev -c requirements/runner.txt -o requirements/dev.txt
	@$(COMPILE) --no-deps requirements/oracles.in -o requirements/oracles.txt
	@$(COMPILE) --no-deps requirements/peers-hftbacktest.in -o requirements/peers-hftbacktest.txt
	@$(COMPILE) requirements/peers-nautilus.in -o requirements/peers-nautilus.txt
	@$(COMPILE) pyproject.toml --extra research --extra fits -c requirements/dev.txt -o requirements/lab.txt
	@$(COMPILE) pyproject.toml --extra docs -c requirements/dev.txt -o requirements/docs.txt
	@$(COMPILE) pyproject.toml --extra cluster -c requirements/dev.txt -o requirements/cluster.txt

clean: ## remove what can be made again (.venv, caches, coverage, the site)
	@rm -rf $(VENV) .venv-peers docs/_build .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
