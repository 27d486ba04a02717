// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestEveryCodeHasARow shows that no code was declared without saying what it means.
func TestEveryCodeHasARow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			declared++
		}
		return true
	})
	seen := map[string]bool{}
	for code := range api.Code(declared) {
		name := code.String()
		if name == "" || seen[name] || strings.HasPrefix(name, "code_") {
			t.Errorf("code %d has no row in the table of classes, or a name that another one has: %q", code, name)
		}
		seen[name] = true
		if code != api.CodeOK && code.ExitCode() == api.ExitOK {
			t.Errorf("an error with %v ends a command as if all had been well", code)
		}
	}
	if name := api.Code(declared).String(); !strings.HasPrefix(name, "code_") {
		t.Errorf("%q has a row, and is not declared in error.go", name)
	}
}

// TestCodeClasses shows, for each code, what became of the try, who may try again, and how a command ends: r for the
// router, c for the caller, s for the schedule.
func TestCodeClasses(t *testing.T) {
	want := strings.TrimSpace(`
ok                  decided      -   0
unavailable         never ran    rcs 3
unknown             may have run rcs 4
deadline_exceeded   may have run -   4
cancelled           may have run s   4
overloaded          never ran    cs  3
moved               never ran    rcs 3
unknown_namespace   never ran    -   5
unknown_method      decided      -   5
invalid_argument    decided      -   2
too_large           decided      -   2
application         decided      -   7
no_capacity         never ran    rs  3
fenced              never ran    rcs 6
internal            decided      -   1
not_found           decided      -   5
already_exists      decided      -   6
mismatch            decided      -   6
permission_denied   decided      -   6
corrupt_state       decided      -   8
failed_precondition decided      -   6
store               may have run rs  1
deadlock            decided      -   6
quarantined         may have run -   6
code_24             decided      -   1`)
	var rows []string
	for code := range api.Code(25) {
		err := api.Errorf(code, "")
		effect := map[api.Effect]string{
			api.Decided: "decided", api.NeverRan: "never ran", api.MayHaveRun: "may have run",
		}[code.Effect()]
		retry := ""
		for i, who := range []api.Retrier{api.Router, api.Caller, api.Schedule} {
			if api.Retryable(err, who) {
				retry += "rcs"[i : i+1]
			}
		}
		if retry == "" {
			retry = "-"
		}
		rows = append(rows, fmt.Sprintf("%-19v %-12s %-3s %d", code, effect, retry, code.ExitCode()))
	}
	if got := strings.Join(rows, "\n"); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}

// TestFinal shows that nobody tries again what would be refused again.
func TestFinal(t *testing.T) {
	unknown := api.Errorf(api.CodeUnknown, "lost")
	if api.Final(unknown) || !api.Retryable(unknown, api.Caller) {
		t.Error("a lost answer is final")
	}
	unknown.Detail = map[string]string{api.DetailFinal: "true"}
	if wrapped := fmt.Errorf("call: %w", unknown); !api.Final(wrapped) || api.Retryable(wrapped, api.Caller) {
		t.Error("what is final may be tried again")
	}
	if api.Final(nil) || api.Retryable(nil, api.Router|api.Caller|api.Schedule) ||
		api.Retryable(context.DeadlineExceeded, api.Router|api.Caller|api.Schedule) {
		t.Error("a success or a deadline is tried again")
	}
}
