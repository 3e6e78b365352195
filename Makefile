# Every task of this project, on a machine that has python3 (3.11 or newer) with its venv module, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := .venv-uv/bin/uv
UV_VERSION := 0.13.9
TABLES := tests/deploy/node_modules

# Every environment is made from uv.lock: $(call environment,FOLDER,PYTHON,GROUPS)
environment = @UV_PROJECT_ENVIRONMENT=$(1) $(UV) sync --quiet --system-certs --frozen --no-install-project \
	  --python "$(2)" $(3)

SYMBOL ?= BTC
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run local test test-deploy lint lock docs clean

help: ## Show this list
	@echo "make <target>"
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: $(VENV)/runtime ## Measure real books: make run SYMBOL="BTC ETH" ARGS="--levels 20 --interval_seconds 10"
	@$(BIN)/python -m handler --symbol $(SYMBOL) $(ARGS)

local: $(VENV)/runtime ## The same without the Internet, on synthetic books: make local SYMBOL="BTC usdm:BTC" ARGS="--count 3"
	@$(BIN)/python -m infra.fake_exchange --run $(BIN)/python -m handler --symbol $(SYMBOL) --to .local/records $(ARGS)

test: lint $(TABLES) ## Formatting, lint, import rules, types and tests
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/tests ## Formatting, lint, import rules and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/mypy

PAGES := docs/code.md docs/cost.md
docs: $(VENV)/tests ## Write what commands compute into the pages
	$(BIN)/cog -rPI. $(PAGES)

lock: $(UV) ## Take newer dependencies: uv.lock, and what pip and SAM read of it
	$(UV) lock --upgrade --system-certs
	$(UV) export --quiet --frozen --no-emit-project --no-header --extra lambda -o requirements.txt
	$(UV) export --quiet --frozen --no-emit-project --no-header --only-group archive -o infra/requirements-archive.txt

clean: ## Remove everything that was built or installed here; records in .local stay
	rm -rf $(VENV) .venv-* $(TABLES) .aws-sam .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV):
	@$(MAKE) --no-print-directory check-python
	@echo "installing what this needs, once" >&2
	@$(PYTHON) -m venv .venv-uv
	@.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/runtime: uv.lock | $(UV)
	$(call environment,$(VENV),$(PYTHON),--inexact)
	@touch $@

$(VENV)/tests: uv.lock | $(UV)
	$(call environment,$(VENV),$(PYTHON),--group test --extra all --extra lambda)
	@touch $(VENV)/runtime $@

# `sam build` runs this (template.yaml, BuildMethod: makefile). SAM passes neither runtime nor architecture: a test
# compares these two with the template. The command line is left out, and so are boto3's descriptions and endpoints of
# all services but two, 27 MB. Bytecode more than halves the cold start, since Lambda cannot keep what it compiles; only
# the runtime's own Python can write it.
ARCHITECTURE ?= aarch64
RUNTIME_VERSION ?= 3.13
LIBRARIES_FOR_LAMBDA = $(UV) pip install --quiet --system-certs --link-mode copy --require-hashes --only-binary :all: \
	  --python .venv-uv/bin/python --target "$(ARTIFACTS_DIR)" \
	  --python-version $(RUNTIME_VERSION) --python-platform $(ARCHITECTURE)-manylinux_2_28
build-SamplerFunction: $(UV)
	$(LIBRARIES_FOR_LAMBDA) -r requirements.txt
	cp -r handler "$(ARTIFACTS_DIR)/handler"
	cd "$(ARTIFACTS_DIR)/handler" && rm -rf cli __main__.py
	cd "$(ARTIFACTS_DIR)" && rm -rf .lock bin *.dist-info boto3/examples && find . -name __pycache__ -prune -exec rm -rf {} +
	cd "$(ARTIFACTS_DIR)" && find boto3/data botocore/data -mindepth 1 -maxdepth 1 -type d \
	  ! -name dynamodb ! -name sqs -exec rm -rf {} +
	.venv-uv/bin/python -m infra.trim_endpoints "$(ARTIFACTS_DIR)/botocore/data/endpoints.json" dynamodb sqs
	cd "$(ARTIFACTS_DIR)" && python="$(RUNTIME_PYTHON)" && if [ -n "$$python" ]; then \
	  "$$python" -m compileall -q --invalidation-mode unchecked-hash -s . -p /var/task .; \
	  else echo "no python3.13 here: without bytecode, cold starts take twice as long" >&2; fi

