// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
)

// primitives is the package of env.Mutex and its kin. They hold a sync.Mutex up to the moment at which
// they park, when it is let go of: there, and only there, checkLocks is not asked.
const primitives = module + "/pkg/env"

// checkLocks looks for calls that may block while a sync.Mutex is held: in a simulated world the next
// task to want the mutex would block the one thread that could release it. What may block
// takes a context, by the house's own convention.
//
// It follows a function's statements in order and its branches one by one; a
// mutex that is held across functions it does not see.
func checkLocks(fset *token.FileSet, info *types.Info, file *ast.File, name string) []finding {
	l := locks{info: info, report: func(at ast.Node, mutex string) finding {
		return finding{name, fset.Position(at.Pos()).Line, fmt.Sprintf(
			"call that takes a context, and so may block, while %s is held: release it before, or use env.Mutex, "+
				"whose waiters are tasks", mutex)}
	}}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				l.statements(n.Body.List, make(map[string]bool))
			}
		case *ast.FuncLit:
			l.statements(n.Body.List, make(map[string]bool))
		}
		return true
	})
	return l.found
}

type locks struct {
	info   *types.Info
	report func(at ast.Node, mutex string) finding
	found  []finding
}

// statements walks a list with the mutexes held at its beginning, and notes in
// held what is locked and released on the way.
func (l *locks) statements(list []ast.Stmt, held map[string]bool) {
	for _, stmt := range list {
		l.statement(stmt, held)
	}
}

func (l *locks) statement(stmt ast.Stmt, held map[string]bool) {
	switch s := stmt.(type) {
	case *ast.ExprStmt:
		if mutex, locks, ok := l.lockCall(s.X); ok {
			if locks {
				held[mutex] = true
			} else {
				delete(held, mutex)
			}
			return
		}
		l.calls(s, held)
	case *ast.DeferStmt, *ast.GoStmt:
		// Run later, or by another task.
	case *ast.BlockStmt:
		l.statements(s.List, held)
	case *ast.LabeledStmt:
		l.statement(s.Stmt, held)
	case *ast.IfStmt:
		l.header(held, s.Init, s.Cond)
		l.statements(s.Body.List, maps.Clone(held))
		if s.Else != nil {
			l.statement(s.Else, maps.Clone(held))
		}
	case *ast.ForStmt:
		l.header(held, s.Init, s.Cond, s.Post)
		l.statements(s.Body.List, maps.Clone(held))
	case *ast.RangeStmt:
		l.header(held, s.X)
		l.statements(s.Body.List, maps.Clone(held))
	case *ast.SwitchStmt:
		l.header(held, s.Init, s.Tag)
		l.clauses(s.Body.List, held)
	case *ast.TypeSwitchStmt:
		l.header(held, s.Init, s.Assign)
		l.clauses(s.Body.List, held)
	default:
		l.calls(s, held)
	}
}

func (l *locks) clauses(list []ast.Stmt, held map[string]bool) {
	for _, stmt := range list {
		if clause, ok := stmt.(*ast.CaseClause); ok {
			for _, expr := range clause.List {
				l.calls(expr, held)
			}
			l.statements(clause.Body, maps.Clone(held))
		}
	}
}

// header looks at the parts of a statement that are before its body.
func (l *locks) header(held map[string]bool, parts ...ast.Node) {
	for _, part := range parts {
		switch p := part.(type) {
		case nil:
		case ast.Stmt:
			l.statement(p, held)
		default:
			l.calls(p, held)
		}
	}
}

// calls reports those in n that may block, while anything is held. A function literal is only
// written here, and run who knows when.
func (l *locks) calls(n ast.Node, held map[string]bool) {
	if len(held) == 0 {
		return
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if l.mayBlock(n) {
				for mutex := range held {
					l.found = append(l.found, l.report(n, mutex))
				}
			}
		}
		return true
	})
}

// neverBlocks are functions of the seam that take a context and do not block, or let go of
// the mutex while they do.
var neverBlocks = map[string]bool{
	primitives + ".Cond.Wait": true,
	primitives + ".Foreign":   true,
	primitives + ".OnDone":    true,
	primitives + ".Remaining": true,
}

// mayBlock reports whether a call is given a context, and not only to make another of it
// or to look into it.
func (l *locks) mayBlock(call *ast.CallExpr) bool {
	signature, ok := l.info.TypeOf(call.Fun).(*types.Signature)
	if !ok || hasContext(signature.Results()) {
		return false
	}
	var callee *ast.Ident
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		callee = fun
	case *ast.SelectorExpr:
		callee = fun.Sel
	}
	if obj := l.info.Uses[callee]; callee != nil && obj != nil && obj.Pkg() != nil {
		if pkg := obj.Pkg().Path(); pkg == "context" || pkg == "log/slog" {
			return false
		}
		if name, ok := qualified(obj); ok && neverBlocks[name] {
			return false
		}
	}
	return hasContext(signature.Params())
}

func hasContext(list *types.Tuple) bool {
	for v := range list.Variables() {
		if named, ok := types.Unalias(v.Type()).(*types.Named); ok &&
			named.Obj().Name() == "Context" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "context" {
			return true
		}
	}
	return false
}

// lockCall tells a statement that locks or releases a sync.Mutex or RWMutex, and which.
func (l *locks) lockCall(expr ast.Expr) (mutex string, locks, ok bool) {
	call, ok := expr.(*ast.CallExpr)
	if !ok {
		return "", false, false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", false, false
	}
	obj := l.info.Uses[sel.Sel]
	if obj == nil || obj.Pkg() == nil {
		return "", false, false
	}
	name, _ := qualified(obj)
	switch name {
	case "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock":
		return types.ExprString(sel.X), true, true
	case "sync.Mutex.Unlock", "sync.RWMutex.Unlock", "sync.RWMutex.RUnlock":
		return types.ExprString(sel.X), false, true
	}
	return "", false, false
}
