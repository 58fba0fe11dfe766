# Everything a fresh machine needs, and the things one does with the project.
# `make demo` plays a call, `make test` runs every test, `make check` looks without running.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
LIVEKIT_SERVER := $(BIN)/python -c 'from callplayer.service.livekit_server import ensure_binary; ensure_binary(print)'
ANYCABLE := $(BIN)/python -c 'from tests.rig.anycable import anycable_server; anycable_server()'
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check screenshots bench clean

demo: $(VENV)/demo-ready
	@.ci/system-packages demo
	@$(BIN)/callplayer demo $(ARGS)

test: $(VENV)/test-ready
	@.ci/system-packages test
	@$(LIVEKIT_SERVER)
	@$(ANYCABLE)
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

screenshots: $(VENV)/test-ready
	$(BIN)/python -m tests.ui.make_screenshots

bench: $(VENV)/test-ready
	@.ci/system-packages test
	@$(LIVEKIT_SERVER)
	$(BIN)/python -m tests.benchmarks $(ARGS)

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@.ci/system-packages python $(PYTHON)
	@echo "making a virtual environment with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo-ready: pyproject.toml $(BIN)/python
	@echo "installing callplayer into $(VENV)"
	@$(PIP) install --editable '.[service]'
	@touch $@

$(VENV)/test-ready: pyproject.toml $(BIN)/python
	@echo "installing callplayer and its test tools into $(VENV)"
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/demo-ready
