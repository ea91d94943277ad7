# The front door of whorl. Every target installs what it needs first; `make` alone lists the targets.
MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local
sources = $$(git ls-files '*.h' '*.cpp' '*.c')

.PHONY: help deps run test guarded rtsan bench lint format docs install clean

help:     ## Lists the targets
	@sed -n 's/^\([a-z]*\): .*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

deps:     ## Installs the Debian packages that are missing for run and test
	@scripts/install_packages.sh run test

run:      ## Builds the release and shows what whorl does: a server that calculates on real data
	@scripts/install_packages.sh run
	@scripts/build.sh release whorl
	@build/release/whorl demo

test:     ## Builds everything with assertions and runs every test
	@scripts/install_packages.sh run test
	@scripts/build.sh dev
	@ctest --preset dev

guarded:  ## Runs every test with every loop watched; fails if anything holds one up
	@scripts/install_packages.sh run test
	@scripts/build.sh dev
	@ctest --preset guarded

rtsan:    ## Runs the tests with Clang 22's real-time sanitizer, which tells of calls that may wait in callbacks
	@scripts/install_packages.sh run test rtsan
	@scripts/build.sh rtsan
	@ctest --preset rtsan

bench:    ## Builds the benchmarks and runs them; prints what docs/ and README quote
	@scripts/install_packages.sh run bench
	@scripts/bench.sh

lint:     ## Checks format, include directions, shapes of co_await, hygiene; then clang-tidy over all
	@scripts/install_packages.sh run test format lint
	@scripts/lint.sh

format:   ## Formats every source file in place
	@scripts/install_packages.sh format
	@clang-format-19 -i $(sources)

docs:     ## Writes the reference of all public headers to build/docs/index.html
	@scripts/install_packages.sh docs
	@python3 scripts/docs.py build/docs

install:  ## Installs the release under PREFIX (/usr/local): libraries, headers, CMake package, pkg-config, whorl
	@scripts/install_packages.sh run
	@scripts/build.sh release
	@cmake --install build/release --prefix $(PREFIX)

clean:    ## Removes everything that was built
	@rm -rf build
