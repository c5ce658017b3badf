# Every cargo command uses the release profile and one target folder, so that
# RocksDB's C++ is compiled once for the demo, the tests and the lints.
export REGISTRY_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/twin-city-registry
export CARGO_TARGET_DIR ?= $(REGISTRY_CACHE)/target
BIN := $(CARGO_TARGET_DIR)/release
CARGO := . $(REGISTRY_CACHE)/build.env && cargo
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build demo demo-stop drill test bench bench-national bench-persons bench-snapshot bench-parts compare lint fmt fmt-check deny clean

help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Installs what the build needs (C++ compiler, libclang)
	@.ci/setup

build: setup ## Builds every program
	@$(CARGO) build --locked --release --workspace --bins

demo: build ## Settles the record day of 2021-12-16 on six nodes in two cities (ARGS=--keep leaves them running)
	@$(BIN)/demo $(ARGS)

demo-stop: ## Stops what "make demo ARGS=--keep" left running
	@$(BIN)/demo stop

drill: build ## Rehearses every event on a six-node and a witnessed cluster: target/drill/report.json
	@$(BIN)/registryctl drill all --reports target/drill $(ARGS)

test: build ## Runs every test
	@$(CARGO) test --locked --release --workspace

bench: build ## Measures settlement speed: target/bench/report.json and load.svg
	@$(BIN)/bench $(ARGS)

bench-national: build ## Settles a day of 5.2 million trades among 3.8 million accounts (some minutes, 20 GB of disk)
	@$(BIN)/bench --cases national-day $(ARGS)

bench-persons: build ## Opens and credits the accounts of 2 million persons of an inclusive platform
	@$(BIN)/bench --cases persons $(ARGS)

bench-snapshot: build ## Measures sending a snapshot between the cities, with and without load, and catching up
	@$(BIN)/bench --cases snapshot $(ARGS)

bench-parts: setup ## Measures the rules, the records, the chunk reader and the log alone (cargo bench)
	@$(CARGO) bench --locked -p registry-ledger -p registry-node --bench ledger --bench node $(ARGS)

compare: build ## Settles the same trades in PostgreSQL, etcd and TigerBeetle, as far as they are there
	@$(BIN)/compare $(ARGS)

lint: setup ## Lints and documentation, warnings are errors
	@$(CARGO) clippy --locked --release --workspace --all-targets -- -D warnings
	@. $(REGISTRY_CACHE)/build.env && RUSTDOCFLAGS="-D warnings" cargo doc --locked --release --workspace --no-deps --document-private-items --quiet

fmt: ## Formats the code
	@cargo fmt --all

fmt-check:
	@cargo fmt --all --check

deny: ## Checks licences, sources and bans of all dependencies
	@.ci/setup-deny
	@$(REGISTRY_CACHE)/tools/bin/cargo-deny --all-features check --hide-inclusion-graph bans licenses sources

clean: ## Removes what the demo and the bench wrote, and the drills' cluster; their reports stay
	@rm -rf target/demo target/bench target/drill/cluster
