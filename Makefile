# `make help` lists the targets. `make run` and `make test` need only Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Tests start a thousand processes, none of which should have to compile the program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run help test findings check fix lock texts pictures chaos fuzz mutants bench road clean

run: $(VENV)/run.stamp  ## start everything that is configured
	$(BIN)/hearsay run

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: $(VENV)/dev.stamp  ## run all tests that this machine can run
	$(BIN)/pytest -n 3 --no-loadscope-reorder

findings: $(VENV)/dev.stamp  ## run the tests of what using the product has found, and print them by finding
	$(BIN)/pytest -n 3 --no-loadscope-reorder -m finding

# One test may take many minutes here.
LONG := -o faulthandler_timeout=3000
chaos: $(VENV)/dev.stamp  ## kill the program 200 times under load, run 200 jobs for each fault, and more: about 40 minutes
	HEARSAY_CHAOS=1 $(BIN)/pytest $(LONG) tests/chaos tests/acceptance tests/discord_bot/test_kills.py

fuzz: $(VENV)/dev.stamp  ## run every property-based test with thousands of random examples: about 20 minutes
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest $(LONG) -n 2 -m hypothesis

MODULES :=
LIMIT := 60
mutants: $(VENV)/dev.stamp  ## put small faults into modules and list those that no test notices: MODULES="core/jobs.py" LIMIT=60
	$(BIN)/python -m tests.mutants $(MODULES) --limit $(LIMIT)

check: $(VENV)/dev.stamp  ## check formatting, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/dev.stamp  ## format, and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## update both lock files (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra build pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

$(VENV)/run.stamp: requirements.lock pyproject.toml
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

texts: $(VENV)/run.stamp  ## update the translation catalogues
	$(BIN)/python -m core.locale.collect

pictures: $(VENV)/dev.stamp  ## make the screenshots of the documentation again (needs Chromium)
	$(BIN)/python -m docs.pictures

bench: $(VENV)/dev.stamp  ## print all measurements, each beside what it is compared with: about ten minutes
	for name in decode overhead throughput loop long wer first_audio summary find glossary idle defer \
		api page loop_lag scaling; do \
		test ! -f benchmarks/$$name.py || $(BIN)/python -m benchmarks.$$name; done

road: $(VENV)/dev.stamp  ## count the files and functions that one message passes
	$(BIN)/python -m benchmarks.road

clean:  ## delete the environment
	rm -rf $(VENV)
