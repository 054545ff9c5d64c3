# `make demo` and `make test` do all their own set-up. PYTHON names another interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ONE_THREAD := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE TOKENIZERS_PARALLELISM=false

.PHONY: setup demo backtest test lint fix docs browser clean

setup: $(VENV)/.installed

demo: setup
	@$(BIN)/clone-agent demo --home .demo-home $(DEMO_OPTIONS)

# The reports in benchmarks/: what tuning and memory do, and what a tuned model gives away, on the sample life.
backtest: setup
	@$(BIN)/clone-agent backtest --life --home .backtest-home --out benchmarks $(BACKTEST_OPTIONS)
	@$(BIN)/clone-agent leak-test --life --home .backtest-home --out benchmarks $(LEAK_OPTIONS)

test: $(VENV)/.installed-dev browser
	@$(MAKE) --no-print-directory lint
	@$(ONE_THREAD) $(BIN)/pytest -n 2 --dist loadfile $(TEST_OPTIONS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Rewrites the generated parts of the READMEs: the map, the commands, the formats.
docs: $(VENV)/.installed-dev
	$(BIN)/python docs/generate.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("clone-agent needs Python 3.11 or newer; name one with make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25"

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "Installing clone-agent into $(VENV) (a few minutes the first time)"
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo "Installing clone-agent and its tools into $(VENV) (a few minutes the first time)"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@ $(VENV)/.installed

# The browser tests drive a real Chromium: the system's, else the system's packages, else Playwright's own.
browser: $(VENV)/.installed-dev
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	  || $(BIN)/playwright install chromium

clean:
	rm -rf $(VENV) .demo-home .backtest-home .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build *.egg-info
