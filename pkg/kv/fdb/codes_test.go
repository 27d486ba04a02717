// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

var errCause = errors.New("FoundationDB's error")

// TestFaults shows what reads and commits give for the errors that must be told apart.
func TestFaults(t *testing.T) {
	for code, want := range map[int]struct{ read, commit error }{
		1007: {kv.ErrTooOld, kv.ErrTooOld},
		1009: {kv.ErrFutureVersion, kv.ErrCommitUnknown},
		1020: {kv.ErrConflict, kv.ErrConflict},
		1021: {kv.ErrUnavailable, kv.ErrCommitUnknown},
		1025: {kv.ErrCancelled, kv.ErrCommitUnknown},
		1031: {kv.ErrUnavailable, kv.ErrCommitUnknown},
		1036: {kv.ErrUnreadable, kv.ErrCommitUnknown},
		1037: {kv.ErrFutureVersion, kv.ErrCommitUnknown},
		1038: {kv.ErrUnavailable, kv.ErrCommitUnknown},
		1039: {kv.ErrUnavailable, kv.ErrCommitUnknown},
		1051: {kv.ErrUnavailable, kv.ErrCommitUnknown},
		1213: {kv.ErrUnavailable, kv.ErrCommitUnknown},
		1999: {kv.ErrUnavailable, kv.ErrCommitUnknown}, // one that is not listed
		2004: {kv.ErrOutOfRange, kv.ErrCommitUnknown},
		2006: {kv.ErrInvalidOperation, kv.ErrCommitUnknown}, // one that is not listed, of a call that makes no sense
		2101: {kv.ErrTxTooLarge, kv.ErrTxTooLarge},
		2102: {kv.ErrKeyTooLarge, kv.ErrKeyTooLarge},
		2103: {kv.ErrValueTooLarge, kv.ErrValueTooLarge},
		2107: {kv.ErrUnavailable, kv.ErrCommitUnknown},
	} {
		if got := readFault(code, errCause); !errors.Is(got, want.read) {
			t.Errorf("a read with error %d gives %v, want %v", code, got, want.read)
		}
		if got := commitFault(code, errCause); !errors.Is(got, want.commit) {
			t.Errorf("a commit with error %d gives %v, want %v", code, got, want.commit)
		}
	}
}

// TestCommitFaultsAreCareful shows, for every code there may be, that a commit is said not to have happened only where
// FoundationDB says so, and that a cause is never lost where the error does not say as much itself.
func TestCommitFaultsAreCareful(t *testing.T) {
	proofs := 0
	for code := range 10_000 {
		commit, read := commitFault(code, errCause), readFault(code, errCause)
		if kv.NeverCommitted(commit) {
			proofs++
			if known, ok := faultByCode[code]; !ok || known.maybe {
				t.Errorf("a commit with error %d is said not to have happened", code)
			}
		}
		for _, err := range []*kv.Error{commit, read} {
			if err.Code != code && !errors.Is(err, errCause) {
				t.Errorf("error %d became %v, without its cause", code, err)
			}
		}
	}
	if proofs != 5 {
		t.Errorf("%d codes prove that nothing was committed, want the five that kv.Tx names", proofs)
	}
	if len(faultByCode) != len(faults) {
		t.Errorf("%d of %d faults have a code of their own", len(faultByCode), len(faults))
	}
}

// TestPredicates shows that the table agrees with what FoundationDB's own predicate (fdb_error_predicate, 7.3) says
// of errors: which may have committed, and which have not and are worth another try.
func TestPredicates(t *testing.T) {
	for code, maybe := range map[int]bool{
		1021: true, 1039: true,
		1007: false, 1009: false, 1020: false, 1037: false, 1038: false, 1042: false, 1051: false, 1078: false,
		1213: false, 1223: false,
	} {
		f, ok := faultByCode[code]
		if !ok || f.maybe != maybe || !again(f.read) {
			t.Errorf("error %d, which is retryable, is %+v; may have committed: %v", code, f, maybe)
		}
	}
}

// TestFaultsAreDocumented shows that the table for people has the same rows.
func TestFaultsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/foundationdb.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) == 8 && strings.HasPrefix(cells[2], " `") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	for i, want := range documented() {
		if i >= len(got) || got[i] != want {
			t.Errorf("docs/foundationdb.md lacks, in row %d of its table of errors:\n%s", i+1, want)
		}
	}
	if len(got) > len(faults) {
		t.Errorf("docs/foundationdb.md has %d rows of errors, want %d", len(got), len(faults))
	}
}

// documented is the table's rows.
func documented() []string {
	rows := make([]string, len(faults))
	for i, f := range faults {
		rows[i] = fmt.Sprintf("| %d | `%s` | %s | %s | %s | %s |", f.code, f.name,
			f.read.Message, commitFault(f.code, errCause).Message, yes(again(f.read)), yes(f.maybe))
	}
	return rows
}

// again reports whether kv.Transact tries again after a read with the error.
func again(err error) bool {
	for _, retried := range []error{kv.ErrConflict, kv.ErrTooOld, kv.ErrFutureVersion, kv.ErrUnavailable} {
		if errors.Is(err, retried) {
			return true
		}
	}
	return false
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
