// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// TestScriptsOfAnyStamps shows that the scripts pass on a right store whatever the bytes of its versionstamps are: scripts
// compute with them too.
func TestScriptsOfAnyStamps(t *testing.T) {
	for _, first := range []uint64{1 << 20, 0x7f << 56, 1<<64 - 1, 0xaaaa_aaaa_aaaa_aaaa, 0x55ff_00aa_55ff_8000} {
		if failures := failuresOf(t, "Scripts", stampedFrom(first)); len(failures) > 0 {
			t.Errorf("stamps from %x: %s", first, failures[0])
		}
	}
}

// setsMaxima gives the parameter for the greater number.
type setsMaxima struct{ kv.Tx }

func (tx setsMaxima) Atomic(op kv.AtomicOp, key, param []byte) {
	if op == kv.AtomicMax && len(param) == 8 {
		tx.Set(key, param)
		return
	}
	tx.Tx.Atomic(op, key, param)
}

// TestComputedStamps shows that what is computed from a versionstamp is compared: script 95 finds the greater number of a stamp
// and another one, which FoundationDB's stamp was not.
func TestComputedStamps(t *testing.T) {
	broken := func(s kv.Store) kv.Store {
		return stampedFrom(1<<64 - 1)(&wrapped{Store: s, wrap: func(tx kv.Tx) kv.Tx { return setsMaxima{tx} }})
	}
	for _, failure := range failuresOf(t, "Scripts", broken) {
		if strings.Contains(failure, "script with seed 95, ") {
			return
		}
	}
	t.Error("script 95 passes on a store whose greater number is the parameter")
}
