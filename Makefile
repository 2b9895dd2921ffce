# `make demo` and `make test` need only git, make, pip and Python 3.11 or newer.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV ?= .venv
TORCH ?= torch==2.13.0
WORKERS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# One thread a process: more only fight over the cores.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-slow lint format docs bench clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)/.dev ## Make the virtual environment with everything for development

demo: $(VENV)/.run ## Run the whole job on a simulated study and say where the report is
	$(BIN)/aam demo

test: $(VENV)/.dev ## Run the tests (not the slow ones and those that need a GPU)
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow and not gpu"

test-slow: $(VENV)/.dev ## Run the slow tests
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(WORKERS) -m "slow and not gpu"

lint: $(VENV)/.dev ## Check style, types, floors and sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/size_check.py

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## Write docs/reference.md and docs/bad-inputs.md from the program and its tests
	$(BIN)/python tools/reference.py
	$(BIN)/python tools/bad_inputs.py

bench: $(VENV)/.dev ## Run the benchmarks
	$(BIN)/python -m benchmarks

clean: ## Remove the virtual environment, caches and the demo's results
	rm -rf $(VENV) aam-demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find aam tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# torch comes first and alone, so that what depends on it finds the pinned version in place.
$(VENV)/.torch: constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "error: no Python 3.11 or newer found; install one, or name it: make demo PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON); the first time takes some minutes."
	@"$(PYTHON)" -m venv $(VENV) || \
		{ echo "error: $(PYTHON) has no venv module; on Debian or Ubuntu install python3-venv" >&2; exit 1; }
	@echo "Installing $(TORCH) ..."
	@$(PIP) "$(TORCH)"
	@touch $@

$(VENV)/.run: $(VENV)/.torch pyproject.toml
	@echo "Installing aam and what it needs ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	@echo "Installing aam with the tools for tests and checks ..."
	@$(PIP) --editable ".[test,dev]"
	@touch $(VENV)/.run $@
