# Kelpie's jobs. `make help` lists them; `make check` is what CI runs.

GO ?= go
PREFIX ?= /usr/local
DESTDIR ?=
BIN ?= bin

# The version is the nearest tag as git sees it; without git the binary says what it knows of itself.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || true)
LDFLAGS = -X main.version=$(VERSION)

# Flags for go test, such as -v or -count=1.
TESTFLAGS ?=
# Time for each fuzz target, and for each benchmark.
FUZZTIME ?= 20s
BENCHTIME ?= 1s
# Seeds of make sim, and time for each profile of make sim-nightly.
SIMSEEDS ?= 1000
SIMTIME ?= 2h
# Time of make chaos, and its seed; empty for one from the clock.
CHAOSTIME ?= 5m
CHAOSSEED ?=
# Time of make hostile for each mode of harm.
HOSTILETIME ?= 20s
# How many power failures and flipped bits make crash simulates, and its seed; empty for one from the clock.
CRASHES ?= 5000
CRASHSEED ?=
# Time of chaos on each cluster of make test-fdb, and other flags of internal/testfdb, such as -only conformance.
FDBCHAOSTIME ?= 30s
FDBTESTFLAGS ?=
# Idle actors of make scale.
SCALEACTORS ?= 1000000

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
ACTIONLINT = github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# Packages in which tasks run on goroutines are tested a second time under the race detector, in the real world
# only: under the simulator one task runs at a time.
RACE = ^github.com/kelpiehq/kelpie/(cmd|pkg/(bench|env|rpc|kv|registry|node|client|host|sim/campaign))(/|$$)

MODULE_BENCH = bench/go.mod

.DEFAULT_GOAL := help

.PHONY: help
help: ## list every target
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the binary into bin/kelpie; FDB=1 adds FoundationDB, which needs libfdb_c
	$(if $(FDB),@GO='$(GO)' ./scripts/need-fdb.sh)
	$(GO) build $(if $(FDB),-tags fdb) -ldflags '$(LDFLAGS)' -o $(BIN)/kelpie ./cmd/kelpie

.PHONY: install
install: build ## install binary, completions and man pages under DESTDIR and PREFIX
	install -D -m 0755 $(BIN)/kelpie $(DESTDIR)$(PREFIX)/bin/kelpie
	@set -e; share='$(DESTDIR)$(PREFIX)/share'; \
	put() { if [ -f "$$1" ]; then echo "install $$2"; install -D -m 0644 "$$1" "$$2"; fi; }; \
	put completions/kelpie.bash "$$share/bash-completion/completions/kelpie"; \
	put completions/_kelpie "$$share/zsh/site-functions/_kelpie"; \
	put completions/kelpie.fish "$$share/fish/vendor_completions.d/kelpie.fish"; \
	for page in docs/man/*.1; do put "$$page" "$$share/man/man1/$${page##*/}"; done

.PHONY: test
test: ## run every test, and again with the race detector where goroutines are real; CI=true requires every tool
	$(GO) test -timeout 9m $(TESTFLAGS) ./...
	@set -e; race=$$(GO='$(GO)' $(GO) run ./internal/testtools/leftout -race); [ "$$race" = yes ] || exit 0; set -x; \
	KELPIE_TEST_WORLD=real $(GO) test -race -timeout 9m $(TESTFLAGS) $$($(GO) list ./... | grep -E '$(RACE)')
	@GO='$(GO)' $(GO) run ./internal/testtools/leftout

.PHONY: check
check: lint fresh check-bench test ## everything that CI runs: lint, generated files fresh, bench module, tests

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, actionlint, and the house rules (internal/housetest)
	@out=$$(gofmt -l $$(find . -name '*.go' -not -path './$(BIN)/*')); \
	if [ -n "$$out" ]; then echo "not formatted; run gofmt -w on:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(ACTIONLINT) -color=false .github/workflows/*.yml
	$(GO) test -count=1 ./internal/housetest

