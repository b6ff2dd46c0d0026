# SPDX-License-Identifier: Apache-2.0
# The commands of this repository. Each installs what it needs (tools/bootstrap says what), builds
# what it needs and does its one thing; nothing has to be done before it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := release
MAKEFLAGS += --no-print-directory

PREFIX ?= /usr/local
DESTDIR ?=
ARGS ?=
FUZZ_SECONDS ?= 60
JOBS ?= $(shell nproc)

configure = cmake --preset $(1) --log-level=WARNING >/dev/null
build = $(call configure,$(1)) && cmake --build --preset $(1) --parallel $(JOBS)

.PHONY: release run test test-long test-builds bench lint fuzz install dist deb gpu-bundle format clean help

release: ## Build the program: build/release/bin/gpuvigil
	@tools/bootstrap run
	@$(call build,release)

run: release ## Build it and serve on 127.0.0.1:8080; ARGS="--demo" is passed on
	@exec build/release/bin/gpuvigil serve $(ARGS)

test: ## Build with ASan and UBSan, run every test but the long ones
	@tools/bootstrap run test
	@$(call build,dev)
	@ctest --preset dev --parallel $(JOBS) --label-exclude '^(long|soak|builds)$$'

test-long: ## Concurrent and end-to-end tests with TSan, short fuzzing, the long tests and soaks
	@tools/bootstrap run test fuzz
	@$(call configure,tsan) && cmake --build --preset tsan --parallel $(JOBS) --target concurrent_tests
	@ctest --preset tsan --parallel $(JOBS) --label-regex '^concurrent$$'
	@$(MAKE) fuzz FUZZ_SECONDS=5
	@$(call build,dev)
	@ctest --preset dev --parallel $(JOBS) --label-regex '^(long|soak)$$'

test-builds: ## The archive of make dist, a build without its parts, and what takes longest
	@tools/bootstrap run test dist
	@$(call build,dev)
	@ctest --preset dev --label-regex '^builds$$'

bench: ## Measure: one table with ratios, and build/bench.json
	@tools/bootstrap run bench
	@$(call build,bench)
	@tools/bench --programs build/bench/bin --json build/bench.json $(ARGS)

lint: ## clang-format, clang-tidy, layers, style, shellcheck
	@tools/bootstrap run test lint
	@tools/check --all
	@$(call configure,dev)
	@tools/check --tidy build/dev

fuzz: ## libFuzzer on every target for FUZZ_SECONDS (60) each
	@tools/bootstrap run fuzz
	@$(call configure,fuzz) && cmake --build --preset fuzz --parallel $(JOBS) --target fuzz_targets
	@tools/fuzz build/fuzz/bin/fuzz $(FUZZ_SECONDS)

install: release ## Install below PREFIX (/usr/local); DESTDIR for packagers
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

dist: ## Pack it to run anywhere: build/dist/gpuvigil-VERSION-linux-ARCH.tar.gz
	@tools/bootstrap run dist
	@$(call build,dist)
	@tools/dist build/dist
	@tools/check_dist

deb: ## Pack it as Debian packages: build/dist/*.deb
	@tools/bootstrap run dist
	@$(call build,dist)
	@tools/deb build/dist

gpu-bundle: dist ## That and tools/gpu_check with all it runs, for a machine with a GPU
	@tools/gpu_bundle build/dist

format: ## Rewrite the C++ sources with clang-format
	@tools/bootstrap lint
	@tools/check --format-in-place

clean: ## Remove everything that was built
	@rm -rf build

help: ## This list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r name text; do \
	  printf 'make %-10s %s\n' "$$name" "$$text"; done