# Of the archive's function (infra/archive.yaml). It runs once a day, so that bytecode would save nothing.
build-ArchiveFunction: $(UV)
	$(LIBRARIES_FOR_LAMBDA) -r infra/requirements-archive.txt
	cp -r handler "$(ARTIFACTS_DIR)/handler"
	cd "$(ARTIFACTS_DIR)/handler" && rm -rf cli __main__.py
	cd "$(ARTIFACTS_DIR)" && rm -rf .lock bin *.dist-info boto3/examples && find . -name __pycache__ -prune -exec rm -rf {} +
	cd "$(ARTIFACTS_DIR)" && find boto3/data botocore/data -mindepth 1 -maxdepth 1 -type d \
	  ! -name dynamodb ! -name s3 -exec rm -rf {} +

.PHONY: check-python deploy test-aws
check-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1): install Python 3.11 or newer, and run make PYTHON=python3.11 …" >&2; exit 1; }

.venv-deploy/done: uv.lock | $(UV)
	$(call environment,$(@D),$(PYTHON),--extra table --extra history)
	@touch $@

deploy: check-python .venv-deploy/done ## Build, deploy to AWS with samconfig.toml, and sample once: docs/deploy.md
	@.venv-deploy/bin/python -m infra.deploy

test-aws: check-python .venv-deploy/done ## Try a deployment on your own account, and delete it: make test-aws STACK=obi-trial
	@.venv-deploy/bin/python -m infra.test_aws --stack "$(STACK)"

# The function's runtime, if it is here or in pyenv.
RUNTIME_PYTHON = $(shell for python in python3.13 "$$(pyenv prefix 3.13 2>&1)/bin/python" \
  "$$(pyenv prefix 3.13.0 2>&1)/bin/python"; do "$$python" -c "" 2>&- && echo "$$python" && break; done)

# Tools of `make test-deploy`, each in an environment of its own; without the runtime the tests run on $(PYTHON), and
# report that.
LAMBDA_PYTHON = $(or $(RUNTIME_PYTHON),$(PYTHON))

# All that are compared run on the same interpreter.
.venv-bench/done: LAMBDA_PYTHON = $(PYTHON)

.venv-%/done: uv.lock | $(UV)
	$(call environment,$(@D),$(LAMBDA_PYTHON),--only-group $*)
	@touch $@

$(TABLES): tests/deploy/package-lock.json
	@npm ci --prefix tests/deploy --silent --no-fund --no-audit && touch $@ || \
	  echo "npm cannot install dynalite: the tests that need it are skipped, those with moto run" >&2

test-deploy: $(VENV)/tests $(TABLES) .venv-sam/done .venv-checkov/done .venv-emulator/done ## The package and the deployment: built, installed, run
	$(BIN)/python -m pytest -p no:randomly -r sx -n 3 --dist loadfile tests/deploy # a stack has a life, in order

.PHONY: bench
bench: $(VENV)/tests .venv-bench/done ## Measure CPU, time and size beside other libraries: make bench ARGS="--quick --only cold,warm"
	$(BIN)/python -m infra.bench $(ARGS)

MINUTES ?= 1

.PHONY: chaos
chaos: $(VENV)/tests ## Faults, kills and bad input, and what came of every slot: make chaos MINUTES=5
	@$(BIN)/python -m infra.chaos --minutes $(MINUTES) $(ARGS)
