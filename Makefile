# What this project can do for you: `make help`.
#
# The first call of anything makes a virtual environment and installs what it needs into it; each of these steps
# leaves a stamp file there, so that later calls start at once. VENV must be a path without spaces; SRC, OUT,
# CORPUS and WORK may have them.

PYTHON ?= python3
VENV ?= .venv
SRC ?=
OUT ?= split
CORPUS ?=
SECONDS ?= 1200
WORK ?= build/bench
SONGS ?= 607000

# As they were given, dollar signs and all.
override SRC := $(value SRC)
override OUT := $(value OUT)
override CORPUS := $(value CORPUS)
override WORK := $(value WORK)
export SRC OUT CORPUS WORK

RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check install --quiet
STAMP := $(VENV)/.installed

SAMPLES := samples
SAMPLED := --songs 200 --seed 1 --duplicates 0.49
COVERED := 95

.DEFAULT_GOAL := help
.PHONY: help split test lint types coverage docs fuzz bench-kernel bench bench-growth bench-advice format clean

help: ## Say what there is to make
	@echo 'make TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1@\2/p' Makefile | while IFS=@ read -r name what; do \
		printf '  %-14s %s\n' "$$name" "$$what"; done

split: $(STAMP)-package ## Split the songs in SRC= (or sample songs) into OUT= (or split)
	@set -eu; \
	if [ -z "$$SRC" ]; then \
		SRC=$(SAMPLES); \
		if [ ! -d "$$SRC" ]; then \
			echo 'Writing sample songs to $(SAMPLES); SRC=FOLDER splits your own.'; \
			rm -rf build/$(SAMPLES); mkdir -p build; \
			$(RUN) -m midiprism sample --quiet $(SAMPLED) build/$(SAMPLES); \
			mv build/$(SAMPLES) "$$SRC"; \
		fi; \
	fi; \
	$(RUN) -m midiprism split --out "$$OUT" -- "$$SRC"

test: $(STAMP)-test ## Run all tests on all cores
	@echo 'Compiling the kernel, unless it is in the cache.'
	@$(RUN) -c 'from midiprism.smf.kernel import split_kernel; split_kernel.prepare()'
	$(RUN) -m pytest -n auto --dist worksteal

lint: $(STAMP)-dev ## Check format and style
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .

format: $(STAMP)-dev ## Format all files, and mend what can be mended safely
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

types: $(STAMP)-dev ## Check types
	$(RUN) -m mypy

coverage: $(STAMP)-test ## Check that tests reach 95 % of the lines of src/midiprism/smf
	$(RUN) -m coverage erase
	NUMBA_DISABLE_JIT=1 $(RUN) -m coverage run -m pytest -q -n auto --dist worksteal -m 'not slow' tests/smf
	$(RUN) -m coverage combine -q
	$(RUN) -m coverage report --include='src/midiprism/smf/*' --fail-under=$(COVERED)

docs: $(STAMP)-package ## Bring the generated parts of the documentation up to date, and the picture in README.md
	$(RUN) scripts/make_docs.py
	$(RUN) scripts/make_recording.py

fuzz: $(STAMP)-test ## Fuzz the splitter for SECONDS= (1200), also with the real files in CORPUS=
	$(RUN) fuzz/fuzz_split.py --minutes "$$($(RUN) -c 'print($(SECONDS) / 60)')" --corpus "$$CORPUS"

bench-kernel: $(STAMP)-peers ## Measure the splitter beside other readers, on CORPUS= or sample songs
	$(RUN) benchmarks/split_throughput.py $${CORPUS:+"$$CORPUS"}

bench: $(STAMP)-test ## Measure whole runs in WORK= (or build/bench), on sample songs and on CORPUS=
	$(RUN) benchmarks/run_throughput.py --work "$$WORK" $${CORPUS:+--corpus "$$CORPUS"}
	$(RUN) benchmarks/postgres_throughput.py --work "$$WORK"
	$(RUN) benchmarks/commit_throughput.py --work "$$WORK"

bench-growth: $(STAMP)-package ## Measure a library as it grows to SONGS= (607000), and runs that are killed, in WORK=
	$(RUN) benchmarks/growth.py --work "$$WORK" --songs $(SONGS)
	$(RUN) benchmarks/kill_recovery.py --work "$$WORK" --songs $(SONGS)

bench-advice: $(STAMP)-test ## Measure whether advice is right, and --workers auto the best, in memory and WORK=
	PYTHONPATH=tests $(RUN) benchmarks/bottleneck_accuracy.py
	PYTHONPATH=tests $(RUN) benchmarks/advice_story.py
	PYTHONPATH=tests $(RUN) benchmarks/auto_tuning.py --work "$$WORK"

clean: ## Remove the environment, the caches and the sample songs; results of `make split` stay
	rm -rf .venv build dist $(SAMPLES) .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(RUN):
	$(PYTHON) -m venv $(VENV)

# Editable: a change of the source needs no new installation, one of its dependencies does.
$(STAMP)-package: pyproject.toml | $(RUN)
	$(PIP) --editable .
	@touch $@

$(STAMP)-peers $(STAMP)-test $(STAMP)-dev: $(STAMP)-%: pyproject.toml | $(RUN)
	$(PIP) --editable '.[$*]'
	@touch $@
