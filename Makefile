# Everything this project can do, on a machine that has only python3 (3.11 or newer), its venv module and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

SYMBOL ?= BTC
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run demo test lint lock clean

help: ## Show this list
	@echo "make <target>"
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: $(VENV)/runtime ## Measure real books: make run SYMBOL="BTC ETH" ARGS="--levels 20 --interval_seconds 10"
	@$(BIN)/python -m handler --symbol $(SYMBOL) $(ARGS)

demo: $(VENV)/runtime ## The same with no network at all, against a synthetic exchange on this machine
	@$(BIN)/python -m infra.demo

test: lint ## Everything that is checked before a change lands
	$(BIN)/python -m pytest

lint: $(VENV)/tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

lock: $(VENV)/tests ## Take newer dependencies: compile requirements.in and tests/requirements.in again
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  -c requirements.txt tests/requirements.in -o tests/requirements.txt

clean: ## Remove everything that was built or installed here
	rm -rf $(VENV) .aws-sam .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/runtime: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/tests: requirements.txt tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.txt -r tests/requirements.txt
	@touch $(VENV)/runtime $@
