# Session Risk. `make demo` and `make test` set everything up themselves; `make help` lists the rest.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export CARGO_TERM_COLOR ?= auto
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
MODULE := $(TARGET)/wasm32-wasip1/release/session_risk.wasm
DEMO := $(TARGET)/debug/session-risk-demo
TOOLS := $(TARGET)/tools
WASM_BINDGEN := 0.2.125
NODE := 22.20.0
ENVOYS := 1.40.0 1.36.2

.PHONY: help wasm cli demo up test test-clients check unit envoy node bench bench-gateway cost cost-record schema vectors clean rust

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 15

rust:
	@command -v cargo >/dev/null || { echo "no cargo: install rustup from https://rustup.rs" >&2; exit 1; }
	@rustup target list --installed | grep -q wasm32-wasip1 || rustup target add wasm32-wasip1

wasm: rust ## the filter: $(MODULE)
	@# As a cdylib alone: beside an rlib, cargo does no link-time optimisation.
	cargo rustc --quiet --lib --release --target wasm32-wasip1 --crate-type cdylib
	@[ $(MODULE).small -nt $(MODULE) ] || { tests/shrink-module $(abspath $(MODULE)) && touch $(MODULE).small; }
	@echo "$(MODULE): $$(wc -c < $(MODULE)) bytes"

cli: rust ## the command line: session-risk
	cargo build --quiet --features cli --bin session-risk

demo: wasm cli ## watch five sessions go through a real Envoy
	cargo build --quiet --features demo --bin session-risk-demo
	$(DEMO) run

up: wasm ## the same gateway, left running for curl
	cargo build --quiet --features demo --bin session-risk-demo
	$(DEMO) up

test: check unit node envoy test-clients ## everything that must hold

check: rust ## format and lints
	cargo fmt --check
	cargo clippy --all-targets --features demo -- -D warnings
	cargo clippy --lib --target wasm32-wasip1 -- -D warnings

unit: wasm ## unit, property and scenario tests, natively and on the compiled module
	cargo test --features cli

envoy: wasm ## end to end on the newest and the oldest Envoy
	for version in $(ENVOYS); do \
	  envoy=$$(tests/find-envoy $$version) || exit 1; \
	  ENVOY=$$envoy cargo test --features demo --test envoy -- --test-threads 2 || exit 1; \
	done

test-clients: wasm ## clients that nobody here wrote (MCP, Azure, gRPC; from PyPI) meet every refusal in Envoy
	tests/clients/setup > /dev/null
	envoy=$$(tests/find-envoy $(firstword $(ENVOYS))) || exit 1; \
	  ENVOY=$$envoy cargo test --features demo --test envoy -- --ignored --nocapture clients

node: rust $(TOOLS)/bin/wasm-bindgen-test-runner ## the core on wasm32-unknown-unknown in Node: same vectors, same bytes
	rustup target list --installed | grep -q wasm32-unknown-unknown || rustup target add wasm32-unknown-unknown
	node=$$(tests/find-node $(NODE)) || exit 1; PATH=$$(dirname $$node):$$PATH \
	  CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$(abspath $(TOOLS))/bin/wasm-bindgen-test-runner \
	  cargo test --target wasm32-unknown-unknown --test wasm_vectors

$(TOOLS)/bin/wasm-bindgen-test-runner:
	cargo install --quiet wasm-bindgen-cli --version $(WASM_BINDGEN) --locked --root $(TOOLS)

bench: rust ## criterion on the core
	cargo bench --bench core

cost: wasm ## what a request costs in counts (fuel, host calls, instructions), against tests/cost.txt
	cargo test --quiet --test cost
	cargo run --quiet --profile gateway --features bench-cost --bin session-risk-instructions

cost-record: ## write tests/cost.txt anew; say why in the commit's message
	COST_RECORD=1 $(MAKE) --no-print-directory cost

bench-gateway: wasm ## what a request costs in a real Envoy, beside other ways to do it (FULL=1: every case, 40 minutes; ROW="2 workers": one)
	@for tool in wrk h2load; do command -v $$tool >/dev/null || \
	  { echo "no $$tool: on Debian or Ubuntu, apt-get install wrk nghttp2-client" >&2; exit 1; }; done
	cargo build --quiet --profile gateway --features bench-gateway --bin session-risk-authorizer --bin session-risk-gateway-bench
	$(TARGET)/gateway/session-risk-gateway-bench $(if $(FULL),--full) $(if $(ROW),--row "$(ROW)")

schema: ## write envoy-config/session-risk.schema.json anew
	cargo run --quiet --features cli --bin session-risk -- schema > envoy-config/session-risk.schema.json

clean: ## remove everything that was built
	cargo clean
