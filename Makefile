# Run `make help` for the list of targets.
#
# The first call of any target creates a virtual environment and installs what the target needs. Each of these
# steps leaves a stamp file there, so that later calls start at once. VENV must be a path without spaces; SRC,
# OUT, CORPUS and WORK may contain them.

PYTHON ?= python3
VENV ?= .venv
SRC ?=
OUT ?= split
CORPUS ?=
SECONDS ?= 1200
ROUNDS ?=
WORK ?= build/bench
SONGS ?= 607000
BUILD ?= 655000f

# Taken literally, with their dollar signs.
override SRC := $(value SRC)
override OUT := $(value OUT)
override CORPUS := $(value CORPUS)
override WORK := $(value WORK)
export SRC OUT CORPUS WORK

# Tests start hundreds of processes, each of which would compile all sources again.
unexport PYTHONDONTWRITEBYTECODE

RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check install --quiet
STAMP := $(VENV)/.installed

SAMPLES := samples
SAMPLE_OPTIONS := --songs 200 --seed 1 --duplicates 0.49
MIN_COVERAGE := 95

.DEFAULT_GOAL := help
.PHONY: help split web serve test lint types coverage docs fuzz costs damage-table stress cluster bench-kernel bench bench-names bench-growth bench-search bench-similar bench-scale-out bench-serve bench-advice bench-builds format clean

help: ## List the targets
	@echo 'make TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1@\2/p' Makefile | while IFS=@ read -r name what; do \
		printf '  %-16s %s\n' "$$name" "$$what"; done

split: $(STAMP)-package ## Split the songs in SRC= (or sample songs) into OUT= (or split)
	@set -eu; \
	if [ -z "$$SRC" ]; then \
		SRC=$(SAMPLES); \
		if [ ! -d "$$SRC" ]; then \
			echo 'Writing sample songs to $(SAMPLES); SRC=FOLDER splits your own.'; \
			rm -rf build/$(SAMPLES); mkdir -p build; \
			$(RUN) -m midiprism sample --quiet $(SAMPLE_OPTIONS) build/$(SAMPLES); \
			mv build/$(SAMPLES) "$$SRC"; \
		fi; \
	fi; \
	$(RUN) -m midiprism split --out "$$OUT" -- "$$SRC"

serve: $(STAMP)-web ## Open a page that shows and plays OUT= (or split), which is made from SRC= if it is not there
	@[ -d "$$OUT" ] || $(MAKE) --no-print-directory split
	$(RUN) -m midiprism serve "$$OUT"

web: ## Bundle the synthesizer for sound banks into the pages of `midiprism serve`, with Node
	cd scripts/web && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent; } && npm run --silent build

# Many tests wait for processes or servers, so that one test process more than there are cores keeps them busy.
test: $(STAMP)-test ## Run all tests on all cores, with temporary files in memory if there is room
	@echo 'Compiling the kernels, unless they are in the cache.'
	@$(RUN) scripts/compile_kernels.py
	.ci/in_memory $(RUN) -m pytest -n "$$($(RUN) -c 'import os; print(os.cpu_count() + 1)')" --dist worksteal

lint: $(STAMP)-dev ## Check format and style
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .

format: $(STAMP)-dev ## Format all files, and apply the safe fixes of the linter
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

types: $(STAMP)-dev ## Check types
	$(RUN) -m mypy

coverage: $(STAMP)-test ## Check that tests reach 95 % of the lines of src/midiprism/smf
	$(RUN) -m coverage erase
	NUMBA_DISABLE_JIT=1 .ci/in_memory $(RUN) -m coverage run -m pytest -q -n auto --dist worksteal -m 'not slow' tests/smf
	$(RUN) -m coverage combine -q
	$(RUN) -m coverage report --include='src/midiprism/smf/*' --fail-under=$(MIN_COVERAGE)

docs: $(STAMP)-package ## Bring the generated parts of the documentation up to date, and the picture in README.md
	$(RUN) scripts/make_docs.py
	$(RUN) scripts/make_recording.py

fuzz: $(STAMP)-test ## Fuzz the splitter for SECONDS= (1200), also with real files from CORPUS=
	$(RUN) fuzz/fuzz_split.py --minutes "$$($(RUN) -c 'print($(SECONDS) / 60)')" --corpus "$$CORPUS"

