# Thin: each target is the line that it calls. Everything lives in .venv; a second run starts at once.
PYTHON ?= python3
BIN := .venv/bin
# Threads that wait should sleep: two cores serve the reader, the dashboard and a browser.
export OMP_WAIT_POLICY ?= passive

.PHONY: run test test-slow check screenshots install browser train evaluate bench sample clean

run: install                ## the service with its dashboard, until Ctrl-C
	$(BIN)/listener run

test: install browser check ## everything that continuous integration checks
	$(BIN)/pytest -m "not slow" -n 2 --no-loadscope-reorder --durations=15

test-slow: install browser  ## the long fault run and large servers
	$(BIN)/pytest -m slow --durations=15

check: install              ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

screenshots: install browser ## pictures of every page in both languages, into docs/screenshots
	rm -f docs/screenshots/*
	LISTENER_SCREENSHOTS=1 $(BIN)/pytest -q tests/browser/test_screenshots.py

train: install              ## from data to weights, one night at most: make train PUBLIC=../shared/data
	$(BIN)/python -m classifiers.train_language --public $(PUBLIC)
	$(BIN)/python -m classifiers.train --public $(PUBLIC) --out var/first
	$(BIN)/python -m classifiers.train --public $(PUBLIC) --start var/first \
	  --repeats-own 2.5 --repeats-umsab 4 --joined 0.1 --learning-rate 1.2e-4

evaluate: install           ## every table of the reader: make evaluate PUBLIC=../shared/data
	$(BIN)/python -m classifiers.evaluate $(if $(PUBLIC),--public $(PUBLIC))

bench: install              ## speeds, as ratios measured in one run
	$(BIN)/python -m tests.bench $(if $(PUBLIC),--public $(PUBLIC))

sample: install             ## load the invented first-look data (remove: .venv/bin/listener sample remove)
	$(BIN)/listener sample load

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Listener needs Python 3.11 or newer; call make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

browser:                    ## Chromium for the browser tests, where we may install it
	@tests/install_browser.sh

clean:
	rm -rf .venv build *.egg-info
