// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
)

// Variables that make this program a process with a store on a faulty disk, instead of the tests: where Pebble can't
// go on in one of its own tasks, that ends the process.
const (
	faultyDir   = "KELPIE_TEST_FAULTY_DIR"
	faultyFault = "KELPIE_TEST_FAULTY_FAULT"
)

// faultyTransactions is how many such a process commits, one after the other: enough for several tables.
const faultyTransactions = 200

// faulty commits until it has failed a few times, and says on stdout what happens.
func faulty(dir, text string) int {
	f := fault{}
	kind, at, _ := strings.Cut(text, ":")
	if _, err := fmt.Sscan(at, &f.at); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	f.kind = kind
	d := &disk{FS: vfs.Default}
	f.on(d)
	store, err := openFaulty(dir, d)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	failures := 0
	for n := 0; n < faultyTransactions && failures < 5; n++ {
		key := fmt.Sprintf("key%d", n)
		tx := store.Begin(kv.TxOptions{})
		tx.Set([]byte(key), []byte(faultyValue(key)))
		if err := tx.Commit(context.Background()); err != nil {
			failures++
			fmt.Println("failed", err)
			want := kv.ErrUnavailable
			if failures == 1 {
				want = kv.ErrCommitUnknown
			}
			if !errors.Is(err, want) {
				fmt.Printf("odd %v, want %v\n", err, want)
			}
			continue
		}
		fmt.Println("acknowledged", n)
	}
	if err := store.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if failures == 0 {
		fmt.Println("ended", d.operations.Load())
	}
	return 0
}

func openFaulty(dir string, d *disk) (*occ.Store, error) {
	db, err := pebbledb.Open(dir, pebbledb.Options{FS: d, CacheBytes: 1 << 20, MemTableBytes: 64 << 10})
	if err != nil {
		return nil, err
	}
	return occ.Open(env.Real(), db, occ.Options{})
}

func faultyValue(key string) string { return strings.Repeat(key+" ", 200) }
