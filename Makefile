# `make demo` and `make test` need only Python >= 3.11 (with venv) and make; they set up .venv themselves.
PYTHON ?= python3
UV_VERSION = 0.13.9
VENV = .venv
BIN = $(VENV)/bin
export VIRTUAL_ENV = $(CURDIR)/$(VENV)
export UV_PYTHON_DOWNLOADS = never
# Where the environment forbids keeping bytecode, every process would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test chaos soak simulate fuzz check lock clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.ready  ## .venv with the cagette command

demo: $(VENV)/.ready  ## a real season told, settled, closed and served; ARGS=--no-serve stops by itself
	@$(BIN)/cagette demo $(ARGS)

test: $(VENV)/.ready  ## every test, four at a time because most of them wait; ARGS="-k calendar" chooses some
	@$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

chaos: $(VENV)/.ready  ## 200 kills of everything, then a recount; ARGS="--kills 50 --seed 7"
	@$(BIN)/python -m tests.reliability.chaos $(ARGS)

soak: $(VENV)/.ready  ## a steady load, then four times what the door can take; ARGS="--minutes 60"
	@$(BIN)/python -m tests.reliability.soak $(ARGS)

simulate: $(VENV)/.ready  ## 20 000 seasons under seeded faults, in memory; ARGS="--seeds 500 --first 7", or "--seed 7" to replay one
	@$(BIN)/python -m tests.simulation $(ARGS)

fuzz: $(VENV)/.ready  ## 1 500 cases per operation from the OpenAPI document, and sequences of calls
	@CAGETTE_FUZZ_CASES=1500 $(BIN)/python -m pytest -n 2 --timeout 0 tests/gateway/test_fuzz.py $(ARGS)

check: $(VENV)/.ready  ## style, types, rooms, dependencies, and that generated files match the code
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/deptry .
	@$(BIN)/cagette facts check

lock: $(BIN)/uv  ## requirements.lock from pyproject.toml; UP=--upgrade renews all
	@$(BIN)/uv pip compile -q $(UP) --universal --generate-hashes --no-annotate --no-header \
		--python-version 3.11 pyproject.toml --group dev -o requirements.lock

clean:  ## remove what was set up
	rm -rf $(VENV)

# The lock holds versions and hashes, no host: it works with any registry.
$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.ready: requirements.lock pyproject.toml | $(BIN)/uv
	@echo "setting up $(VENV) (a minute at most)"
	@$(BIN)/uv pip sync -q --require-hashes requirements.lock
	@$(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	@touch $@
