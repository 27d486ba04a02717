// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// simulated are the packages that run under a seed as well as in production: what
// they do may follow from nothing but their inputs and env.Env.
var simulated = []string{
	"internal/codec",
	"internal/kind",
	"internal/places",
	"internal/statekeys",
	"pkg/actor",
	"pkg/api",
	"pkg/client",
	"pkg/env",
	"pkg/env/coro",
	"pkg/kv",
	"pkg/kv/occ",
	"pkg/kv/remote",
	"pkg/kv/ryw",
	"pkg/kv/tuple",
	"pkg/node",
	"pkg/node/internal/activation",
	"pkg/node/internal/admin",
	"pkg/node/internal/call",
	"pkg/node/internal/dedup",
	"pkg/node/internal/host",
	"pkg/node/internal/mailbox",
	"pkg/node/internal/membership",
	"pkg/node/internal/migration",
	"pkg/node/internal/router",
	"pkg/node/internal/schedule",
	"pkg/node/internal/snapshot",
	"pkg/node/internal/state",
	"pkg/node/internal/telemetry",
	"pkg/registry",
	"pkg/rpc",
	"pkg/rpc/mem",
	"pkg/sim",
}

// exempt are the files where the seam meets the world.
var exempt = map[string]string{
	"pkg/env/real.go":      "the implementation on goroutines and the system's clocks",
	"pkg/env/workers.go":   "the goroutines of that",
	"pkg/env/context.go":   "the meeting of the seam's contexts with those of package context",
	"pkg/env/cancelctx.go": "the meeting of the seam's contexts with those of package context",
	"pkg/env/outcome.go":   "the meeting of the seam's contexts with those of package context",
	"pkg/env/rand.go":      "the one use of math/rand/v2: its generator, seeded by the Env",
	"pkg/env/coro/scheduler.go": "the implementation on coroutines: its seed, and a goroutine around code that may " +
		"end its own",
}

const (
	useTasks   = "what runs when must be the Env's choice: use env.Env.Go and the primitives of pkg/env"
	useClock   = "time must be the Env's: use Monotonic, Now, AfterFunc, env.Sleep or env.WithTimeout"
	useRandom  = "chance must follow from the seed: use env.Env.Rand"
	useContext = "its end would come from the system's clock or a goroutine of its own: use the function of that " +
		"kind in pkg/env"
	useOrder = "the order differs from run to run: sort the keys, or say on the line or the one above why it cannot " +
		"be seen, //kelpie:unordered REASON"
	useCaller = "the outside world differs from run to run: it belongs to the packages at the edge (pkg/host, " +
		"pkg/rpc/tcp, cmd)"
	noGC = "it depends on the garbage collector"
)

// forbiddenImports maps packages, with those below them, to what is wrong with them.
var forbiddenImports = map[string]string{
	"crypto/rand":  useRandom,
	"hash/maphash": "its seed differs from run to run",
	"math/rand":    useRandom,
	"net/http":     useCaller,
	"os":           useCaller,
	"syscall":      useCaller,
	"unique":       noGC,
	"unsafe":       "addresses differ from run to run",
	"weak":         noGC,
}

// forbiddenUses maps what packages declare, PACKAGE.NAME or PACKAGE.TYPE.METHOD, to what is wrong with it.
var forbiddenUses = map[string]string{
	"context.AfterFunc":         useContext,
	"context.WithCancel":        useContext,
	"context.WithCancelCause":   useContext,
	"context.WithDeadline":      useContext,
	"context.WithDeadlineCause": useContext,
	"context.WithTimeout":       useContext,
	"context.WithTimeoutCause":  useContext,
	"runtime.AddCleanup":        noGC,
	"runtime.GC":                noGC,
	"runtime.ReadMemStats":      noGC,
	"runtime.GOMAXPROCS":        useCaller,
	"runtime.Gosched":           useTasks,
	"runtime.NumCPU":            useCaller,
	"runtime.NumGoroutine":      useTasks,
	"runtime.SetFinalizer":      noGC,
	"sync.Cond":                 useTasks,
	"sync.NewCond":              useTasks,
	"sync.Pool":                 noGC,
	"sync.WaitGroup":            useTasks,
	"time.After":                useClock,
	"time.AfterFunc":            useClock,
	"time.NewTicker":            useClock,
	"time.NewTimer":             useClock,
	"time.Now":                  useClock,
	"time.Since":                useClock,
	"time.Sleep":                useClock,
	"time.Tick":                 useClock,
	"time.Ticker":               useClock,
	"time.Timer":                useClock,
	"time.Until":                useClock,
}

