# What can be done with this repository, and what that needs: Rust (see rust-version in Cargo.toml) with a C compiler.
# Tests use a few programs of the distribution; `make test` installs them with apt where they are missing.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PROGRAMS := $(or $(CARGO_TARGET_DIR),target)/debug
EXAMPLE := examples/order-fulfilment
BUILT = FERROVIA="$(abspath $(PROGRAMS)/ferrovia)" ORDER_SERVICES="$(abspath $(PROGRAMS)/order-services)"

# Crates that compute and do nothing else, and dependencies that would let them do more (INV-2).
PURE_CRATES := ferrovia-expr ferrovia-dsl ferrovia-engine
IMPURE_DEPENDENCIES := tokio|reqwest|rusqlite|rand
# The runtime waits, but only connectors reach out (INV-6).
NETWORK_DEPENDENCIES := reqwest|hyper|rustls

# A copy of the standard's repository, for its conformance kit and examples: used where there is one.
SPECIFICATION ?= $(wildcard ../shared/spec)
export FERROVIA_SPECIFICATION := $(if $(SPECIFICATION),$(abspath $(SPECIFICATION)))

# Programs that tests start.
TEST_PROGRAMS := python3 strace curl

APT := $(if $(filter 0,$(shell id -u)),,sudo) apt-get

.PHONY: help run build test test-build test-rust test-example test-docs test-api test-programs soak bench check fmt fmt-check lint purity \
        docs-check deny conformance

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build, and run the example project: orders, prices, stock, payment, packing
	@$(BUILT) $(EXAMPLE)/run

test: test-build test-rust test-example test-docs test-api ## Run all tests, the example, and what the documents show

soak: ## Kill a server 10,000 times under load and check what came of it (FERROVIA_SOAK_KILLS, FERROVIA_SOAK_SEED)
	@FERROVIA_SOAK_KILLS="$${FERROVIA_SOAK_KILLS:-10000}" FERROVIA_SOAK_SEED="$${FERROVIA_SOAK_SEED:-$$RANDOM}" \
	    FERROVIA_SOAK_REPLAYS="$${FERROVIA_SOAK_REPLAYS:-10000}" \
	    cargo test -p ferrovia --all-features --test soak -- --nocapture

bench: ## Run all benchmarks
	cargo bench --workspace --benches
	@if [ -x bench/run ]; then bench/run; fi

check: fmt-check lint purity docs-check deny ## Check formatting, lints, purity of the core crates, documents and licences

fmt: ## Format the code
	cargo fmt --all

conformance: build ## Run the conformance features and write docs/conformance.md (SPECIFICATION=DIRECTORY adds the standard's)
	@FERROVIA="$(abspath $(PROGRAMS)/ferrovia)" \
	    cargo run -p ferrovia-conformance --bin conformance -- --write docs/conformance.md $(if $(SPECIFICATION),--specification "$(SPECIFICATION)")

build:
	@cargo build -p ferrovia -p order-services

# Everything at once and with the same features as the tests, so that nothing is built twice.
test-build:
	@cargo build --workspace --all-features --bins --tests

test-rust: test-programs
	@if cargo nextest --version >/dev/null 2>&1; then \
	    set -x; \
	    cargo nextest run --workspace --all-features; \
	    cargo test --workspace --all-features --doc; \
	else \
	    echo "cargo-nextest is not installed, so this takes longer (cargo install cargo-nextest --locked)"; \
	    set -x; \
	    cargo test --workspace --all-features; \
	fi

test-example: test-build
	@$(BUILT) $(EXAMPLE)/test

test-docs: test-build test-programs
	@$(BUILT) docs/test

test-api: test-build test-programs
	@$(BUILT) crates/ferrovia/tests/api

test-programs:
	@missing=(); \
	for program in $(TEST_PROGRAMS); do command -v "$$program" >/dev/null || missing+=("$$program"); done; \
	if [ "$${#missing[@]}" -gt 0 ]; then \
	    echo "installing what the tests need: $${missing[*]}"; \
	    $(APT) update -q; \
	    $(APT) install -q -y --no-install-recommends "$${missing[@]}"; \
	fi

fmt-check:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets --all-features -- -D warnings

purity:
	@refuse() { \
	    tree=$$(cargo tree -p "$$1" -e normal,build --prefix none); \
	    if grep -E "^($$2) v" <<<"$$tree" | sort -u | grep .; then \
	        echo "$$1 must not depend on this"; \
	        exit 1; \
	    fi; \
	    echo "$$1: nothing of $$2"; \
	}; \
	for crate in $(PURE_CRATES); do refuse "$$crate" '$(IMPURE_DEPENDENCIES)'; done; \
	refuse ferrovia-runtime '$(NETWORK_DEPENDENCIES)'

docs-check:
	@docs/check

deny:
	@if cargo deny --version >/dev/null 2>&1; then \
	    cargo deny check; \
	else \
	    echo "cargo-deny is not installed: licences and advisories are not checked (cargo install cargo-deny --locked)"; \
	fi
