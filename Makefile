# Everything a person needs: `make help` lists it. Works as root and as an ordinary user, with or without DATABASE_URL.

export PATH := $(HOME)/.cargo/bin:$(PATH)
CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help demo test soak fuzz bench postgres validators

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: postgres ## build it and run the main job on one small day
	$(CARGO) build --release --locked
	scripts/demo.sh

test: postgres validators ## everything that must hold before a change is merged
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps
	$(CARGO) test --locked --quiet

soak: postgres validators ## the long tests
	$(CARGO) test --release --locked --test it -- --ignored

fuzz: ## a minute of fuzzing for each reader
	@scripts/fuzz.sh

bench: postgres ## what it costs, beside the raw database in the same run
	$(CARGO) bench --locked

postgres: ## install PostgreSQL's server programs if the machine has none
	@scripts/postgres.sh

validators: ## install the programs that tests check bank files with
	@scripts/validators.sh
