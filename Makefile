# make needs Python, git and, on Debian, apt-get; it makes its own virtual environment.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
NAME ?= eu-west
VENV := .venv
STAMP := $(VENV)/.installed
RUN := $(VENV)/bin/python
CONTEXT ?=
WITH ?=
FORCE ?=
CLUSTER_OPTIONS := --name $(NAME) $(if $(CONTEXT),--context $(CONTEXT))

.PHONY: help demo demo-down test quick lint format bench cluster-up cluster-down clean

help: ## Show this help.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

$(STAMP): pyproject.toml
	@echo "==> virtual environment in $(VENV): tenantctl and what its tests and checks need (a minute or two, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.x")'
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(RUN) -m pip install --quiet --upgrade 'pip>=25.1'
	@$(RUN) -m pip install --quiet --editable . --group dev
	@touch $@

demo: $(STAMP) ## From nothing to a Ready tenant environment on a real local cluster.
	@$(RUN) -m tests.demo $(CLUSTER_OPTIONS)

demo-down: $(STAMP) ## Remove everything of the demo: its clusters, and the object store unless others use it.
	@$(RUN) -m tests.demo --down $(CLUSTER_OPTIONS)

test: $(STAMP) ## Everything that is checked: lint, tests without a cluster, then tests on real clusters.
	@$(RUN) -m tests.suite

quick: $(STAMP) ## The tests that need no cluster.
	@$(RUN) -m tests.suite --only 'without a cluster'

lint: $(STAMP) ## Style, types, layers, and the sample declarations: what pre-commit checks.
	@$(RUN) -m tests.suite --only lint

format: $(STAMP) ## Put the code into shape.
	@$(VENV)/bin/ruff check --fix --quiet . || true
	@$(VENV)/bin/ruff format .

bench: $(STAMP) ## Measure speed and memory, as ratios.
	@$(RUN) -m tests.bench

cluster-up: $(STAMP) ## Start a local cluster (NAME=eu-west WITH="argocd argoevents"), or take an existing one (CONTEXT=...).
	@$(RUN) -m tests.cluster up $(CLUSTER_OPTIONS) $(addprefix --with ,$(WITH))

cluster-down: $(STAMP) ## Stop the local cluster, leaving nothing behind (NAME=eu-west; FORCE=1 if another checkout owns it).
	@$(RUN) -m tests.cluster down --name $(NAME) $(if $(FORCE),--force)

clean: ## Remove the virtual environment and what tools left behind.
	@! ls .demo/*/server >/dev/null 2>&1 || { echo "a demo is up: make demo-down first" >&2; exit 1; }
	@rm -rf $(VENV) dist .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