# The digest of what is tracked, and of what else lies where generated files go, before and after.
.PHONY: fresh
fresh: ## check that `make generate` would change nothing
	@set -e; \
	list() { git ls-files -z 2>/dev/null || find . -type f -not -path './.git/*' -print0; find completions docs -type f -print0; }; \
	digest() { list | sort -zu | xargs -0 sha256sum 2>/dev/null || true; }; \
	before=$$(mktemp); after=$$(mktemp); trap 'rm -f "$$before" "$$after"' EXIT; \
	digest >"$$before"; $(MAKE) --no-print-directory generate; digest >"$$after"; \
	if ! diff "$$before" "$$after"; then echo "generated files were stale; commit what make generate has changed"; exit 1; fi

.PHONY: generate
generate: ## write the generated files
	$(GO) generate ./...

.PHONY: check-bench
check-bench: ## build and vet the module of comparisons under bench/
	@if [ -f $(MODULE_BENCH) ]; then cd bench && $(GO) build ./... && $(GO) vet ./...; fi

.PHONY: demo
demo: build ## start a store and three nodes, call actors, kill a node, show that nothing is lost
	./scripts/demo.sh

.PHONY: bench
bench: ## run every benchmark, each for BENCHTIME, and the comparisons under bench/
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	@if [ -f $(MODULE_BENCH) ]; then cd bench && $(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...; fi

.PHONY: fuzz
fuzz: ## run every fuzz target, each for FUZZTIME
	@set -e; listing=$$($(GO) test -list '^Fuzz' ./...); \
	echo "$$listing" | awk '/^Fuzz/ {t[n++] = $$1} $$1 == "ok" {for (i = 0; i < n; i++) print $$2, t[i]; n = 0}' | \
	while read -r package target; do \
		echo "== $$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; \
	done

.PHONY: sim
sim: ## run SIMSEEDS seeds of the simulator, in minutes
	$(GO) run ./cmd/kelpie sim --seeds $(SIMSEEDS)

# The seeds begin at the clock, so that every night has its own. A profile that fails does not keep the others from running.
.PHONY: sim-nightly
sim-nightly: ## run seeds of the simulator that nobody has run yet, for hours: SIMTIME for each of two profiles
	@start=$$(date +%s)000; failed=0; \
	for profile in default storm; do \
		echo "== $$profile from seed $$start on"; \
		$(GO) run ./cmd/kelpie sim --profile $$profile --start $$start --for $(SIMTIME) --check-determinism || failed=1; \
	done; exit $$failed

.PHONY: chaos
chaos: ## kill, pause and stop real processes under load for CHAOSTIME, and check every reply
	$(GO) test -count=1 -v -timeout 0 ./test/chaos -run TestChaos -chaos.time $(CHAOSTIME) $(if $(CHAOSSEED),-chaos.seed $(CHAOSSEED))

.PHONY: crash
crash: ## simulate CRASHES power failures, failing disks and flipped bits, kill the store, and check that nothing acknowledged is lost
	$(GO) test -count=1 -v -timeout 0 ./pkg/kv/occ/pebbledb -run 'Crash|Fault|Failed|Full|Flipped|Damaged' \
		-crash.points $(CRASHES) -crash.seed $(or $(CRASHSEED),$(shell date +%s)) -flips $(CRASHES) -faults.runs 100
	$(GO) test -count=1 -v -timeout 0 ./test/e2e -run TestKilledStore -kill.rounds 50

.PHONY: hostile
hostile: build ## harm a node as a stranger could, HOSTILETIME for each way, and check its memory, lease and latency
	$(GO) run ./test/hostile -binary $(BIN)/kelpie -time $(HOSTILETIME)

.PHONY: test-fdb
test-fdb: ## test on FoundationDB, on servers of its own; needs fdbserver, fdbcli and libfdb_c
	@GO='$(GO)' ./scripts/need-fdb.sh
	$(GO) run ./internal/testfdb -chaos $(FDBCHAOSTIME) $(FDBTESTFLAGS)

.PHONY: mutants
mutants: ## plant defects in the source, one at a time, and see that the simulator or a test finds each
	$(GO) test -count=1 -v -timeout 60m ./test/mutants -mutants.hunt

.PHONY: model
model: ## explore the model of the protocols by large budgets, each for about a minute
	$(GO) test -count=1 -v -timeout 0 ./test/model -run TestLarge -model.large

.PHONY: scale
scale: ## measure what SCALEACTORS idle actors cost a node, in memory and in traffic with the store, and what lists of them cost
	$(GO) test -count=1 -v -timeout 0 ./test/scale -scale.actors $(SCALEACTORS)

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN)
