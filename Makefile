# Type `make` or `make help` for the list of targets.
#
# PYTHON=python3.12 chooses the interpreter of a new environment. PROFILE=imagenet chooses the images
# and classifiers of every chapter. RCX_PARAMETERS='lambda_k=10' sets any other parameter of the
# chapters.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BOOK_ARGS ?=
PYTEST_ARGS ?=

# An environment that cannot run its own pip (interpreter gone, folder moved) is made again.
HEALTHY := $(findstring $(CURDIR)/$(VENV)/,$(shell $(BIN)/pip --version 2>/dev/null))

.DEFAULT_GOAL := help
.PHONY: help book notebooks test lint clean new-environment

# The list is made from the comments that begin with two #, behind the targets' names.
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

book: $(VENV)/.installed-book ## the report, in book/_build/html/index.html
	$(BIN)/jupyter-book build $(BOOK_ARGS) book/

notebooks: book ## the report's chapters as they were run, in notebooks/
	mkdir -p notebooks
	cp book/_build/html/_sources/*.ipynb notebooks/

test: $(VENV)/.installed-dev ## the tests; PYTEST_ARGS='-m ""' runs the slow ones too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses=4 $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean: ## forget the built book and the chapters that were run
	rm -rf book/_build .rcx

$(VENV)/.installed-%: pyproject.toml $(if $(HEALTHY),,new-environment)
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

new-environment:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "rcx needs Python 3.11 or later, and $(PYTHON) is not: name one with PYTHON=..."; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
