# `make run` and `make test` set up what they need on a fresh Debian 12 machine (as root) and do it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEBIAN_PACKAGES := containerd runc nftables containernetworking-plugins busybox-static conntrack iproute2 procps

.PHONY: run test check audit bench setup packages clean

run: setup packages
	$(BIN)/python examples/run.py

test: setup packages
	tools/install_test_packages.sh
	$(MAKE) check
	$(BIN)/pytest -q -n auto -m fuzz
	$(BIN)/pytest -q -m "root or e2e"

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n auto -m "not root and not e2e and not fuzz"

# Needs pypi.org itself: mirrors know no advisories, and then this fails rather than find nothing.
audit: setup
	test -x .audit/bin/pip-audit || { $(PYTHON) -m venv .audit && .audit/bin/pip install --quiet --disable-pip-version-check pip-audit; }
	PIPAPI_PYTHON_LOCATION=$(CURDIR)/$(BIN)/python .audit/bin/pip-audit --strict --skip-editable --progress-spinner off

bench: setup packages
	tools/install_test_packages.sh
	$(BIN)/python -m bench

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml hatch_build.py tools/build_openapi.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q minikube_py  # as pip does with what it copies: without, each start compiles a second of modules
	touch $@

packages:
	@missing=""; for package in $(DEBIAN_PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

clean:
	rm -rf $(VENV) .audit .mypy_cache .ruff_cache .pytest_cache .import_linter_cache minikube_py/apiserver/_openapi
