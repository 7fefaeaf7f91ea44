# What there is to do here: `make`. The two commands of a new user: `make demo` and `make test`.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME

DAYS ?= 5
WORLD ?= demo
BIN := .venv/bin
INSTALLED := .venv/.installed
LOCKS := requirements/local-py311.txt requirements/local-py312.txt
STYLED := include docker dags plugins tests benchmarks docs
BENCHMARKS ?= simulator features feature_sets models dags

export PORT AWS_PORT PYTHON

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "  variables: DAYS=5 WORLD=demo PORT=8080 AWS_PORT=4566 PYTHON=python3.12"

setup: $(INSTALLED) ## make .venv from the lock file (the other targets do it by themselves)
	@:

$(INSTALLED): $(LOCKS) requirements/uv.txt requirements/install pyproject.toml
	@requirements/install
	@touch $@

demo: setup ## play DAYS days of WORLD from nothing, show what happened, leave the UI running
	@$(BIN)/fraud-local demo --days "$(DAYS)" --world "$(WORLD)"

up: setup ## start the local AWS and Airflow
	@$(BIN)/fraud-local up

down: ## stop them; everything they made stays
	@if [ -x $(BIN)/fraud-local ]; then $(BIN)/fraud-local down; else echo "Nothing was running."; fi

clean: ## stop them and remove everything they made; .venv stays
	@if [ -x $(BIN)/fraud-local ]; then $(BIN)/fraud-local down --wipe; else rm -rf .local; fi

status: setup ## what runs, where, and how it is
	@$(BIN)/fraud-local status

logs: setup ## last lines of every component's log; COMPONENT=scheduler follows one
	@$(BIN)/fraud-local logs $(COMPONENT)

doctor: setup ## what is wrong and what to do
	@$(BIN)/fraud-local doctor

test: setup ## everything but the slow tests, at most ten minutes
	@$(BIN)/pytest -m "not slow" $(ARGS)

slow: setup ## the tests that take minutes
	@$(BIN)/pytest -m slow $(ARGS)

lint: setup ## style and format
	@$(BIN)/ruff check $(STYLED) && $(BIN)/ruff format --check $(STYLED)

types: setup ## static types of the library, strict
	@$(BIN)/mypy

screenshots: setup ## take the documentation's pictures from the running stack (needs Chromium)
	@$(BIN)/python docs/screenshots.py

bench: setup ## measure speed and memory, write docs/benchmarks.md; BENCHMARKS="features dags" chooses
	@for name in $(BENCHMARKS); do echo "== $$name" && $(BIN)/python -m benchmarks.$$name || exit 1; done

lock: setup ## make the lock files anew from requirements/*.in
	@for minor in 11 12; do \
	  $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.$$minor \
	    --custom-compile-command "make lock" --constraint requirements/constraints-airflow-3.2.1.txt \
	    --output-file requirements/local-py3$$minor.txt requirements/local.in || exit 1; \
	done
	@grep -o '^uv==[^ ]*' requirements/local-py312.txt | $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file requirements/uv.txt -

.PHONY: help setup demo up down clean status logs doctor test slow lint types bench screenshots lock
