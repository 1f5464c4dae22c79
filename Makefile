# make demo         failover live on this machine: no key, no network
# make test         everything that CI checks: style, types, all tests
# make setup        the virtual environment for development, .venv
# make lint         style and types only
# make format       put the style right
# make bench        cbauth beside its peers, in an environment of its own (ARGS=--quick: only see that it runs)
# make schemas      write schemas/ from the models
# make screenshots  the pictures in docs/images, taken anew in a real JupyterLab
# make rules        write docs/rules.md from the rules
# make constraints  move every pinned version to the newest that fits
# make clean        remove whatever make made
#
# Needs python3 (3.11 or later, or name one: make PYTHON=python3.12 test), git and make; does the rest itself.

PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
PIP_INSTALL = -m pip --disable-pip-version-check --quiet install

# The identity provider of the tests, and the Node it runs on where the system's is too old.
PROVIDER := tests/support/identity/node_modules
# The language server of the tests: what editors ask about a profiles.yaml.
EDITOR := tests/editor/node_modules
NODE := node@22.23.3
# What the tests of the notebook views look at pages with.
CHECKS := tests/support/notebooks/node_modules

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test setup lint format bench schemas rules screenshots constraints clean tools redis chromium node

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.demo
	@$(VENV)/bin/cbauth demo

test: lint tools
	$(VENV)/bin/pytest -n auto --dist loadgroup --cov

setup: $(VENV)/.dev

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(VENV)/.dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(BENCH)/.bench redis
	$(BENCH)/bin/python -m benchmarks $(ARGS)

schemas: $(VENV)/.dev
	$(VENV)/bin/cbauth schema --output schemas/profiles.schema.json
	$(VENV)/bin/cbauth schema --draft draft-07 --output schemas/profiles.draft-07.schema.json

rules: $(VENV)/.dev
	$(VENV)/bin/python -c 'from cbauth.config.codes.page import page; print(page(), end="")' > docs/rules.md

screenshots: $(VENV)/.dev tools
	PYTHONPATH=. $(VENV)/bin/python docs/images/take.py

# What tests need beside Python.
tools: redis chromium $(PROVIDER)/.made $(EDITOR)/.made $(CHECKS)/.made

# Programs, each as command:debian-package.
define programs
	@for program in $(1); do \
	    command -v "$${program%%:*}" >/dev/null || sh .ci/packages "$${program##*:}" || exit 1; \
	done
endef

redis:
	$(call programs,redis-server:redis-server)

chromium:
	$(call programs,chromium:chromium)

node:
	$(call programs,node:nodejs npm:npm)

$(PROVIDER)/.made: $(PROVIDER:node_modules=package.json) $(PROVIDER:node_modules=package-lock.json) | node
	@echo "Installing the identity provider of the tests into $(@D); this happens once."
	@cd $(@D:node_modules=.) && npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@node --eval 'process.exit(URL.parse && require("crypto").hash ? 0 : 1)' || { \
	    echo "This Node is too old for it (Debian 12 brings 18): a newer one goes into $(@D), for the tests alone."; \
	    cd $(@D:node_modules=.) && npm install --no-save --no-audit --no-fund --loglevel=error $(NODE); \
	}
	@touch $@

$(CHECKS)/.made: $(CHECKS:node_modules=package.json) $(CHECKS:node_modules=package-lock.json) | node
	@cd $(@D:node_modules=.) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(EDITOR)/.made: $(EDITOR:node_modules=package.json) $(EDITOR:node_modules=package-lock.json) | node
	@echo "Installing the language server of the tests into $(@D); this happens once."
	@cd $(@D:node_modules=.) && npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@touch $@

clean:
	rm -rf $(VENV) $(BENCH) $(PROVIDER) $(EDITOR) $(CHECKS) .venv-constraints build dist .coverage* htmlcov .hypothesis .*_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Environments. A stamp is written last, so an interrupted run starts that step again; while a stamp is newer than
# pyproject.toml and the pins, pip is not called.

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing cbauth into $(VENV); this happens once."
	@$(VENV)/bin/python $(PIP_INSTALL) -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing cbauth and the tools of development into $(VENV); this happens once and takes a minute or two."
	@$(VENV)/bin/python $(PIP_INSTALL) -c constraints.txt -e '.[dev]'
	@touch $(VENV)/.demo $@

$(BENCH)/.bench: $(BENCH)/.made pyproject.toml benchmarks/constraints.txt
	@echo "Installing cbauth and its peers into $(BENCH); this happens once and takes a minute or two."
	@$(BENCH)/bin/python $(PIP_INSTALL) -c benchmarks/constraints.txt -e '.[bench]'
	@touch $@

# An environment holds absolute paths: one that was moved, or whose Python went away or is no longer the one asked for,
# is made anew.
made_here = $(shell test -x $(1)/bin/python && cat $(1)/.made 2>/dev/null)
ifneq ($(call made_here,$(VENV)),$(PYTHON) $(CURDIR))
.PHONY: $(VENV)/.made
endif
ifneq ($(call made_here,$(BENCH)),$(PYTHON) $(CURDIR))
.PHONY: $(BENCH)/.made
endif

$(VENV)/.made $(BENCH)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "cbauth needs Python 3.11 or later, and there is no $(PYTHON) here." >&2; exit 1; }
	@$(PYTHON) .ci/check_python.py
	@$(PYTHON) -m venv --clear $(@D)
	@echo "$(PYTHON) $(CURDIR)" > $@

define pin
	@echo "Resolving cbauth[$(1)] afresh for $(2)."
	@$(PYTHON) -m venv --clear .venv-constraints
	@.venv-constraints/bin/python $(PIP_INSTALL) -e '.[$(1)]'
	@.venv-constraints/bin/python -m pip freeze --exclude-editable > .venv-constraints/frozen
	@{ echo '# Written by `make constraints`: the exact versions that cbauth[$(1)] is developed with.'; \
	   cat .venv-constraints/frozen; } > $(2)
	@rm -rf .venv-constraints
endef

constraints:
	$(call pin,dev,constraints.txt)
	$(call pin,bench,benchmarks/constraints.txt)
