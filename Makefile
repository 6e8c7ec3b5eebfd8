# Every target sets up what it needs in .venv, from a machine with Python 3.10 or newer and make:
# with uv where there is one, otherwise with venv and pip, pinned by constraints.txt.
#
#   make check                          make test PYTEST_N=8
#   make test PYTHON=python3.13 VENV=.venv-3.13
#   make soak SOAK=500 SOAK_SEED=7

PYTHON ?= python3
VENV ?= .venv
PYTEST_N ?= 4
PYTEST_ARGS ?=
SOAK ?= 10000
SOAK_SEED ?= 0

BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
# Inside the environment, so that it goes when the environment goes.
READY := $(VENV)/.ready-$(PYTHON_VERSION)
CODE := $(wildcard mock_server plugin tests tools benchmarks)

# Type checking must not download anything: pyright comes whole in its wheel, node in another.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The recogniser that speech is recorded with: only the targets that record need it.
ENGINE := $(VENV)/.ready-engine-$(PYTHON_VERSION)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test twice check style types floors format bench mutants soak scoreboard providers speech cassettes \
	install constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## judge three plugins: the reference plugin, one without LiveKit's base class, Deepgram's
	$(BIN)/sttkit check custom_stt self_managed deepgram --tier smoke --speech examples/hello.yaml \
		--advisory self_managed,deepgram

test: $(READY) ## run all tests, PYTEST_N at a time, with coverage (a part: .venv/bin/pytest tests/unit)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(PYTEST_N) $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

twice: $(READY) ## play all cases of two plugins twice: the traces must be equal to the byte
	$(BIN)/sttkit check custom_stt deepgram --twice --advisory custom_stt,deepgram

check: style types floors ## style, types and floors

style: $(READY) ## formatting and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY) ## mypy --strict and pyright
	$(BIN)/mypy --strict $(CODE)
	$(BIN)/pyright --pythonpath $(BIN)/python

floors: $(READY) ## imports point down only
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/check_imports.py

format: $(READY) ## rewrite the code as `make style` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## run the benchmarks, seven minutes (BENCH="server_cost check_plan" runs some)
	$(BIN)/python -m benchmarks $(BENCH)

scoreboard: $(READY) ## judge every official plugin and write docs/scoreboard.md anew (long)
	$(BIN)/python tools/scoreboard.py docs/scoreboard.md

providers: $(READY) ## judge every official plugin by the most telling cases
	$(BIN)/sttkit check --all --tier smoke --advisory $$($(BIN)/python -c 'from sttkit.conformance.options import every_plugin; print(",".join(every_plugin()[0]))')

speech: $(ENGINE) ## make cassettes/speech anew (needs espeak-ng: apt-get install espeak-ng)
	$(BIN)/python tools/make_speech.py
	git diff --stat -- cassettes/speech

cassettes: $(ENGINE) ## record the library of cassettes anew, and show what they say otherwise
	$(BIN)/python tools/record_library.py
	git diff --stat -- cassettes

soak: $(READY) ## SOAK made-up scripts on the reference plugin, without one false alarm
	$(BIN)/sttkit check custom_stt --case none@idle --examples $(SOAK) --seed $(SOAK_SEED)
mutants: $(READY) ## judge the kit: play the default plan to mutants of the reference plugin (long)
	nice $(BIN)/python -m tests.mutants $(MUTANTS)

install: $(READY) ## only set up .venv

constraints: ## resolve constraints.txt anew, for all supported versions of Python
	$(if $(UV),,[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV))
	$(if $(UV),,$(BIN)/python -m pip install --quiet uv)
	$(or $(UV),$(BIN)/uv) pip compile --quiet --upgrade --universal --python-version 3.10 \
		--all-extras pyproject.toml constraints.in --no-annotate \
		--custom-compile-command 'make constraints' --output-file constraints.txt

clean: ## remove what the other targets made, .venv included
	rm -rf build dist htmlcov .coverage .coverage.* .import_linter_cache .venv-peers
	find . -type d \( -name .git -o -path './.venv*' \) -prune -o -type d \( -name __pycache__ \
		-o -name .hypothesis -o -name .mypy_cache -o -name .pytest_cache -o -name .ruff_cache \) \
		-prune -exec rm -rf {} +
	if [ -f '$(VENV)/pyvenv.cfg' ]; then rm -rf '$(VENV)'; fi

# An environment made by another version of Python, or that was moved here, is made anew.
$(READY): pyproject.toml constraints.txt mock_server/sttkit/_version.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo 'sttkit needs Python 3.10 or newer, say: make PYTHON=python3.12' >&2; exit 1; }
	@echo 'Setting up $(VENV) with Python $(PYTHON_VERSION)$(if $(UV), and uv): takes a minute'
	@if ! $(BIN)/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(PYTHON_VERSION)")' 2>/dev/null; then \
		if [ -f '$(VENV)/pyvenv.cfg' ]; then rm -rf '$(VENV)'; fi; \
		$(if $(UV),$(UV) venv --quiet --seed --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" '$(VENV)',$(PYTHON) -m venv '$(VENV)'); \
	fi
ifneq ($(UV),)
	@$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[dev]'
else
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
		$(BIN)/python -m pip install --quiet --editable '.[dev]'
endif
	@rm -f $(VENV)/.ready-*
	@touch $@

$(ENGINE): $(READY)
ifneq ($(UV),)
	@$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[dev,engine]'
else
	@PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
		$(BIN)/python -m pip install --quiet --editable '.[dev,engine]'
endif
	@touch $@