costs: $(STAMP)-test ## Check the time and memory that crafted songs take
	$(RUN) fuzz/crafted_costs.py
	$(RUN) fuzz/crafted_costs.py --context full --by program

stress: $(STAMP)-test ## Kill commands at random for SECONDS= (1200), or ROUNDS=, and check that nothing is lost
	$(RUN) fuzz/stress_kills.py $(if $(ROUNDS),--rounds $(ROUNDS),--seconds $(SECONDS))

# CORPUS may be a folder, or several zip archives with spaces between them.
cluster: $(STAMP)-test ## Try a cluster: SeaweedFS and Ray with two nodes split samples and CORPUS=, folders or zips
	PYTHONPATH=tests $(RUN) scripts/try_cluster.py -- $${CORPUS:+$$CORPUS}

damage-table: $(STAMP)-damage ## Show what midiprism, mido, symusic and partitura make of damaged songs
	$(RUN) fuzz/damage_table.py

bench-kernel: $(STAMP)-peers ## Measure the splitter and other readers, on CORPUS= or sample songs
	$(RUN) benchmarks split_throughput $${CORPUS:+"$$CORPUS"}

bench: $(STAMP)-test ## Measure whole runs in WORK= (or build/bench), on sample songs and on CORPUS=
	$(RUN) benchmarks run_throughput --work "$$WORK" $${CORPUS:+--corpus "$$CORPUS"}
	$(RUN) benchmarks postgres_throughput --work "$$WORK"
	$(RUN) benchmarks commit_throughput --work "$$WORK"

bench-names: $(STAMP)-detectors ## Measure the share of names that are read right, beside other detectors
	$(RUN) benchmarks text_encodings

bench-growth: $(STAMP)-package ## Measure a growing library of SONGS= (607000), and killed runs, in WORK=
	$(RUN) benchmarks growth --work "$$WORK" --songs $(SONGS)
	$(RUN) benchmarks kill_recovery --work "$$WORK" --songs $(SONGS)

bench-similar: $(STAMP)-similar ## Measure search by example and groups in WORK=, and their accuracy on CORPUS=, a zip of POP909
	$(RUN) benchmarks similarity_speed --work "$$WORK"
	$(RUN) benchmarks fingerprint_throughput
	$(if $(CORPUS),$(RUN) benchmarks similarity_accuracy "$$CORPUS")

bench-search: $(STAMP)-package ## Measure searches in a made-up result of SONGS= (607000) songs, in WORK=
	$(RUN) benchmarks search_speed --work "$$WORK" --songs $(SONGS)

bench-scale-out: $(STAMP)-test ## Measure songs in object storage and on Ray, compared with Ray Data and Daft, in WORK=
	$(RUN) benchmarks scale_out --work "$$WORK"
	$(RUN) benchmarks scale_out_peers --work "$$WORK"

bench-serve: $(STAMP)-test ## Measure pages of a made-up result of SONGS= (607000) songs, in WORK=, and in a browser
	$(RUN) benchmarks serve_speed --work "$$WORK" --songs $(SONGS)
	$(RUN) benchmarks serve_browser

bench-builds: $(STAMP)-package ## Compare this version with that of BUILD= (655000f), in WORK=, on sample songs and CORPUS=
	$(RUN) benchmarks builds --commit "$(BUILD)" --work "$$WORK" $${CORPUS:+--corpus "$$CORPUS"}

bench-advice: $(STAMP)-test ## Measure the quality of advice and of --workers auto, in memory and WORK=
	$(RUN) benchmarks bottleneck_accuracy
	$(RUN) benchmarks advice_story
	$(RUN) benchmarks auto_tuning --work "$$WORK"

clean: ## Remove the environment, caches and sample songs, but no results of `make split`
	rm -rf .venv build dist $(SAMPLES) .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		scripts/web/node_modules src/midiprism/web/static/vendor

$(RUN):
	$(PYTHON) -m venv $(VENV)

# Editable: only changed dependencies need a new installation.
$(STAMP)-package: pyproject.toml | $(RUN)
	$(PIP) --editable .
	@touch $@

$(STAMP)-web $(STAMP)-damage $(STAMP)-peers $(STAMP)-detectors $(STAMP)-similar $(STAMP)-test $(STAMP)-dev: $(STAMP)-%: pyproject.toml | $(RUN)
	$(PIP) --editable '.[$*]'
	@touch $@ $(if $(filter dev,$*),$(STAMP)-test) # dev has all of test
