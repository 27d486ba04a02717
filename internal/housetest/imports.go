// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// allowance is what one package may import beyond the standard library.
type allowance struct {
	internal []string // packages of this module, relative to it
	external []string // modules, or packages, of others
	why      string
}

// The arrows of the design go down only: cmd to host, tui and sim; these to client
// and node; these to registry, actor and rpc; these to kv; all to api and env.
// Packages that are planned get their lines when they come.
var allowances = map[string]allowance{
	"pkg/api": {
		why: "the wire contract is data only, for anyone to import: the standard library is enough",
	},
	"pkg/env": {
		why: "everything stands on the seam, so it stands on the standard library alone",
	},
	"pkg/env/coro": {
		internal: []string{"pkg/env"},
		why:      "a second world behind the seam, which knows nothing of what runs in it",
	},
	"pkg/env/envtest": {
		internal: []string{"pkg/env", "pkg/env/coro"},
		why:      "runs tests in both worlds, whatever they test",
	},
	"pkg/kv": {
		internal: []string{"pkg/env"},
		why:      "the store contract knows neither actors nor the network",
	},
	"pkg/kv/tuple": {
		why: "an encoding, fixed by FoundationDB: pure functions",
	},
	"pkg/kv/ryw": {
		internal: []string{"pkg/kv"},
		external: []string{btree},
		why:      "what a transaction has buffered, over any store",
	},
	"pkg/kv/occ": {
		internal: []string{"pkg/env", "pkg/kv", "pkg/kv/ryw"},
		external: []string{btree},
		why:      "decides transactions over an engine: which one, it must not know",
	},
	"pkg/kv/occ/pebbledb": {
		internal: []string{"pkg/kv", "pkg/kv/ryw", "pkg/kv/occ"},
		external: []string{pebble},
		why:      "the one package that knows Pebble",
	},
	"pkg/kv/fdb": {
		internal: []string{"pkg/kv"},
		external: []string{foundationdb},
		why:      "the one package that knows FoundationDB",
	},
	"pkg/kv/remote": {
		internal: []string{"pkg/api", "pkg/env", "pkg/kv", "pkg/kv/ryw", "pkg/rpc"},
		why:      "the one arrow from kv to rpc: a store served by another process",
	},
	"pkg/kv/kvtest": {
		internal: []string{"pkg/env", "pkg/kv"},
		external: []string{rapid},
		why:      "the conformance suite knows the contract and no implementation",
	},
	"pkg/rpc": {
		internal: []string{"pkg/api", "pkg/env"},
		external: []string{msgpack},
		why:      "the call layer knows neither actors nor stores, and no transport",
	},
	"pkg/rpc/mem": {
		internal: []string{"pkg/env", "pkg/rpc"},
		why:      "the transport within a process, for tests and the simulator",
	},
	"pkg/rpc/tcp": {
		internal: []string{"pkg/rpc"},
		external: []string{yamux, pacing},
		why:      "the one package that knows yamux and sockets, and how fast it may read what it throws away",
	},
	"pkg/registry": {
		internal: []string{"internal/statekeys", "pkg/api", "pkg/env", "pkg/kv", "pkg/kv/tuple"},
		external: []string{msgpack},
		why:      "functions from a transaction to a result: it makes no calls to nodes",
	},
	"internal/codec": {
		internal: []string{"pkg/api", "pkg/env"},
		external: []string{msgpack},
		why:      "how actors' values are encoded, for authors and for the node",
	},
	"internal/timezone": {
		internal: []string{"pkg/api"},
		why:      "a table, the same in all nodes",
	},
	"internal/kind": {
		internal: []string{"internal/codec", "internal/timezone", "pkg/api"},
		external: []string{cron, msgpack},
		why:      "what a node knows of an author's actors, which neither imports of the other",
	},
	"pkg/actor": {
		internal: []string{"internal/codec", "internal/kind", "pkg/api", "pkg/env"},
		external: []string{msgpack},
		why:      "what an author of actors imports: no machinery behind it",
	},
	"pkg/actor/actortest": {
		internal: []string{"internal/codec", "internal/kind", "pkg/actor", "pkg/api"},
		why:      "runs actors in the process of an author's test, without a node",
	},
	"internal/archive": {
		internal: []string{"pkg/api"},
		external: []string{age, minio, minio + "/pkg/credentials"},
		why:      "where the bytes of a backup are, whatever is in them",
	},
	"internal/human": {
		why: "how numbers and text from elsewhere are written for people, the same in lists and in the live view",
	},
	"internal/eventlog": {
		internal: []string{"pkg/api"},
		why:      "puts lists of events together, in the same way for nodes and for those who read stores",
	},
	"internal/places": {
		internal: []string{"pkg/api"},
		external: []string{lru},
		why:      "a guess at where actors are, which client and node make in the same way",
	},
	"internal/callkey": {
		internal: []string{"pkg/api"},
		why:      "keys of calls, which client and node give in the same way",
	},
	"pkg/client": {
		internal: []string{"internal/callkey", "internal/places", "pkg/actor", "pkg/api", "pkg/env", "pkg/rpc",
			"pkg/rpc/tcp"},
		why: "what a caller imports: it dials for people, encodes as actors do, and knows nodes by their wire " +
			"contract only, never the store",
	},
	// The floors of a node, bottom up: each imports only what stands above it in this list.
	"internal/statekeys": {
		internal: []string{"pkg/api", "pkg/kv", "pkg/kv/tuple"},
		why:      "what the store has of an actor: the layout of its keys, for the node and for those who read stores",
	},
	"pkg/node/internal/call": {
		internal: []string{
			"internal/kind", "pkg/actor", "pkg/api", "pkg/env", "pkg/kv", "pkg/kv/tuple", "pkg/registry",
		},
		why: "a call on its way: everything else in the node stands above it",
	},
	"pkg/node/internal/telemetry": {
		internal: []string{"pkg/api", "pkg/env"},
		why:      "what happens in the node is told from below, so it stands below",
	},
	"pkg/node/internal/dedup": {
		internal: []string{"internal/statekeys", "pkg/api", "pkg/kv/tuple", "pkg/node/internal/call", "pkg/registry"},
		why:      "the dedup table of an actor, staged and encoded: no machinery",
	},
	"pkg/node/internal/state": {
		internal: []string{
			"internal/codec", "internal/kind", "internal/statekeys", "pkg/api", "pkg/kv", "pkg/kv/tuple",
			"pkg/node/internal/call", "pkg/node/internal/dedup", "pkg/registry",
		},
		why: "what an activation has of its actor, staged and encoded: no machinery",
	},
	"pkg/node/internal/snapshot": {
		internal: []string{"pkg/api", "pkg/registry"},
		why:      "what an actor has in memory, encoded: no machinery",
	},
	"pkg/node/internal/membership": {
		internal: []string{
			"internal/kind", "pkg/api", "pkg/env", "pkg/kv", "pkg/node/internal/call",
			"pkg/node/internal/telemetry", "pkg/registry", "pkg/rpc",
		},
		why: "the node as a member: it knows of no actors",
	},
	"pkg/node/internal/mailbox": {
		internal: []string{"pkg/api", "pkg/env", "pkg/node/internal/call", "pkg/node/internal/telemetry"},
		why:      "calls that wait: what runs them, it must not know",
	},
	"pkg/node/internal/router": {
		internal: []string{
			"internal/kind", "internal/places", "pkg/api", "pkg/env", "pkg/node/internal/call",
			"pkg/node/internal/mailbox", "pkg/node/internal/membership", "pkg/node/internal/telemetry",
			"pkg/registry", "pkg/rpc",
		},
		why: "finds the mailbox or the node of an actor: what runs there, it must not know",
	},
	"pkg/node/internal/schedule": {
		internal: []string{
			"pkg/api", "pkg/env", "pkg/node/internal/call", "pkg/node/internal/mailbox",
			"pkg/node/internal/membership", "pkg/node/internal/router", "pkg/node/internal/state",
			"pkg/node/internal/telemetry", "pkg/registry",
		},
		why: "wakes actors and delivers messages by way of the router alone",
	},
	"pkg/node/internal/activation": {
		internal: []string{
			"internal/codec", "internal/kind", "internal/statekeys", "pkg/actor", "pkg/api", "pkg/env",
			"pkg/kv", "pkg/node/internal/call", "pkg/node/internal/dedup", "pkg/node/internal/mailbox",
			"pkg/node/internal/membership", "pkg/node/internal/router", "pkg/node/internal/schedule",
			"pkg/node/internal/snapshot", "pkg/node/internal/state", "pkg/node/internal/telemetry",
			"pkg/registry",
		},
		why: "one actor in memory: which are, and when, its host decides",
	},
	"pkg/node/internal/host": {
		internal: []string{
			"internal/kind", "internal/statekeys", "pkg/api", "pkg/env", "pkg/kv",
			"pkg/node/internal/activation", "pkg/node/internal/call", "pkg/node/internal/mailbox",
			"pkg/node/internal/membership", "pkg/node/internal/router", "pkg/node/internal/schedule",
			"pkg/node/internal/snapshot", "pkg/registry",
		},
		why: "runs the mailboxes: it claims actors and gives them back",
	},
	"pkg/node/internal/migration": {
		internal: []string{
			"internal/kind", "pkg/api", "pkg/env", "pkg/node/internal/activation", "pkg/node/internal/call",
			"pkg/node/internal/host", "pkg/node/internal/mailbox", "pkg/node/internal/membership",
			"pkg/node/internal/router", "pkg/node/internal/schedule", "pkg/node/internal/snapshot",
			"pkg/node/internal/telemetry", "pkg/registry", "pkg/rpc",
		},
		why: "moves actors between hosts",
	},
	"pkg/node/internal/admin": {
		internal: []string{
			"internal/codec", "internal/eventlog", "internal/kind", "internal/statekeys", "pkg/api", "pkg/env",
			"pkg/kv", "pkg/kv/tuple",
			"pkg/node/internal/activation", "pkg/node/internal/call", "pkg/node/internal/mailbox",
			"pkg/node/internal/membership", "pkg/node/internal/migration", "pkg/node/internal/router",
			"pkg/node/internal/state", "pkg/node/internal/telemetry", "pkg/registry", "pkg/rpc",
		},
		why: "what operators ask: it looks at all parts, and no part at it",
	},
	"pkg/node": {
		internal: []string{
			"internal/callkey", "internal/kind", "pkg/actor", "pkg/api", "pkg/env", "pkg/kv",
			"pkg/node/internal/activation", "pkg/node/internal/admin", "pkg/node/internal/call",
			"pkg/node/internal/dedup", "pkg/node/internal/host", "pkg/node/internal/mailbox",
			"pkg/node/internal/membership", "pkg/node/internal/migration", "pkg/node/internal/router",
			"pkg/node/internal/schedule", "pkg/node/internal/state", "pkg/node/internal/telemetry",
			"pkg/registry", "pkg/rpc",
		},
		why: "puts the parts together; it is given its store, its transport and its actors: it chooses none of them",
	},
	"pkg/sim": {
		internal: []string{
			"internal/kind", "pkg/actor", "pkg/api", "pkg/backup", "pkg/client", "pkg/env", "pkg/env/coro", "pkg/kv",
			"pkg/kv/occ",
			"pkg/kv/ryw", "pkg/kv/tuple", "pkg/node", "pkg/rpc", "pkg/rpc/mem",
		},
		external: []string{btree, msgpack, porcupine},
		why: "builds real nodes in a simulated world; of the records in the store it has an idea of its own, to " +
			"judge by",
	},
	"pkg/sim/campaign": {
		internal: []string{"pkg/api", "pkg/sim"},
		why:      "many runs at once, on goroutines: it chooses seeds and counts, the simulator makes the runs",
	},
	"pkg/sim/simtest": {
		internal: []string{"internal/kind", "pkg/actor", "pkg/api", "pkg/sim"},
		why: "what a test of an author's actors imports: it chooses runs and reports them, the simulator makes " +
			"them",
	},
	"internal/cli": {
		internal: []string{"internal/config", "internal/human", "pkg/api", "pkg/kv", "pkg/kv/occ/pebbledb"},
		external: []string{cobra, pflag},
		why:      "what commands are made of: flags, exit codes, errors as people read them",
	},
	"internal/config": {
		internal: []string{"pkg/api"},
		external: []string{pflag, yaml},
		why:      "reads and edits files of settings: what a setting means is its flag's",
	},
	"pkg/host": {
		internal: []string{
			"internal/cli", "internal/config", "pkg/actor", "pkg/api", "pkg/env", "pkg/kv", "pkg/kv/occ",
			"pkg/kv/occ/pebbledb", "pkg/kv/fdb", "pkg/kv/remote", "pkg/node", "pkg/registry", "pkg/rpc", "pkg/rpc/tcp",
		},
		external: []string{cobra, pflag},
		why:      "where a node meets the real world: the choice of store and transport, flags, signals",
	},
	"pkg/backup": {
		internal: []string{"pkg/api", "pkg/env", "pkg/kv", "pkg/node", "pkg/registry"},
		why:      "stores as files: what is in them is the registry's and the node's to know",
	},
	"pkg/tui": {
		internal: []string{"internal/human", "pkg/api"},
		external: []string{ansi, bubbles, bubbletea, colorprofile, lipgloss},
		why:      "the live view: it shows what it is told, and asks for what it is told to; how is the command's",
	},
	"pkg/bench": {
		internal: []string{"pkg/api"},
		external: []string{hdr},
		why:      "makes calls and measures them, on goroutines: what is called is given to it",
	},
	"cmd/kelpie": {
		internal: []string{
			"internal/archive", "internal/cli", "internal/codec", "internal/config", "internal/eventlog",
			"internal/human", "internal/kind", "pkg/actor",
			"pkg/api", "pkg/backup", "pkg/bench",
			"pkg/client", "pkg/env", "pkg/host", "pkg/kv", "pkg/kv/tuple", "pkg/rpc",
			"pkg/registry", "pkg/rpc/tcp", "pkg/sim", "pkg/sim/campaign", "pkg/tui",
		},
		external: []string{cobra, pflag, yaml, term},
		why:      "commands parse and print; what they do lives below",
	},
	"test/e2e": {
		why: "tests alone, of the binary as its users run it",
	},
	"test/chaos": {
		why: "tests alone, of the binary while its processes come to harm",
	},
	"test/hostile": {
		internal: []string{"pkg/actor", "pkg/api", "pkg/client", "pkg/rpc"},
		external: []string{msgpack, yamux},
		why: "calls as a client does, and harms as a stranger who knows yamux and the protocol: of what guards a " +
			"node it uses nothing",
	},
	"test/model": {
		why: "a model of the protocols must not share the code that it is to judge: the standard library is enough",
	},
	"test/scale": {
		why: "tests alone, of a node with very many actors",
	},
	"test/shells": {
		why: "tests alone, of what is installed, by the shells and formatters of its users",
	},
	"test/tutorial": {
		why: "tests alone, of what the tutorial has its reader do",
	},
	"test/mutants": {
		why: "tests alone, of the product with a defect in its source",
	},
	"test/mutants/hunter": {
		internal: []string{"pkg/sim/campaign"},
		why:      "runs seeds of the simulator in a mutant of the product",
	},
	"internal/testfdb": {
		why: "starts servers and runs tests, as anybody would from a shell",
	},
	"internal/testfdb/bench": {
		why: "starts a node and puts load on it, as anybody would from a shell",
	},
	"internal/testtools": {
		why: "tests of any package may say what they need",
	},
	"internal/testtools/leftout": {
		internal: []string{"internal/testtools"},
		why:      "a step of make test",
	},
	"internal/housetest": {
		external: []string{xtools},
		why:      "reads source, and is imported by nothing",
	},
}

