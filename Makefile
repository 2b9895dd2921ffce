# `make demo` and `make test` need only git, make, pip and Python 3.11 or newer.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV ?= .venv
TORCH ?= torch==2.13.0
# Such as https://download.pytorch.org/whl/cpu, whose torch has no CUDA and goes before that of the usual index.
TORCH_INDEX ?=
WORKERS ?= 2
# The locked torch is the public index's build, with CUDA; TORCH_LOCK= leaves a torch alone that is there already.
TORCH_LOCK ?= requirements-torch.lock
UV ?= uv==0.13.9
RACHIS ?= rachis==2026.4.0
RELEASE_TOOLS ?= build==1.6.1 hatchling==1.33.0 twine==7.0.0 cyclonedx-bom==7.5.0 py-rattler-build==0.73.0
CITATION_TOOLS ?= cffconvert==2.0.0

BIN := $(VENV)/bin
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' aam/version.py)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# Nothing is resolved: each file is named in a lock and is what its hash says, or the installation stops.
PIP_LOCKED := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes
COMPILE := $(VENV)/.uv/bin/uv pip compile --quiet --python-version 3.11 --excludes $(VENV)/.uv/excluded.txt
LOCK := $(COMPILE) --universal --generate-hashes --annotation-style line --custom-compile-command "make lock" \
	--constraint constraints.txt
# All but those of NOT_PINNED in tests/code_rules.py.
LOCKED_EXTRAS := docs hub interactive onnx r tensorboard tune test dev
BUILD_NEEDS := $(BIN)/python -c 'import tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
# They use each library that has a floor; old libraries warn of newer ones, so that warnings are no errors here.
FLOOR_TESTS ?= tests/files tests/config tests/phylogeny tests/data tests/models tests/report tests/cli
# Tests whose numbers depend on how a processor rounds.
KERNEL_TESTS ?= tests/data tests/models tests/phylogeny tests/evaluation tests/learners tests/report tests/training \
	tests/estimators
# One thread a process: more only fight over the cores.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-slow test-kernels test-release test-qiime2 lint format docs site tutorials bench lock \
	install-locked floors release sbom citation clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)/.dev ## Make the virtual environment with everything for development

demo: $(VENV)/.run ## Run the whole job on a simulated study and say where the report is
	$(BIN)/aam demo

test: $(VENV)/.dev ## Run the tests (not the slow ones and those that need a GPU)
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow and not gpu"

test-slow: $(VENV)/.dev ## Run the slow tests
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "slow and not gpu and not release"

test-release: $(VENV)/.dev ## Install a release into an empty environment with all that it needs, and use it there
	$(ONE_THREAD) $(BIN)/python -m pytest -q -m release tests/release

test-kernels: $(VENV)/.dev ## Run the numeric tests as if on older processors too, and with two threads
	$(ONE_THREAD) $(BIN)/python tools/kernel_tests.py -q -n $(WORKERS) -m "not slow and not gpu" $(KERNEL_TESTS)

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

site: $(VENV)/.dev ## Build the documentation site in build/site; it works without a network
	$(BIN)/python -m tools.docsite

tutorials: $(VENV)/.dev ## Run the tutorials as notebooks (build/tutorials) and write their pages
	$(ONE_THREAD) $(BIN)/python -m tools.tutorials

bench: $(VENV)/.dev ## Run the benchmarks
	$(BIN)/python -m benchmarks

lock: | $(VENV)/.uv ## Write the lock files: every dependency with its version and hashes
	echo > $(VENV)/.uv/excluded.txt
	echo torch | $(LOCK) --output-file requirements-torch.lock -
	echo torch > $(VENV)/.uv/excluded.txt
	$(BUILD_NEEDS) | $(LOCK) --constraint requirements-torch.lock $(LOCKED_EXTRAS:%=--extra %) \
		--output-file requirements.lock pyproject.toml -

install-locked: | $(BIN)/python ## Install aam from the lock files, each file checked by its hash
	$(if $(TORCH_LOCK),$(PIP_LOCKED) --requirement $(TORCH_LOCK))
	$(PIP_LOCKED) --requirement requirements.lock
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation .
	$(BIN)/python -m pip --disable-pip-version-check check

