# Everything runs in .venv at the root of the checkout; each target installs only what is missing.
#   make demo    the DIAG notebook on the embedded default     make test    what continuous integration runs
#   make help    all targets

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
JOBS ?= 2
N_AUG ?= 100
BOOK_PROFILE ?= laptop
BOOK_REPOSITORY ?=
PAPER ?= in_and_out
PROFILE ?= laptop
CORES ?= 2
DATASET ?=
GRID ?=

BIN := .venv/bin
STAMP := .venv/.installed
PIP := -m pip install --quiet --disable-pip-version-check
SOURCES := defectlab tests benchmarks .ci

# The kernel of .venv, not one of the same name that the user has registered; idle threads do not spin.
export JUPYTER_PREFER_ENV_PATH := 1
export OMP_WAIT_POLICY := PASSIVE
export PYTHONUTF8 := 1

.PHONY: help setup demo grid test lint unit notebooks book book-smoke zip browser bench lock clean

.NOTPARALLEL:  # the cheap checks of `test` first, in the order they are named

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

setup: $(STAMP)  ## install the locked packages and this one into .venv

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "defectlab needs Python 3.11 or later, found " + sys.version.split()[0] + "; set PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (some gigabytes at first, nothing when it is up to date)"
	@$(BIN)/python $(PIP) -r requirements.lock
	@$(BIN)/python $(PIP) --no-deps -e .
	@touch $@

demo: $(STAMP)  ## run the DIAG notebook on the embedded default: minutes on two cores, nothing to download
	$(BIN)/defectlab run diag -p n_aug $(N_AUG)

grid: $(STAMP)  ## run a paper's grid: PAPER=in_and_out or diag, PROFILE, CORES, DATASET; GRID='-p epochs 5 --seeds 0 1'
	$(BIN)/defectlab grid run $(PAPER) --profile $(PROFILE) --cores $(CORES) $(if $(DATASET),--dataset $(DATASET)) $(GRID)

test: lint unit notebooks book-smoke  ## all checks: lint, types, unit tests, notebooks, book

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

unit: $(STAMP)  ## unit tests with coverage
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --durations 15 --cov --cov-report term

notebooks: $(STAMP)  ## nbval on every notebook at the smoke profile
	DEFECTLAB_PROFILE=smoke $(BIN)/python -m pytest --nbval-lax --nbval-current-env -p no:cacheprovider --durations 5 notebooks

book-smoke: $(STAMP)
	$(BIN)/python -m defectlab.book --profile smoke

book: $(STAMP)  ## build the book from stored runs, executing what is stale; BOOK_PROFILE=smoke for a quick one
	$(BIN)/python -m defectlab.book --profile $(BOOK_PROFILE) $(if $(BOOK_REPOSITORY),--repository $(BOOK_REPOSITORY))

zip: $(STAMP)  ## the book as one file with its checksum, and as one page to print: _build/defectlab-book-VERSION.zip
	$(BIN)/python -m defectlab.book --profile $(BOOK_PROFILE) $(if $(BOOK_REPOSITORY),--repository $(BOOK_REPOSITORY)) --zip

browser: .venv-browser/.installed  ## open every page of the built book in Chromium and check it; BOOK=FOLDER for another book
	@.venv-browser/bin/python -m pytest tests/browser --confcutdir tests/browser -p no:cacheprovider $(if $(BOOK),--book $(BOOK))

# The extra alone, read from pyproject.toml: the package itself would bring torch.
.venv-browser/.installed: pyproject.toml
	@test -x .venv-browser/bin/python || $(PYTHON) -m venv .venv-browser
	@.venv-browser/bin/python -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["browser"]))' > .venv-browser/requirements.txt
	@.venv-browser/bin/python $(PIP) -r .venv-browser/requirements.txt
	@touch $@

bench: .venv-bench/.installed  ## benchmarks beside peers that pip can install, in an environment of their own
	@for script in benchmarks/*.py; do echo "== $$script"; .venv-bench/bin/python "$$script"; done

.venv-bench/.installed: pyproject.toml
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python $(PIP) -e '.[comparison]'
	@touch $@

lock: $(STAMP)  ## write requirements.lock and environment.yml from what is installed
	$(BIN)/python .ci/lock.py

clean:  ## remove builds and caches; runs, the book's stored runs and .venv stay
	rm -rf _build dist build .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage htmlcov
	find defectlab tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