// What is not the standard library's, by module.
const (
	age          = "filippo.io/age"
	ansi         = "github.com/charmbracelet/x/ansi"
	bubbles      = "charm.land/bubbles/v2"
	bubbletea    = "charm.land/bubbletea/v2"
	lipgloss     = "charm.land/lipgloss/v2"
	colorprofile = "github.com/charmbracelet/colorprofile"
	btree        = "github.com/tidwall/btree"
	cobra        = "github.com/spf13/cobra"
	cron         = "github.com/robfig/cron/v3"
	datadriven   = "github.com/cockroachdb/datadriven"
	foundationdb = "github.com/apple/foundationdb/bindings/go"
	goleak       = "go.uber.org/goleak"
	goschema     = "github.com/santhosh-tekuri/jsonschema/v6"
	gofakes3     = "github.com/johannesboyne/gofakes3"
	hdr          = "github.com/HdrHistogram/hdrhistogram-go"
	lru          = "github.com/hashicorp/golang-lru/v2"
	minio        = "github.com/minio/minio-go/v7"
	msgpack      = "github.com/vmihailenco/msgpack/v5"
	pebble       = "github.com/cockroachdb/pebble/v2"
	pflag        = "github.com/spf13/pflag"
	porcupine    = "github.com/anishathalye/porcupine"
	rapid        = "pgregory.net/rapid"
	term         = "golang.org/x/term"
	xtools       = "golang.org/x/tools"
	yaml         = "go.yaml.in/yaml/v3"
	yamux        = "github.com/hashicorp/yamux"
	pacing       = "golang.org/x/time"
)

