// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"unicode"
)

// checkPackageComment wants the contract of a package in its doc.go, and nowhere else.
func checkPackageComment(file string, parsed *ast.File) []finding {
	isDoc := path.Base(file) == "doc.go"
	switch doc := parsed.Doc.Text(); {
	case isDoc && parsed.Name.Name != "main" && !strings.HasPrefix(doc, "Package "+parsed.Name.Name+" "):
		return []finding{
			{file, 0, "must hold the package's comment, beginning with \"Package " + parsed.Name.Name +
				"\": what it promises, what the caller must do, how it may be used concurrently"}}
	case isDoc && doc == "":
		return []finding{{file, 0, "must hold the comment of the command"}}
	case !isDoc && doc != "":
		return []finding{
			{file, 1, "has a comment of the package: that belongs into doc.go, where a reader looks for it"}}
	}
	return nil
}

// interfaceMethods adds to names the methods of the interfaces that a file declares. A type's method
// of such a name is described there.
func interfaceMethods(parsed *ast.File, names map[string]bool) {
	ast.Inspect(parsed, func(n ast.Node) bool {
		if i, ok := n.(*ast.InterfaceType); ok {
			for _, m := range i.Methods.List {
				for _, name := range m.Names {
					names[name.Name] = true
				}
			}
		}
		return true
	})
}

// plainMethods are those whose names say everything, by the conventions of the standard library.
var plainMethods = map[string]bool{
	"As": true, "Error": true, "Is": true, "String": true, "Unwrap": true,
	"MarshalJSON": true, "MarshalText": true, "UnmarshalJSON": true, "UnmarshalText": true,
}

// checkExported wants a comment on everything that a package exports. inherited are the methods that
// need none, being described by an interface.
func checkExported(file string, fset *token.FileSet, parsed *ast.File, inherited map[string]bool) []finding {
	var found []finding
	report := func(at *ast.Ident, kind string) {
		found = append(found, finding{file, fset.Position(at.Pos()).Line, fmt.Sprintf(
			"exported %s %s has no comment: say what its type cannot (units, ownership, whether it blocks, which "+
				"errors)", kind, at.Name)})
	}
	for _, decl := range parsed.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && wantsComment(d, inherited) {
				report(d.Name, "func")
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				checkSpec(d, spec, report)
			}
		}
	}
	return found
}

func wantsComment(d *ast.FuncDecl, inherited map[string]bool) bool {
	if d.Recv == nil {
		return true
	}
	return isExportedReceiver(d.Recv) && !plainMethods[d.Name.Name] && !inherited[d.Name.Name]
}

func isExportedReceiver(recv *ast.FieldList) bool {
	if len(recv.List) == 0 {
		return false
	}
	t := recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.IndexListExpr:
			t = u.X
		case *ast.Ident:
			return u.IsExported()
		default:
			return false
		}
	}
}

// checkSpec reports a type, variable or constant without a comment. A block of constants of one
// type is described by its type, and a comment in a block may speak for more than the name below it.
func checkSpec(d *ast.GenDecl, spec ast.Spec, report func(*ast.Ident, string)) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
			report(s.Name, "type")
		}
	case *ast.ValueSpec:
		if s.Doc != nil || s.Comment != nil || d.Doc != nil || isEnumeration(d) {
			return
		}
		for _, name := range s.Names {
			if name.IsExported() && !isMentioned(d, name.Name) {
				report(name, d.Tok.String())
			}
		}
	}
}

func isMentioned(d *ast.GenDecl, name string) bool {
	for _, spec := range d.Specs {
		if s, ok := spec.(*ast.ValueSpec); ok && slices.Contains(strings.FieldsFunc(s.Doc.Text(), notInName), name) {
			return true
		}
	}
	return false
}

func notInName(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func isEnumeration(d *ast.GenDecl) bool {
	if d.Tok != token.CONST || len(d.Specs) == 0 {
		return false
	}
	first, ok := d.Specs[0].(*ast.ValueSpec)
	return ok && first.Type != nil
}
