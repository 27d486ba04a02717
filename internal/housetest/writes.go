// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"go/ast"

	"golang.org/x/tools/go/packages"
)

// storeReaders are the packages that are given a store, or could open one, and must leave writing it to pkg/registry.
var storeReaders = []string{"cmd/kelpie", "pkg/client", "pkg/host", "pkg/node"}

// storeWrites are the ways to change a store.
var storeWrites = map[string]bool{
	module + "/pkg/kv.Tx.AddWriteConflictRange": true,
	module + "/pkg/kv.Tx.Atomic":                true,
	module + "/pkg/kv.Tx.Clear":                 true,
	module + "/pkg/kv.Tx.ClearRange":            true,
	module + "/pkg/kv.Tx.Set":                   true,
}

// checkStoreWrites wants every change of the store to go through pkg/registry: the rules of ownership are kept
// there and can be seen to be kept only if nobody else writes.
func checkStoreWrites(pkg *packages.Package, name func(file string) string) []finding {
	var found []finding
	for _, file := range pkg.Syntax {
		ast.Inspect(file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok || pkg.TypesInfo.Uses[id] == nil || pkg.TypesInfo.Uses[id].Pkg() == nil {
				return true
			}
			if used, ok := qualified(pkg.TypesInfo.Uses[id]); ok && storeWrites[used] {
				at := pkg.Fset.Position(id.Pos())
				found = append(
					found, finding{
						name(at.Filename), at.Line, "kv.Tx." + id.Name + " outside of pkg/registry: metadata is " +
							"written by its transactions, an actor's state through its Claim, which checks the fence"})
			}
			return true
		})
	}
	return found
}
