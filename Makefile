# make demo and make test do their whole set-up themselves; tools/setup.sh says how.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PYTHON

BIN := .venv/bin
TESTS ?= tests
# More than there are cores: many tests wait for services that look at their readers a few times a second.
WORKERS ?= $(shell echo $$(( $$(nproc) * 2 )))

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## everything but the work: system packages, .venv, .venv-peers
	@tools/setup.sh test

.PHONY: demo
demo: ## encode 35 simulated tags, NFC and UHF, through the real drivers, scan them, meet five bad ones
	@tools/setup.sh run
	@$(BIN)/dpptag demo --out demo-out

.PHONY: test
test: setup ## lint, then all tests with branch coverage
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --cov --cov-report=term $(TESTS)

.PHONY: lint
lint: ## ruff, mypy strict, import contracts (after make setup)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

.PHONY: bench
bench: ## benchmarks with their floors and peers; JSON in bench/out
	@tools/setup.sh test
	@mkdir -p bench/out
	@for script in bench/*.py; do \
	    $(BIN)/python "$$script" | tee "bench/out/$$(basename "$$script" .py).json"; \
	done

.PHONY: pins
pins: ## compile requirements/*.txt anew
	@tools/setup.sh pins

.PHONY: clean
clean: ## remove everything that make made
	rm -rf .venv .venv-peers demo-out dist build htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache \
	    .import_linter_cache .hypothesis