// pureNet is what package net offers without touching a network.
var pureNet = map[string]bool{
	"net.ErrClosed": true, "net.IP": true, "net.JoinHostPort": true, "net.OpError": true, "net.ParseIP": true,
	"net.SplitHostPort": true,
}

// unorderedUses yield in an order of their own: they are as a range over a map.
var unorderedUses = map[string]bool{
	"maps.All": true, "maps.Keys": true, "maps.Values": true,
	"reflect.Value.MapKeys": true, "reflect.Value.MapRange": true, "sync.Map.Range": true,
}

const unorderedMark = "//kelpie:unordered"

// determinism checks one file.
type determinism struct {
	fset  *token.FileSet
	info  *types.Info
	file  *ast.File
	name  string
	marks map[int]bool // lines with the mark; true once it was needed
	found []finding
}

// checkDeterminism looks through the files of a type-checked package for what could make two runs of one
// seed differ. name gives the name of a file in findings.
func checkDeterminism(pkg *packages.Package, name func(file string) string) []finding {
	var found []finding
	for _, file := range pkg.Syntax {
		d := determinism{
			fset: pkg.Fset, info: pkg.TypesInfo, file: file,
			name: name(pkg.Fset.Position(file.Package).Filename), marks: make(map[int]bool),
		}
		d.collectMarks()
		d.imports()
		ast.PreorderStack(file, nil, d.node)
		d.unusedMarks()
		found = append(found, d.found...)
		if pkg.PkgPath != primitives {
			found = append(found, checkLocks(pkg.Fset, pkg.TypesInfo, file, d.name)...)
		}
	}
	return found
}

func (d *determinism) report(at ast.Node, format string, args ...any) {
	d.found = append(d.found, finding{d.name, d.line(at.Pos()), fmt.Sprintf(format, args...)})
}

func (d *determinism) line(pos token.Pos) int { return d.fset.Position(pos).Line }

func (d *determinism) collectMarks() {
	for _, group := range d.file.Comments {
		for _, c := range group.List {
			reason, ok := strings.CutPrefix(c.Text, unorderedMark)
			if !ok {
				continue
			}
			d.marks[d.line(c.Pos())] = false
			if strings.TrimSpace(reason) == "" {
				d.report(c, "%s without a reason: say why the order cannot be seen", unorderedMark)
			}
		}
	}
}

func (d *determinism) unusedMarks() {
	for _, group := range d.file.Comments {
		for _, c := range group.List {
			if used, ok := d.marks[d.line(c.Pos())]; ok && !used && strings.HasPrefix(c.Text, unorderedMark) {
				d.report(c, "%s marks nothing: take it away", unorderedMark)
			}
		}
	}
}

// unordered reports n, unless it is marked.
func (d *determinism) unordered(n ast.Node, what string) {
	line := d.line(n.Pos())
	for _, l := range []int{line, line - 1} {
		if _, ok := d.marks[l]; ok {
			d.marks[l] = true
			return
		}
	}
	d.report(n, "%s: %s", what, useOrder)
}

func (d *determinism) imports() {
	for _, spec := range d.file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // would not have been parsed
		}
		for forbidden, why := range forbiddenImports {
			if within([]string{forbidden}, imported) {
				d.report(spec, "import of %s: %s", imported, why)
			}
		}
	}
}

