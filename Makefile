# q4compile: `make demo` runs the main job, `make test` the tests. Both set up .venv on first use.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(READY) ## export, quantize, score a trained RNN-T on bundled speech; decode on the simulated accelerator
	$(BIN)/q4compile demo

test: $(READY) ## all tests
	$(BIN)/python -m pytest -n 2

check: $(READY) ## lint, format, types (strict), import law
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

bench: $(READY) ## every benchmark; results go to benchmarks/results
	for script in benchmarks/[a-z]*.py; do $(BIN)/python $$script || exit 1; done

docs: $(READY) ## regenerate docs/generated and the README tables
	$(BIN)/python docs/generate.py

lock: ## resolve pyproject.toml anew into requirements.lock
	$(PYTHON) -m venv build/lock && build/lock/bin/pip install -q torch==2.13.0 && build/lock/bin/pip install -q '.[speech,dev]'
	build/lock/bin/pip freeze --exclude q4compile | sed 's/+cpu//' > requirements.lock

clean: ## delete the virtual environment and everything built
	rm -rf $(VENV) build out .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	rm -f $(VENV)/.installed-*; touch $(READY)
