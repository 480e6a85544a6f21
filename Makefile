# make book    the report, in book/_build/html/index.html
# make notebooks   its chapters as they were run, in notebooks/
# make test    the tests; PYTEST_ARGS='-m ""' runs the slow ones too
# make lint    ruff and mypy
#
# PYTHON=python3.12 chooses the interpreter of a new environment, PROFILE=imagenet the images and
# classifiers of every chapter, RCX_PARAMETERS='lambda_k=10' any other parameter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BOOK_ARGS ?=
PYTEST_ARGS ?=

# An environment that cannot run its own pip (interpreter gone, folder moved) is made again.
HEALTHY := $(findstring $(CURDIR)/$(VENV)/,$(shell $(BIN)/pip --version 2>/dev/null))

.PHONY: book notebooks test lint clean new-environment

book: $(VENV)/.installed-book
	$(BIN)/jupyter-book build $(BOOK_ARGS) book/

notebooks: book
	mkdir -p notebooks
	cp book/_build/html/_sources/*.ipynb notebooks/

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/mypy

clean:
	rm -rf book/_build .rcx

$(VENV)/.installed-%: pyproject.toml $(if $(HEALTHY),,new-environment)
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

new-environment:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "rcx needs Python 3.11 or later, and $(PYTHON) is not: name one with PYTHON=..."; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip 'setuptools<81'