// node checks one node; above are those that it lies in.
func (d *determinism) node(n ast.Node, above []ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		d.report(n, "go statement: %s", useTasks)
	case *ast.SelectStmt:
		d.report(n, "select: %s", useTasks)
	case *ast.SendStmt:
		d.report(n, "send on a channel: %s", useTasks)
	case *ast.ChanType:
		d.report(n, "channel type: %s", useTasks)
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			d.report(n, "receive from a channel: %s", useTasks)
		}
	case *ast.RangeStmt:
		d.rangeStmt(n)
	case *ast.CallExpr:
		d.builtin(n)
	case *ast.BasicLit:
		if n.Kind == token.STRING && strings.Contains(n.Value, "%p") {
			d.report(n, "%%p: addresses differ from run to run")
		}
	case *ast.Ident:
		d.use(n, above)
	}
	return true
}

func (d *determinism) rangeStmt(n *ast.RangeStmt) {
	switch {
	case rangesOver[*types.Chan](d.info.TypeOf(n.X)):
		d.report(n, "range over a channel: %s", useTasks)
	case n.Key != nil && rangesOver[*types.Map](d.info.TypeOf(n.X)):
		d.unordered(n, "range over a map")
	}
}

// rangesOver reports whether t, or a type that t may stand for, is a T underneath.
func rangesOver[T types.Type](t types.Type) bool {
	if t == nil {
		return false
	}
	if _, ok := t.Underlying().(T); ok {
		return true
	}
	constraint, ok := t.Underlying().(*types.Interface)
	if _, isParam := t.(*types.TypeParam); !ok || !isParam {
		return false
	}
	for embedded := range constraint.EmbeddedTypes() {
		union, ok := embedded.(*types.Union)
		if !ok {
			union = types.NewUnion([]*types.Term{types.NewTerm(false, embedded)})
		}
		for term := range union.Terms() {
			if _, ok := term.Type().Underlying().(T); ok {
				return true
			}
		}
	}
	return false
}

// builtin catches make and close of a channel whose type was named elsewhere.
func (d *determinism) builtin(n *ast.CallExpr) {
	callee, ok := ast.Unparen(n.Fun).(*ast.Ident)
	if !ok || len(n.Args) == 0 {
		return
	}
	if _, ok := d.info.Uses[callee].(*types.Builtin); !ok {
		return
	}
	if name := callee.Name; (name == "make" || name == "close") && rangesOver[*types.Chan](d.info.TypeOf(n.Args[0])) {
		d.report(n, "%s of a channel: %s", name, useTasks)
	}
}

// use checks what an identifier means, under whatever name it was imported.
func (d *determinism) use(id *ast.Ident, above []ast.Node) {
	obj := d.info.Uses[id]
	if obj == nil || obj.Pkg() == nil {
		return
	}
	name, ok := qualified(obj)
	if !ok {
		return
	}
	if why, ok := forbiddenUses[name]; ok {
		d.report(id, "%s: %s", name, why)
	}
	if strings.HasPrefix(name, "net.") && strings.Count(name, ".") == 1 && !pureNet[name] {
		d.report(id, "%s: %s", name, useCaller)
	}
	if unorderedUses[name] && !d.sorted(above) {
		d.unordered(id, name)
	}
}

// qualified names what a package declares: PACKAGE.NAME or PACKAGE.TYPE.METHOD. Fields and
// what is local have no such name.
func qualified(obj types.Object) (string, bool) {
	if fn, ok := obj.(*types.Func); ok {
		if recv := fn.Signature().Recv(); recv != nil {
			t := recv.Type()
			if p, ok := t.(*types.Pointer); ok {
				t = p.Elem()
			}
			named, ok := t.(*types.Named)
			if !ok {
				return "", false
			}
			return obj.Pkg().Path() + "." + named.Obj().Name() + "." + obj.Name(), true
		}
	}
	return obj.Pkg().Path() + "." + obj.Name(), obj.Parent() == obj.Pkg().Scope()
}

// sorted reports whether the nearest call but one above is slices.Sorted or its like, as in
// slices.Sorted(maps.Keys(m)).
func (d *determinism) sorted(above []ast.Node) bool {
	calls := 0
	for i := len(above) - 1; i >= 0; i-- {
		call, ok := above[i].(*ast.CallExpr)
		if !ok {
			continue
		}
		if calls++; calls < 2 {
			continue
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if !ok {
			return false
		}
		obj := d.info.Uses[sel.Sel]
		return obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "slices" && strings.HasPrefix(obj.Name(), "Sorted")
	}
	return false
}
