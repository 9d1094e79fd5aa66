# `make demo` on a fresh machine needs Python 3.11 or newer with pip, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.ready-docs

.PHONY: setup demo check test test-all bench docs
.DELETE_ON_ERROR:

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "retouch needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
# Some distributions ship Python without ensurepip; then the machine's own pip fills the environment.
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { $(PYTHON) -m venv --without-pip --clear $(VENV) && \
	  $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@

demo: setup
	@$(BIN)/retouch demo --out demo

check: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup
	$(BIN)/pytest -m "not slow"

test-all: setup
	$(BIN)/pytest

bench: setup
	@for file in benchmarks/startup.py benchmarks/poisson.py benchmarks/training.py benchmarks/inpaint.py benchmarks/restore.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

docs: $(DOCS_READY)
	$(BIN)/python docs/make.py
	$(BIN)/zensical build --clean