// Only tests may use these.
var testModules = []string{datadriven, gofakes3, goleak, goschema, rapid}

// An example is written as a stranger would write it: from the packages for authors and callers.
var exampleAllowance = allowance{
	internal: []string{"pkg/actor", "pkg/api", "pkg/client", "pkg/host"},
	why:      "an example uses what its reader would use",
}

// goImport is one import of one file.
type goImport struct {
	file string
	line int
	path string
}

// parseImports reads the imports of a Go file, whatever its build tags.
func parseImports(file string, content []byte) ([]goImport, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, content, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var imports []goImport
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		imports = append(imports, goImport{file, fset.Position(spec.Pos()).Line, name})
	}
	return imports, nil
}

// allowed returns what a package may import, and whether the table knows it.
func allowed(pkg string) (allowance, bool) {
	if strings.HasPrefix(pkg, "examples/") {
		return exampleAllowance, true
	}
	a, known := allowances[pkg]
	return a, known
}

// checkPackages wants every package to be in the table.
func checkPackages(pkgs []string) []finding {
	var found []finding
	for _, pkg := range pkgs {
		if _, known := allowed(pkg); !known {
			found = append(found, finding{pkg, 0, "is not in the table of internal/housetest/imports.go: decide " +
				"there what it may import, and say why"})
		}
	}
	return found
}

