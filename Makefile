# Everything a person or CI does here. `make help` lists it.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_COMPILE := $(BIN)/uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 -q

.PHONY: help run test lint check crash bench bench-daemon bench-hunt bench-ledger bench-peers lab fuzz lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

$(VENV)/.runtime: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Sentinel needs Python 3.11 or newer, for example: make PYTHON=python3.12 run" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV): about half a minute, once."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || \
	  { echo "python3 has no venv module here: install it first (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.lock
	touch $@

run: $(VENV)/.runtime ## the demo on live traffic; ONCE=1 ends once its case is open and its message delivered
	$(BIN)/sentinel demo $(if $(ONCE),--exit-after-case)

test: $(VENV)/.dev ## every test that needs no extra server
	$(BIN)/python -m pytest

lint: $(VENV)/.dev ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint ## what to run before a commit: lint, and the unit and scenario tests
	$(BIN)/python -m pytest -q tests/unit tests/scenarios

crash: $(VENV)/.dev ## kills and failing disks, state machine; LONG=1: 10,000 kills and hours of it (needs strace)
	$(if $(LONG),SENTINEL_LONG=1) $(BIN)/python -m pytest -s tests/crash tests/property/test_tail.py

bench: $(VENV)/.dev ## the benchmarks; prints a table and writes docs/benchmarks.md
	$(BIN)/python -m tests.bench

lab: $(VENV)/.dev ## what the shipped rules see of weeks of invented traffic; prints a table and writes docs/detection.md
	$(BIN)/python -m tests.lab

bench-peers: $(VENV)/.dev ## SEC, mtail and fail2ban on the same log (Debian's, unpacked into .peers); writes their part of docs/benchmarks.md
	$(BIN)/python -m tests.bench.peers

bench-ledger: $(VENV)/.dev ## what an access costs in the ledger, and how soon 100 million answer; takes ten minutes and 3 GB
	$(BIN)/python -m tests.bench.ledger

bench-hunt: $(VENV)/.dev ## replay over HUNT_MEGABYTES (1,000) of compressed logs beside zcat and grep
	$(BIN)/python -m tests.bench.hunt

bench-daemon: $(VENV)/.dev ## how soon a line is a case, how fast the daemon reads, restarts and rests
	$(BIN)/python -m tests.bench.daemon

$(VENV)/.fuzz: requirements-fuzz.lock $(VENV)/.dev
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-fuzz.lock
	touch $@

fuzz: $(VENV)/.fuzz ## any bytes as rules, inventory, records and patterns, FUZZ_SECONDS (60) for each; Linux, x86-64
	$(BIN)/python -m tests.fuzz

lock: ## new lock files from the bounds in pyproject.toml (needs uv)
	$(UV_COMPILE) pyproject.toml --group build -o requirements.lock
	$(UV_COMPILE) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock
	$(UV_COMPILE) --group fuzz -o requirements-fuzz.lock

clean: ## remove the environment and caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
