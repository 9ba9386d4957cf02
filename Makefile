# `make` alone lists the targets. `make demo` and `make test` set up everything they need by themselves.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL  := /bin/bash
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     ?= uv
READY  := $(VENV)/.ready

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-11s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up -----------------------------------------------------------------------------------------------------------

.PHONY: venv
venv: $(READY) ## Make .venv with the locked dependencies and this package (done once, and again when they change)

$(READY): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# --- run --------------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: venv ## Run a simulated sales organisation on http://127.0.0.1:8080 (no Kafka needed)
	$(BIN)/salespulse demo

.PHONY: broker
broker: venv ## Run a Kafka broker for development, as the tests do (address on standard output; Ctrl-C stops it)
	$(BIN)/python -m tests.broker

.PHONY: bench
bench: venv ## Measure CPU time per event through a real broker, beside the plain floor and idiomatic Faust
	$(BIN)/python -m bench

RENDER := grafana/render

$(RENDER)/node_modules/.package-lock.json: $(RENDER)/package-lock.json
	cd $(RENDER) && npm ci
	@touch $@

$(RENDER)/out/index.html: $(RENDER)/node_modules/.package-lock.json $(RENDER)/build.mjs $(shell find $(RENDER)/src -type f)
	cd $(RENDER) && npm run --silent build

.PHONY: screenshots
screenshots: venv $(RENDER)/out/index.html ## Draw every dashboard on live data (needs Node, Chromium, Prometheus, Redis and Java; minutes)
	$(BIN)/python -m grafana.render.screenshots

# --- check ------------------------------------------------------------------------------------------------------------

.PHONY: check
check: venv ## Check the shipped declarations, and that what is made from them is up to date
	$(BIN)/salespulse check
	$(BIN)/salespulse render --check

.PHONY: lint
lint: check ## Check style, format, types, and the declarations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# On all cores; a file stays together, because what its tests share is made once. The tests with real services mostly wait:
# four at a time, but for those that promise a time.
PURE := $(BIN)/pytest -n auto --dist loadfile

.PHONY: unit
unit: venv ## Run the tests that need nothing but Python
	$(PURE) -m "not integration and not slow"

.PHONY: test
test: venv ## Run every test: the pure ones on all cores, then those with real services, which it starts
	$(PURE) -m "not integration" --durations=5
	$(BIN)/pytest -n 4 --dist loadfile -m "integration and not (alone or long)" --durations=15
	$(BIN)/pytest -m "integration and alone and not long" --durations=5

.PHONY: faults
faults: venv ## Run the tests that take minutes each: three brokers of which some are away
	$(BIN)/pytest -m long --durations=0

.PHONY: chaos
chaos: venv ## Ill-treat an installation in 30 ways, each by a seed, and compare every number (hours; --seeds, --events: see --help)
	$(BIN)/python -m tests.chaos

.PHONY: fuzz
fuzz: venv ## Feed malformed input to every reader for an hour, then a million mutated events to a worker
	FUZZ_EXAMPLES=5000 $(PURE) tests/fuzz
	$(BIN)/python -m tests.fuzz.million

.PHONY: cardinality
cardinality: venv ## Have a producer invent a million teams, reps and products, and watch worker and view
	$(BIN)/python -m tests.integration.invented 1000000

.PHONY: cover
cover: venv ## Measure branch coverage of metrics/ (must be 100 %)
	$(BIN)/pytest -m "not integration and not slow" --cov --cov-fail-under=100

.PHONY: ci
ci: lint test ## What CI runs

# --- maintain ---------------------------------------------------------------------------------------------------------

.PHONY: docs
docs: venv ## Make from the declarations what is made from them: reference, schemas, dashboards, rules, runbooks
	$(BIN)/salespulse render

.PHONY: format
format: venv ## Rewrite the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

.PHONY: lock
lock: ## Lock the dependencies anew, with hashes (needs uv; UPGRADE=1 takes the newest versions)
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements/runtime.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --group build -o requirements/build.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml --extra dashboards --group dev -c requirements/runtime.txt -c requirements/build.txt -o requirements/dev.txt

.PHONY: audit
audit: ## Look up known weaknesses of the locked packages (needs uv and the network)
	$(UV) tool run pip-audit@2.10.1 --strict --require-hashes --disable-pip -r requirements/runtime.txt

.PHONY: clean
clean: ## Remove .venv, caches and build results
	rm -rf $(VENV) build dist grafana/render/node_modules grafana/render/out .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -type d -prune -exec rm -rf {} +
