# What there is to do here: `make`. The two commands of a new user: `make demo` and `make test`.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME

DAYS ?= 5
WORLD ?= demo
BIN := .venv/bin
INSTALLED := .venv/.installed
SPARK := .venv/.spark
LOCKS := requirements/local-py311.txt requirements/local-py312.txt
STYLED := include docker dags plugins tests benchmarks docs deploy
SEED ?= 1
FAULTS ?= 200
WORKERS ?= 2
BENCHMARKS ?= simulator features feature_sets models monitoring recovery dags page

AIRFLOW := $(shell sed -n 's/^apache-airflow==//p' requirements.txt)
NEXT_AIRFLOW ?= 3.3.1
DOCKER ?= docker
ENGINE ?= $(DOCKER)
DEPLOY := .venv-deploy/.installed
TAG ?= $(shell git rev-parse --short HEAD 2>/dev/null)

export PORT AWS_PORT PYTHON
# OpenMP threads that wait sleep: spinning ones starve what they wait for.
export OMP_WAIT_POLICY ?= PASSIVE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "  variables: DAYS=5 WORLD=demo PORT=8080 AWS_PORT=4566 PYTHON=python3.12"

setup: $(INSTALLED) ## make .venv from the lock file (the other targets do it by themselves)
	@:

$(INSTALLED): $(LOCKS) requirements/uv.txt requirements/install pyproject.toml
	@requirements/install
	@touch $@

spark: $(SPARK) ## add Spark to .venv, for the feature engine emr and its tests (needs Java 17)
	@command -v java > /dev/null || echo "spark: no java on PATH; install Java 17 (Debian: apt install openjdk-17-jre-headless)"

$(SPARK): requirements/spark.txt | $(INSTALLED)
	@VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/uv pip install --quiet --require-hashes -r $<
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
	@$(BIN)/pytest -m "not slow" -n $(WORKERS) $(ARGS)

slow: setup ## the tests that take minutes
	@$(BIN)/pytest -m slow -n $(WORKERS) $(ARGS)

lint: setup ## style and format
	@$(BIN)/ruff check $(STYLED) && $(BIN)/ruff format --check $(STYLED)

types: setup ## static types of the library, strict
	@$(BIN)/mypy

audit: setup ## look for weaknesses in the code and in the locked dependencies
	@requirements/audit

faults: setup ## inject FAULTS seeded faults into the pipeline and compare what it comes to; SEED=, FIRST_DAY= repeat a run
	@PYTHONPATH=tests $(BIN)/python -m faults.suite --seed "$(SEED)" --faults "$(FAULTS)" $(if $(FIRST_DAY),--first-day "$(FIRST_DAY)")

load: setup ## catch up forty days at once, run everything at once, and draw the memory of what runs for long (30 to 60 minutes)
	@PYTHONPATH=tests $(BIN)/python -m faults.load --plot docs/images/load-memory.png

screenshots: setup ## take the documentation's pictures from the running stack (needs Chromium)
	@$(BIN)/python docs/screenshots.py

bench: setup ## measure speed and memory, write docs/benchmarks.md; BENCHMARKS="features dags" chooses
	@for name in $(BENCHMARKS); do echo "== $$name" && $(BIN)/python -m benchmarks.$$name || exit 1; done

image: ## build the jobs' image; PUSH=yes ENV=test TAG=v1 also pushes it to that environment's repository
	@$(DOCKER) build --file docker/fraud/Dockerfile --tag fraud $(BUILD) .
	@if [ "$(PUSH)" = yes ]; then docker/push "$(ENV)" "$(TAG)"; fi

dev: ## the whole system in containers, as `make up` shows it
	@$(DOCKER) compose --file docker/compose.yaml up --build

containers: setup ## build both images, run them and the compose stack, as tests; ENGINE=docker or what takes its commands
	@FRAUD_CONTAINERS="$(ENGINE)" $(BIN)/pytest -m slow tests/shipping/test_containers.py $(ARGS)

package: setup ## write dist/mwaa: what Amazon MWAA takes
	@$(BIN)/python -m deploy package

deploy: setup ## create or change the environment ENV=test with the image TAG=v1, each change shown first
	@$(BIN)/python -m deploy up --env "$(ENV)" --image "$(TAG)" --until "$(UNTIL)" $(if $(filter yes,$(YES)),--yes)

destroy: setup ## remove the environment ENV=test; DELETE_DATA=yes says that its data may go
	@$(BIN)/python -m deploy destroy --env "$(ENV)" $(if $(filter yes,$(DELETE_DATA)),--delete-data) $(if $(filter yes,$(YES)),--yes)

aws-smoke: setup ## play a tiny world on the deployed environment ENV=test, and remove what that made
	@$(BIN)/python -m deploy smoke --env "$(ENV)" $(if $(filter yes,$(YES)),--yes)

check-deploy: $(DEPLOY) ## the templates, checked by cfn-lint and checkov
	@.venv-deploy/bin/cfn-lint deploy/*.yaml
	@.venv-deploy/bin/checkov --directory deploy --framework cloudformation --quiet --compact --skip-download

$(DEPLOY): requirements/deploy.txt | setup
	@$(BIN)/python -m venv .venv-deploy
	@VIRTUAL_ENV=.venv-deploy $(BIN)/uv pip install --quiet --require-hashes -r requirements/deploy.txt
	@touch $@

next-airflow: setup ## load the DAGs with the next version of Airflow and say what breaks
	@$(BIN)/python -m deploy.next_airflow "$(NEXT_AIRFLOW)"

lock: setup ## make the lock files anew from requirements/*.in
	@for minor in 11 12; do \
	  $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.$$minor \
	    --custom-compile-command "make lock" --constraint requirements/constraints-airflow-$(AIRFLOW).txt \
	    --output-file requirements/local-py3$$minor.txt requirements/local.in || exit 1; \
	done
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --custom-compile-command "make lock" --output-file requirements/deploy.txt requirements/deploy.in
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --custom-compile-command "make lock" --constraint requirements/constraints-airflow-$(AIRFLOW).txt \
	  --output-file docker/airflow/requirements.txt docker/airflow/postgres.in
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --custom-compile-command "make lock" --output-file requirements/spark.txt requirements/spark.in
	@grep -o '^uv==[^ ]*' requirements/local-py312.txt | $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file requirements/uv.txt -

.PHONY: audit faults load image dev containers package deploy destroy aws-smoke check-deploy next-airflow
.PHONY: help setup spark demo up down clean status logs doctor test slow lint types bench screenshots lock
