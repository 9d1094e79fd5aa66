# `make demo` on a fresh machine needs Python 3.11 or newer with pip, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo check test test-all bench docs dist lock
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

docs: setup
	$(BIN)/python docs/make.py
	$(BIN)/python docs/reference.py
	$(BIN)/zensical build --clean --strict
	$(BIN)/python docs/check.py site

# The wheel is built from the unpacked sdist, so that what is published can be built by others.
dist: setup
	rm -rf dist
	$(BIN)/python -m build
	@ls -l dist

# uv (pip install uv) chooses the versions; today's stay unless pyproject.toml forbids them.
lock:
	uv pip compile --quiet --universal --all-extras --python-version 3.11.5 --no-header --no-annotate \
	  -c constraints.txt pyproject.toml --output-file constraints.new
	@grep '^#' constraints.txt > constraints.head
	@sed 's/ *;.*//' constraints.new | cat constraints.head - > constraints.txt
	@rm constraints.new constraints.head
