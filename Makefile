# `make` lists what there is. Works with GNU make 3.81 and any POSIX shell.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
DOCKER ?= docker
IMAGE ?= gradient-highways
# More than two cores: what waits for a server or a browser leaves them to others.
TEST_PROCESSES ?= 3

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
UV_VERSION := 0.13.8
PIP_AUDIT_VERSION := 2.10.1

.DEFAULT_GOAL := help
.PHONY: help run test quick lint format bench image pictures container-check lock audit clean assets

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/run.stamp assets ## set up once, then serve on HOST (127.0.0.1) and PORT (8000)
	@HOST='$(HOST)' PORT='$(PORT)' exec $(PY) -m app

test: $(VENV)/browser.stamp assets ## set up once, then run every test; ARGS="-k links" passes arguments on
	$(PY) -m pytest -n $(TEST_PROCESSES) $(ARGS)

quick: $(VENV)/dev.stamp assets ## what changes most, within a minute or so: no server, no browser, nothing slow
	$(PY) -m pytest -n 2 -m 'not browser and not server and not slow' $(ARGS)

lint: $(VENV)/dev.stamp ## ruff, its formatting, mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(VENV)/dev.stamp ## format, and mend what ruff can mend
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(VENV)/browser.stamp assets ## how fast, beside JAX and (where installed) torch; BENCH_ARGS=--quick for a short one
	$(PY) -m bench $(BENCH_ARGS)

pictures: $(VENV)/browser.stamp assets ## photograph every page of a running app for the docs: URL=http://127.0.0.1:8000
	$(PY) -m docs.pictures.take $(URL)

image: ## build the container image gradient-highways
	$(DOCKER) build -t $(IMAGE) .

container-check: ## build and run the image read-only and without rights (root, podman)
	../shared/tools/verify_docker.sh .

lock: .venv-lock/uv-$(UV_VERSION).stamp ## lock versions and hashes anew; LOCK_ARGS=--upgrade for the newest
	$(COMPILE) -o requirements/run.txt
	$(COMPILE) --extra cluster -c requirements/run.txt -o requirements/cluster.txt
	$(COMPILE) --extra cluster --extra test --extra lint -c requirements/cluster.txt -o requirements/dev.txt

audit: .venv-audit/pip-audit-$(PIP_AUDIT_VERSION).stamp ## ask for known vulnerabilities in all that is locked
	@.venv-audit/bin/pip-audit --strict --progress-spinner off --require-hashes --disable-pip \
		-r requirements/run.txt -r requirements/cluster.txt -r requirements/dev.txt $(AUDIT_ARGS)

clean: ## remove all that was installed or made here
	rm -rf $(VENV) .venv-lock .venv-audit build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- The parts -----------------------------------------------------------------------------------

# A virtual environment whose interpreter has gone (upgraded, moved) is made again.
ifneq ($(shell test -x $(PY) && echo there),there)
.PHONY: $(VENV)/bin/pip
endif

# venv writes bin/pip last, so a half-made environment does not pass for a whole one.
$(VENV)/bin/pip:
	@$(call need_python)
	@echo "Making $(VENV) with $$($(PYTHON) -V) ..."
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/run.stamp: requirements/run.txt $(VENV)/bin/pip
	@echo "Installing what the app needs (once) ..."
	@$(PIP) install --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "Installing what tests and lint need (once) ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

assets: $(VENV)/run.stamp
	@$(PY) -m app.assets

# Debian's Chromium where it is there or can be had, otherwise the build that playwright brings. The
# headless shell takes three fifths of the processor time that the whole browser takes.
# (libatomic1: playwright's driver needs it, and a bare Debian lacks it.)
$(VENV)/browser.stamp: $(VENV)/dev.stamp
	@if command -v chromium-headless-shell >/dev/null && $(PY) -m playwright --version >/dev/null 2>&1; then :; \
	elif test "$$(id -u)" = 0 && grep -q '^ID=debian' /etc/os-release 2>/dev/null \
		&& echo "Installing Chromium with apt-get (once) ..." && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			chromium-headless-shell libatomic1 >/dev/null; then :; \
	elif command -v chromium >/dev/null && $(PY) -m playwright --version >/dev/null 2>&1; then :; \
	else \
		echo "Installing Chromium with playwright (once) ..."; \
		$(PY) -m playwright install chromium; \
	fi
	@touch $@

.venv-lock/uv-$(UV_VERSION).stamp:
	@$(call need_python)
	@$(PYTHON) -m venv --clear .venv-lock
	@.venv-lock/bin/python -m pip --disable-pip-version-check --quiet install uv==$(UV_VERSION)
	@touch $@

# --strict above: a package that nobody knows of must not pass for a sound one.
.venv-audit/pip-audit-$(PIP_AUDIT_VERSION).stamp:
	@$(call need_python)
	@$(PYTHON) -m venv --clear .venv-audit
	@.venv-audit/bin/python -m pip --disable-pip-version-check --quiet install pip-audit==$(PIP_AUDIT_VERSION)
	@touch $@

# One version of each package for every Python that the project supports; no index addresses.
COMPILE = .venv-lock/bin/uv --no-config pip compile --quiet pyproject.toml \
	--universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(LOCK_ARGS)

define need_python
command -v $(PYTHON) >/dev/null 2>&1 || { \
	echo "Python 3.11 or newer is needed, and '$(PYTHON)' was not found; name one with PYTHON=/path/to/python3" >&2; exit 1; }; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "Python 3.11 or newer is needed, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1); name another with PYTHON=/path/to/python3" >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "'$(PYTHON)' lacks its venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
endef
