// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// TestSpaceIsReclaimed clears most of what a store has, key by key or as a range, and shows that the directory
// shrinks, with no more than the writes of a store that goes on.
func TestSpaceIsReclaimed(t *testing.T) {
	const pairs, valueBytes = 3000, 2000
	key := func(i int) string { return fmt.Sprintf("key/%08d", i) }
	for name, clearMost := range map[string]func() []ryw.Mutation{
		"range": func() []ryw.Mutation { return []ryw.Mutation{clearRange(key(pairs/20), key(pairs))} },
		"keys": func() (all []ryw.Mutation) {
			for i := pairs / 20; i < pairs; i++ {
				all = append(all, clearRange(key(i), key(i)+"\x00"))
			}
			return all
		},
	} {
		t.Run(name, func(t *testing.T) {
			mem, rng := vfs.NewMem(), rand.New(rand.NewPCG(8, 8))
			db := open(t, mem)
			defer closeDB(t, db)
			v := kv.Version(0)
			for i := 0; i < pairs; i += pairs / 100 {
				var batch []ryw.Mutation
				for j := range pairs / 100 {
					batch = append(batch, set(key(i+j), incompressible(rng, valueBytes)))
				}
				v++
				apply(t, db, v, batch...)
			}
			before := directoryBytes(t, mem)
			if before < pairs*valueBytes {
				t.Fatalf("%d bytes hold %d", before, pairs*valueBytes)
			}
			v++
			apply(t, db, v, clearMost()...)
			after, rounds := before, 0
			for ; after > before/4 && rounds < 400; rounds++ {
				v++
				apply(t, db, v, set("other", fmt.Sprint(v)))
				if err := db.Flush(); err != nil {
					t.Fatal(err)
				}
				after = directoryBytes(t, mem)
			}
			t.Logf("%d KiB, and %d KiB after the clear and %d more flushes", before>>10, after>>10, rounds)
			if after > before/4 {
				t.Errorf("%d bytes, and still %d after most was cleared", before, after)
			}
		})
	}
}

func incompressible(rng *rand.Rand, n int) string {
	value := make([]byte, 0, n+8)
	for len(value) < n {
		value = binary.LittleEndian.AppendUint64(value, rng.Uint64())
	}
	return string(value[:n])
}

func directoryBytes(t *testing.T, mem *vfs.MemFS) (sum int) {
	t.Helper()
	names, err := mem.List(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		info, err := mem.Stat(mem.PathJoin(dataDir, name))
		switch {
		case err == nil:
			sum += int(info.Size())
		case !errors.Is(err, fs.ErrNotExist): // Pebble removes files meanwhile
			t.Fatal(err)
		}
	}
	return sum
}
