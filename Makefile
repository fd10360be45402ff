# The two commands to know are `make run` and `make test`. CMake does the work; see CMakePresets.json.
.DEFAULT_GOAL := help
.PHONY: help deps build run test asan-build asan tsan fuzz coverage torture bench microbench lint format install clean

JOBS ?= $(shell nproc)
CHRONOS_FUZZ_SECONDS ?= 60
# The turn of each fuzzer in `make torture`.
TORTURE_FUZZ_SECONDS ?= 1800
# Options of the comparison, for example BENCH="--rows append --repetitions 5".
BENCH ?=
DESTDIR ?=
PREFIX ?= /usr/local
SOURCES = $(shell git ls-files --cached --others --exclude-standard '*.cc' '*.h' 2>/dev/null)
# What `make lint` reads with clang-tidy: all files, or for example FILES="src/wal/writer.cc".
FILES ?= $(filter src/%.cc,$(SOURCES))

# $(call build,PRESET)
define build
	@cmake --preset $(1) --log-level=WARNING >/dev/null
	@cmake --build --preset $(1) --parallel $(JOBS)
endef

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install the Debian packages that are missing
	@scripts/install_dependencies.sh

build: deps ## Build the program as it is installed: build/release/bin/chronos
	$(call build,release)

run: build ## Build and run the demonstration
	@build/release/bin/chronos demo

test: deps ## Build and run the fast tests
	$(call build,release)
	@ctest --preset fast --parallel $(JOBS)

asan-build: deps
	$(call build,asan)

asan: asan-build ## Run the fast and slow tests under the address and undefined behaviour sanitizers
	@ctest --preset asan --parallel $(JOBS)

tsan: deps ## Run the concurrent tests under the thread sanitizer
	$(call build,tsan)
	@ctest --preset tsan --parallel $(JOBS)

fuzz: ## Run each fuzzer for CHRONOS_FUZZ_SECONDS
	@scripts/install_dependencies.sh --fuzz
	$(call build,fuzz)
	@CHRONOS_FUZZ_SECONDS=$(CHRONOS_FUZZ_SECONDS) scripts/fuzz.sh

coverage: ## Print the line coverage of the fast tests by ring
	@scripts/install_dependencies.sh --coverage
	$(call build,coverage)
	@find build/coverage -name '*.gcda' -delete
	@ctest --preset coverage --parallel $(JOBS) --output-log build/coverage/tests.log --quiet \
	    || { cat build/coverage/tests.log; exit 1; }
	@gcovr --root . --object-directory build/coverage --filter src/ --filter include/ \
	    --exclude '.*_(test|bench)\.cc$$' --json build/coverage/coverage.json
	@scripts/coverage_by_ring.py build/coverage/coverage.json

torture: deps ## Run the slow and endless tests and the fuzzers, with long settings
	$(call build,release)
	@ctest --preset torture --parallel $(JOBS)
	@$(MAKE) --no-print-directory fuzz CHRONOS_FUZZ_SECONDS=$(TORTURE_FUZZ_SECONDS)

bench: ## Measure Chronos beside other stores (BENCH="--quick", BENCH="--help" for more)
	@scripts/install_dependencies.sh --bench
	@cmake --preset bench --log-level=WARNING >/dev/null
	@cmake --build --preset bench --parallel $(JOBS)
	@build/release/bin/peers_bench $(BENCH)

microbench: build ## Measure parts of Chronos alone
	@for program in $(filter-out %/peers_bench,$(wildcard build/release/bin/*_bench)); do \
	    echo "$$program" && $$program || exit 1; \
	done

lint: ## Check the format, and the code with clang-tidy (FILES="..." for some files)
	@scripts/install_dependencies.sh --lint
	@clang-format-19 --dry-run -Werror $(SOURCES)
	@cmake --preset dev --log-level=WARNING >/dev/null
	@printf '%s\n' $(FILES) | xargs --max-procs=$(JOBS) --max-args=1 clang-tidy-19 -p build/dev --quiet

format: ## Format the code
	@scripts/install_dependencies.sh --lint
	@clang-format-19 -i $(SOURCES)

install: build ## Install into DESTDIR/PREFIX
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

clean: ## Remove everything built
	@rm -rf build
