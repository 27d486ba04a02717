// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

// aged is an engine whose versions, and so the stamps, go on from v.
func aged(t *testing.T, v kv.Version) occ.Engine {
	t.Helper()
	engine := occ.NewMemory()
	if err := engine.Apply(v, nil); err != nil {
		t.Fatal(err)
	}
	return engine
}

func unbroken(s kv.Store) kv.Store { return s }

// TestScriptsOfAnyStamps shows that the scripts pass on a right store whatever the bytes of its versionstamps are:
// scripts compute with them too.
func TestScriptsOfAnyStamps(t *testing.T) {
	for _, first := range []kv.Version{0x7fff_ffff_0000_0000, 0x2aaa_aaaa_aaaa_aaaa, 0x55ff_00aa_55ff_8000} {
		if failures := failuresIn(t, aged(t, first), unbroken, testScripts); len(failures) > 0 {
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

// TestComputedStamps shows that what is computed from a versionstamp is compared: script 95 finds the greater of the
// numbers that a stamp and a parameter begin with. FoundationDB's stamp was less; one of every few is not.
func TestComputedStamps(t *testing.T) {
	scripts, err := readScripts(bytes.NewReader(scriptsGzip))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(scripts, func(s script) bool { return s.Seed == 95 })
	test := func(w *world) { w.replayAll(scripts[i : i+1]) }
	broken, found := breaking(func(tx kv.Tx) kv.Tx { return setsMaxima{tx} }), 0
	for n := range kv.Version(8) {
		v := 0x2aaa_aaaa_aaaa_0000 + n<<13
		if failures := failuresIn(t, aged(t, v), unbroken, test); len(failures) > 0 {
			t.Errorf("stamps from %x: %s", v, failures[0])
		}
		found += len(failuresIn(t, aged(t, v), broken, test))
	}
	if found == 0 || found == 8 {
		t.Errorf("%d of 8 stamps are greater than the parameter", found)
	}
}