// checkImport holds an import against what its package is allowed. Tests may import what they like.
func checkImport(imp goImport) []finding {
	pkg := path.Dir(imp.file)
	may, known := allowed(pkg)
	if !known || isTest(imp.file) { // of one that is not known, checkPackages says so
		return nil
	}
	report := func(format string, args ...any) []finding {
		return []finding{{imp.file, imp.line, fmt.Sprintf(format, args...)}}
	}
	internal, isInternal := strings.CutPrefix(imp.path, module+"/")
	switch {
	case isInternal && strings.HasSuffix(internal, "test"):
		return report("%s is for tests: the product must not link it", internal)
	case isInternal && !slices.Contains(may.internal, internal):
		return report("%s may not import %s: %s", pkg, internal, may.why)
	case isInternal:
		return nil
	case imp.path == "testing" && !strings.HasSuffix(pkg, "test"):
		return report("%s may not import testing outside of tests: it would be linked into the product", pkg)
	case isStandard(imp.path), within(may.external, imp.path):
		return nil
	}
	return report("%s may not import %s: %s", pkg, imp.path, may.why)
}

// checkAllowances wants the table to allow no more than is used: an arrow that nobody needs is
// one that somebody will.
func checkAllowances(imports []goImport) []finding {
	used := make(map[string][]string)
	for _, imp := range imports {
		if !isTest(imp.file) {
			pkg := path.Dir(imp.file)
			used[pkg] = append(used[pkg], strings.TrimPrefix(imp.path, module+"/"))
		}
	}
	var found []finding
	for _, pkg := range slices.Sorted(maps.Keys(allowances)) {
		for _, target := range slices.Concat(allowances[pkg].internal, allowances[pkg].external) {
			if !slices.ContainsFunc(used[pkg], func(imported string) bool {
				return within([]string{target}, imported)
			}) {
				found = append(
					found, finding{
						"internal/housetest/imports.go", 0, fmt.Sprintf("%s does not import %s: take that out of its "+
							"line", pkg, target)})
			}
		}
	}
	return found
}

// isStandard tells the standard library by its first element, which has no dot.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func within(modules []string, imported string) bool {
	return slices.ContainsFunc(modules, func(m string) bool {
		return imported == m || strings.HasPrefix(imported, m+"/")
	})
}

// checkDependencies wants every module that go.mod requires directly to be one that the
// table knows: a dependency is a decision, not an accident.
func checkDependencies(gomod string) []finding {
	known := slices.Clone(testModules)
	for _, a := range allowances {
		known = append(known, a.external...)
	}
	var found []finding
	n := 0
	for text := range strings.SplitSeq(gomod, "\n") {
		n++
		fields := strings.Fields(strings.TrimPrefix(text, "require "))
		if len(fields) != 2 || !strings.HasPrefix(fields[1], "v") {
			continue // also: an indirect one has a comment
		}
		if !slices.Contains(known, fields[0]) {
			found = append(
				found, finding{"go.mod", n, "no package is allowed to import " + fields[0] +
					": add it to the table of internal/housetest/imports.go with the package that needs it, or drop it"})
		}
	}
	return found
}
