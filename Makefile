# Atrium. `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= $(shell command -v /usr/bin/python3.11 || command -v python3)
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE  # what processes import is compiled once
.PHONY: help up down test images cluster-up cluster-test cluster-test-full check bench bench-peers lock install dev

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12

install:  ## Install what is missing, from the locks
	@$(PYTHON) app/setup/bootstrap.py

up: install  ## Set up and start everything; the first time run the examples
	@.venv/bin/atrium up

down:  ## Stop everything
	@.venv/bin/atrium down

dev:
	@$(PYTHON) app/setup/bootstrap.py --dev

check: dev  ## Lint, types, imports that point one way, documents
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	.venv/bin/pytest -q tests/docs

test: dev  ## Every test, those of the whole platform and in the browser too
	.venv/bin/pytest -n 2

images:  ## Build the platform's container image and print its size
	@deploy/images/build

cluster-up: install  ## Put Atrium on the Kubernetes that KUBECONFIG names: OVERLAY=minimal, RELEASES=folder or address, REGISTRY=private one, PART= or REMOVE=one part
	@.venv/bin/atrium cluster-up "$(or $(OVERLAY),minimal)" --releases "$(RELEASES)" --registry "$(REGISTRY)" \
	  $(if $(LOCK),--lock "$(LOCK)") $(if $(AUTHFILE),--authfile "$(AUTHFILE)") $(if $(PART),--part "$(PART)") $(if $(REMOVE),--remove "$(REMOVE)")

cluster-test: dev  ## Put Atrium on the Kubernetes that KUBECONFIG names and test it there: OVERLAY=minimal
	@test -n "$(KUBECONFIG)" || { echo "KUBECONFIG names no cluster: set it to one, see docs/cluster-install.md"; exit 2; }
	.venv/bin/pytest -m "cluster and not cluster_long" -v --durations 5

cluster-test-full: cluster-test  ## The same, then what takes minutes by itself: a private registry, the flights pipeline by Hera and by argo, Argo's examples
	.venv/bin/pytest -m cluster_long -v --durations 5

bench: dev  ## Measure the figures and print them as a table and as JSON
	.venv/bin/python -m bench

bench-peers: dev  ## Give the same workflows to Prefect, Dagster, Metaflow, Luigi and Airflow, and measure both
	.venv/bin/python -m bench.peers

lock: dev  ## Resolve the locks anew from the requirements
	.tools/bin/uv pip compile -q --upgrade --python-version 3.11 --generate-hashes --no-header requirements.txt -o requirements.lock
	.tools/bin/uv pip compile -q --upgrade --python-version 3.11 --generate-hashes --no-header requirements-dev.txt -o requirements-dev.lock
	.tools/bin/uv pip compile -q --upgrade --python-version 3.11 --generate-hashes --no-header serving/triton/requirements.txt -o serving/triton/requirements.lock
