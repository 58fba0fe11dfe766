# Everything a fresh machine needs, and the things one does with the project.
# `make demo` plays a call, `make test` runs every test, `make check` looks without running,
# `make dist` builds what is published and tries it, `make sbom` and `make audit` list what is in it.
# Tests run with the versions in .ci/constraints.txt; `make lock` writes the newest that fit there.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
LIVEKIT_SERVER := $(BIN)/python -m callplayer.service.livekit.build_process
ANYCABLE := $(BIN)/python -c 'from tests.rig.anycable import anycable_server; anycable_server()'
VERSITYGW := $(BIN)/python -c 'from tests.rig.versitygw import versitygw_server; versitygw_server()'
PIP_FLAGS := --disable-pip-version-check --quiet
PIP := $(BIN)/python -m pip $(PIP_FLAGS)
CLEAN := .venv-clean
LOCK := .ci/constraints.txt
# Else each of some thousand processes of the tests compiles its modules anew.
unexport PYTHONDONTWRITEBYTECODE
# Tests that measure sound and time run one by one, and nothing beside them. Then those that record
# what they need a calm machine for run two at a time, by files, each on a sound server of its own,
# and nothing else beside them. Then those that play in real time run two at a time, and the other tests of the whole program so many at a time, by files:
# first the one that plays a whole call. Beside these run the tests of parts, two at a time (three
# disturb what plays). They get what the processors have left (SCHED_IDLE): any other work goes before
# them.
AT_ONCE ?= 3
SIDE_BY_SIDE := --dist=loadfile --no-loadscope-reorder
CALM := measures or records
TWO := plays and not ($(CALM))
PARTS := not ($(CALM)) and not plays and not e2e
OTHERS := not ($(CALM)) and not plays and e2e
YIELD := { chrt --idle --pid 0 $$$$ || renice -n 19 $$$$; } >/dev/null 2>&1
WHOLE_CALL := tests/e2e/test_make_demo.py
E2E := $(WHOLE_CALL) $(filter-out $(WHOLE_CALL),$(sort $(wildcard tests/e2e/test_*.py)))
# Without ARGS, only the files are collected that hold such a test.
FILES = $(or $(ARGS),$$(grep -rlw $(1) tests --include='test_*.py' | sort))
# What takes longest is listed: there the time goes.
SLOWEST := --durations=40 --durations-min=4
# Of a choice by ARGS there may be none of one kind (pytest's 5).
PYTEST := none_is_good() { "$$@" || [ $$? = 5 ]; }; none_is_good $(BIN)/python -m pytest $(SLOWEST)
OF_PARTS = $(or $(ARGS),$(filter-out tests/e2e/,$(wildcard tests/*/)))
# Other work on a shared machine disturbs what is timed: what failed must pass by itself. Of runs
# beside each other it is tried once all have ended; each remembers in a folder of its own.
AGAIN := $(BIN)/python -m pytest --last-failed --last-failed-no-failures none
REMEMBERS = -o cache_dir=.pytest_cache/$(1)
FIRST = mkdir -p .pytest_cache; rm -f .pytest_cache/$(1)-failed; $(PYTEST) $(REMEMBERS)
FAILED = touch .pytest_cache/$(1)-failed
SECOND = [ ! -e .pytest_cache/$(1)-failed ] || $(AGAIN) $(REMEMBERS)

.PHONY: demo test tests tests-that-measure tests-of-the-whole tests-of-parts tests-again test-programs check screenshots recording bench dist sbom audit lock clean

# What may be missing is looked at before anything is installed at length; a call plays without it.
demo:
	@[ -e $(VENV)/demo-ready ] && echo "starting $(BIN)/callplayer demo $(ARGS)" || echo "the first start installs what is missing"
	@.ci/system-packages demo
	@$(MAKE) --no-print-directory --silent $(VENV)/demo-ready
	@$(BIN)/callplayer demo $(ARGS)
	@echo "The program is $(BIN)/callplayer; $(BIN)/callplayer --help says what else it does." >&2

test: test-programs
	@began=$$(date +%s); code=0; $(MAKE) --no-print-directory tests || code=$$?; took=$$(($$(date +%s) - began)); \
	  echo "make test took $$((took / 60)) min $$((took % 60)) s"; exit $$code

tests: tests-that-measure
	@$(MAKE) --no-print-directory --jobs=2 tests-of-the-whole tests-of-parts
	@$(MAKE) --no-print-directory tests-again

tests-that-measure:
	@$(call FIRST,measures) -m measures $(call FILES,measures) || $(call FAILED,measures)
	@$(call FIRST,records) -m records --numprocesses=2 $(SIDE_BY_SIDE) $(call FILES,records) || $(call FAILED,records)

tests-of-the-whole:
	@$(call FIRST,plays) -m "$(TWO)" --numprocesses=2 --dist=worksteal $(call FILES,plays) || $(call FAILED,plays)
	@$(call FIRST,others) -m "$(OTHERS)" --numprocesses=$(AT_ONCE) $(SIDE_BY_SIDE) $(or $(ARGS),$(E2E)) || $(call FAILED,others)

# What it prints comes at its end, so that two runs do not mix theirs.
tests-of-parts:
	@$(YIELD); log=$$(mktemp); { $(call FIRST,parts) -m "$(PARTS)" --numprocesses=2 --dist=worksteal $(OF_PARTS) || $(call FAILED,parts); } >$$log 2>&1; \
	  code=$$?; cat $$log; rm -f $$log; exit $$code

# Minutes later: a shared machine is slow for some at a time.
tests-again:
	@$(call SECOND,measures) -m measures $(call FILES,measures)
	@$(call SECOND,records) -m records $(call FILES,records)
	@$(call SECOND,plays) -m "$(TWO)" $(call FILES,plays)
	@$(call SECOND,others) -m "$(OTHERS)" $(or $(ARGS),$(E2E))
	@$(call SECOND,parts) -m "$(PARTS)" $(OF_PARTS)

# What the tests run besides Python.
test-programs: $(VENV)/test-ready
	@.ci/system-packages test
	@$(LIVEKIT_SERVER)
	@$(ANYCABLE)
	@$(VERSITYGW)

check: $(VENV)/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

screenshots: $(VENV)/test-ready
	@.ci/system-packages screenshots
	$(BIN)/python -m tests.ui.make_screenshots

# The moving picture: the demo, played and recorded on a terminal.
recording: $(VENV)/test-ready
	@.ci/system-packages screenshots
	@.ci/system-packages test
	@$(LIVEKIT_SERVER)
	$(BIN)/python -m tests.ui.make_recording

bench: $(VENV)/test-ready
	@.ci/system-packages test
	@$(LIVEKIT_SERVER)
	$(BIN)/python -m tests.benchmarks $(ARGS)

# Wheel and source archive. The wheel is built from the archive (so `build` does), and installed by
# itself into an environment that has nothing else.
dist: $(BIN)/pip
	rm -rf dist $(CLEAN)
	@$(BIN)/python -m venv $(CLEAN)
	@$(CLEAN)/bin/python -m pip $(PIP_FLAGS) install build
	$(CLEAN)/bin/python -m build --outdir dist .
	@rm -rf $(CLEAN) && $(BIN)/python -m venv $(CLEAN)
	@$(CLEAN)/bin/python -m pip $(PIP_FLAGS) install --no-compile dist/*.whl
	@cd / && "$(CURDIR)/$(CLEAN)/bin/callplayer" --version && "$(CURDIR)/$(CLEAN)/bin/callplayer" --help >/dev/null
	@cd / && "$(CURDIR)/$(CLEAN)/bin/python" -c 'import callplayer.ui.player_app, callplayer.engine.session.engine'
	rm -rf $(CLEAN)

# The bill of materials (CycloneDX) of a player with its service, and what is known to be wrong in it.
sbom audit: $(BIN)/pip
	rm -rf $(CLEAN) && $(BIN)/python -m venv $(CLEAN) && $(BIN)/python -m venv $(CLEAN)/tools
	@$(CLEAN)/bin/python -m pip $(PIP_FLAGS) install '.[service]'
	@$(CLEAN)/tools/bin/python -m pip $(PIP_FLAGS) install cyclonedx-bom pip-audit
	@mkdir -p dist
	$(if $(filter sbom,$@),$(CLEAN)/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-file dist/sbom.json $(CLEAN)/bin/python,\
	  $(CLEAN)/bin/python -m pip freeze --exclude callplayer > dist/audited.txt && $(CLEAN)/tools/bin/pip-audit --strict --no-deps --requirement dist/audited.txt)
	rm -rf $(CLEAN)

# The newest versions that fit, for the tests: look at what has changed, run `make test`, commit it.
lock: $(BIN)/pip
	rm -rf $(CLEAN) && $(BIN)/python -m venv $(CLEAN)
	@$(CLEAN)/bin/python -m pip $(PIP_FLAGS) install '.[dev]'
	@{ sed -n '/^#/p' $(LOCK); $(CLEAN)/bin/python -m pip freeze --exclude callplayer; } > $(LOCK).new
	@mv $(LOCK).new $(LOCK)
	rm -rf $(CLEAN)

clean:
	rm -rf $(VENV) $(CLEAN) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# pip comes last: an environment whose making was interrupted is made to its end.
$(BIN)/pip:
	@.ci/system-packages python $(PYTHON)
	@echo "making a virtual environment with $(PYTHON)" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo-ready: pyproject.toml | $(BIN)/pip
	@$(BIN)/python .ci/python-packages $(BIN)/python "[1/3] " --no-compile --editable '.[service]'
	@touch $@

$(VENV)/test-ready: pyproject.toml $(LOCK) | $(BIN)/pip
	@$(BIN)/python .ci/python-packages $(BIN)/python "" --constraint $(LOCK) --no-compile --editable '.[dev]'
	@touch $@ $(VENV)/demo-ready