test-qiime2: $(VENV)/.qiime2 ## Run the tests of the QIIME 2 plugin within QIIME 2's framework
	$(ONE_THREAD) $(VENV)/.qiime2/bin/python -m pytest -q plugins/q2-aam

# hatchling is in place already, at its pinned version: nothing is fetched while building.
release: $(VENV)/.release citation ## Build wheel and source distribution into dist/, with a bill of materials, and check them
	rm -rf dist
	$(VENV)/.release/bin/python -m build --no-isolation --outdir dist .
	$(VENV)/.release/bin/twine check --strict dist/*
	$(VENV)/.release/bin/python tools/sbom.py dist/aam-$(VERSION).cdx.json
	$(VENV)/.release/bin/python tools/release.py dist

sbom: | $(BIN)/python ## Write the bill of materials (CycloneDX) of the lock files into dist/
	$(BIN)/python tools/sbom.py dist/aam-$(VERSION).cdx.json

citation: $(VENV)/.citation ## Check CITATION.cff against its schema
	$(VENV)/.citation/bin/cffconvert --validate

floors: $(VENV)/.floors ## Run tests with the oldest libraries that pyproject.toml admits (but with the pinned torch)
	$(ONE_THREAD) $(VENV)/.floors/bin/python -m pytest -q -o filterwarnings=default -m "not slow and not gpu" \
		$(FLOOR_TESTS)

clean: ## Remove the virtual environment, caches and the demo's results
	rm -rf $(VENV) aam-demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find aam tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "error: no Python 3.11 or newer found; install one, or name it: make demo PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON); the first time takes some minutes."
	@"$(PYTHON)" -m venv $(VENV) || \
		{ echo "error: $(PYTHON) has no venv module; on Debian or Ubuntu install python3-venv" >&2; exit 1; }

# torch comes first and alone, so that what depends on it finds the pinned version in place.
$(VENV)/.torch: constraints.txt | $(BIN)/python
	@echo "Installing $(TORCH) ..."
	@$(PIP) "$(TORCH)" $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	@touch $@

$(VENV)/.run: $(VENV)/.torch pyproject.toml
	@echo "Installing aam and what it needs ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	@echo "Installing aam with the tools for tests and checks ..."
	@$(PIP) --editable ".[test,dev]"
	@touch $(VENV)/.run $@

# The framework needs an older pandas, hence an environment of its own.
$(VENV)/.qiime2: pyproject.toml plugins/q2-aam/pyproject.toml | $(BIN)/python
	@rm -rf $@
	@"$(PYTHON)" -m venv $@
	@$@/bin/python -m pip --disable-pip-version-check install --quiet "$(TORCH)"
	@$@/bin/python -m pip --disable-pip-version-check install --quiet "$(RACHIS)" pytest \
		--editable . --editable plugins/q2-aam --editable plugins/q2-aam/tests/stand_in
	@touch $@

# uv only resolves and asks for hashes here; pip installs.
$(VENV)/.uv: | $(BIN)/python
	@"$(PYTHON)" -m venv $@
	@$@/bin/python -m pip --disable-pip-version-check install --quiet "$(UV)"

$(VENV)/.release: Makefile | $(BIN)/python
	@rm -rf $@
	@"$(PYTHON)" -m venv $@
	@$@/bin/python -m pip --disable-pip-version-check install --quiet $(RELEASE_TOOLS)
	@touch $@

# cffconvert wants a jsonschema of its own.
$(VENV)/.citation: Makefile | $(BIN)/python
	@rm -rf $@
	@"$(PYTHON)" -m venv $@
	@$@/bin/python -m pip --disable-pip-version-check install --quiet $(CITATION_TOOLS)
	@touch $@

$(VENV)/.floors: pyproject.toml | $(VENV)/.uv
	@rm -rf $@
	@"$(PYTHON)" -m venv $@
	@$@/bin/python -m pip --disable-pip-version-check install --quiet "$(TORCH)" $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	@echo torch > $(VENV)/.uv/excluded.txt
	@$(COMPILE) --extra test --resolution lowest-direct --output-file $@/floors.txt pyproject.toml
	@$@/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --requirement $@/floors.txt
	@touch $@
