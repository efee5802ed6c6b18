# Everything runs from virtual environments that this file makes from the hash-pinned locks.
# `make demo` needs requirements.lock; all else needs requirements-dev.lock.

PYTHON ?= python3
PREFIX ?= /opt/vpnbot
# Most tests wait for servers and processes rather than compute, so there are more workers than
# cores. Files go out in their own order: the longest have few tests, and would come last.
WORKERS ?= 4
RUN_VENV := .venv-demo
DEV_VENV := .venv
# Each test that starts a process would compile the whole program anew.
unexport PYTHONDONTWRITEBYTECODE
# pip is told the versions and their hashes; nothing else may come in.
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes -r
LINK := -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .

PYTEST = -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# These start processes to kill them; what is measured there is known from elsewhere.
STORMS := tests/crash tests/gate tests/torture

.PHONY: demo tour install uninstall test test-all checks lint types imports unit measured rest \
	mutants bench torture picture lock clean

demo: $(RUN_VENV)/ready
	$(RUN_VENV)/bin/vpnbot demo $(ARGS)

tour: $(RUN_VENV)/ready
	$(RUN_VENV)/bin/vpnbot demo --tour

# For a real machine, as root: the program in /opt/vpnbot, the command in /usr/local/bin.
install:
	@PYTHON=$(PYTHON) PREFIX=$(PREFIX) sh deploy/install.sh

uninstall:
	@PREFIX=$(PREFIX) sh deploy/uninstall.sh

# The checks compute while many tests wait. Five to eight minutes on two cores.
test: $(DEV_VENV)/ready
	$(MAKE) --no-print-directory --jobs=2 checks unit

# Whatever is long, too: kills at every step, storms, all widths, PostgreSQL; and branch coverage,
# of the short ones, since whatever is measured takes longer. All beside each other, so that no core
# waits for the last test of a part.
test-all: $(DEV_VENV)/ready
	$(MAKE) --no-print-directory --jobs=3 checks measured rest

checks: lint types imports

lint: $(DEV_VENV)/ready
	$(DEV_VENV)/bin/ruff check .
	$(DEV_VENV)/bin/ruff format --check .

types: $(DEV_VENV)/ready
	$(DEV_VENV)/bin/mypy

imports: $(DEV_VENV)/ready
	$(DEV_VENV)/bin/lint-imports --no-cache

unit: $(DEV_VENV)/ready
	$(DEV_VENV)/bin/python $(PYTEST) $(ARGS)

# Fewer than of the long ones beside them, which wait the most.
measured: WORKERS = 3
measured: $(DEV_VENV)/ready
	rm -f .coverage .coverage.*
	$(DEV_VENV)/bin/coverage run $(PYTEST) $(STORMS:%=--ignore=%)
	$(DEV_VENV)/bin/coverage combine --quiet
	$(DEV_VENV)/bin/coverage report

rest: $(DEV_VENV)/ready
	$(DEV_VENV)/bin/python $(PYTEST) --rest

# Makes 200 things wrong, one after the other, and asks the tests; see tests/mutants.
mutants: $(DEV_VENV)/ready
	$(DEV_VENV)/bin/python -m tests.mutants

picture: $(DEV_VENV)/ready
	$(DEV_VENV)/bin/python docs/screenshot.py

bench: $(DEV_VENV)/ready
	$(DEV_VENV)/bin/python -m tests.bench

# Kills at random and at each step, faulty calls, random people, a search for secrets: the better
# part of an hour; see tests/torture.
torture: $(DEV_VENV)/ready
	$(DEV_VENV)/bin/python -m tests.torture

lock:
	sh deploy/lock.sh

clean:
	rm -rf $(RUN_VENV) $(DEV_VENV) .coverage .coverage.* build *.egg-info

$(RUN_VENV)/ready: requirements.lock pyproject.toml
	@PYTHON=$(PYTHON) sh deploy/python.sh demo
	$(PYTHON) -m venv $(RUN_VENV)
	$(RUN_VENV)/bin/python $(INSTALL) requirements.lock
	$(RUN_VENV)/bin/python $(LINK)
	touch $@

$(DEV_VENV)/ready: requirements-dev.lock pyproject.toml
	@PYTHON=$(PYTHON) sh deploy/python.sh test
	$(PYTHON) -m venv $(DEV_VENV)
	$(DEV_VENV)/bin/python $(INSTALL) requirements-dev.lock
	$(DEV_VENV)/bin/python $(LINK)
	touch $@
