// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// withStamp returns before, room for a versionstamp, after, and the stamp's offset, as versionstamped operations take
// it.
func withStamp(before, after string) []byte {
	b := append([]byte(before), "0123456789"...)
	b = append(b, after...)
	return binary.LittleEndian.AppendUint32(b, uint32(len(before)))
}

// testVersionstamps shows that stamps are the place of the transaction in the order of
// commits, in keys and in values, and that such keys can't be read before.
func testVersionstamps(w *world) {
	var last []byte
	for i := range 5 {
		tx := w.begin()
		tx.Atomic(kv.AtomicSetVersionstampedKey, withStamp("log/", "/x"), []byte("by key"))
		tx.Atomic(kv.AtomicSetVersionstampedValue, []byte("value"), withStamp("at ", " o'clock"))
		if _, err := tx.Versionstamp(); err == nil {
			w.Errorf("there is a versionstamp before the commit")
		}
		w.commit(tx)
		stamp, err := tx.Versionstamp()
		w.must(err)
		if len(stamp) != 10 || binary.BigEndian.Uint64(stamp) != uint64(tx.CommittedVersion()) ||
			bytes.Compare(stamp, last) <= 0 {
			w.Fatalf("stamp %x of version %d after %x", stamp, tx.CommittedVersion(), last)
		}
		last = stamp
		read := w.begin()
		w.wantValue(read, "value", "at "+string(stamp)+" o'clock")
		log := w.scan(read, "log/", "log0")
		if len(log) != i+1 || string(log[i].Key) != "log/"+string(stamp)+"/x" || string(log[i].Value) != "by key" {
			w.Fatalf("after %d commits the log is %q; the last stamp is %q", i+1, log, stamp)
		}
	}

	for name, read := range map[string]func(tx kv.Tx) error{
		"get":          func(tx kv.Tx) error { _, err := tx.Get(w.ctx, []byte("value")); return err },
		"snapshot get": func(tx kv.Tx) error { _, err := tx.Snapshot().Get(w.ctx, []byte("value")); return err },
		"range": func(tx kv.Tx) error {
			_, _, err := tx.Range(w.ctx, []byte("a"), []byte("z"), kv.RangeOptions{})
			return err
		},
	} {
		tx := w.begin()
		tx.Atomic(kv.AtomicSetVersionstampedValue, []byte("value"), withStamp("", ""))
		w.want(name+" of what a versionstamped operation writes", read(tx), kv.ErrUnreadable)
		w.want("commit after "+name, tx.Commit(w.ctx), kv.ErrUnreadable)
	}

	readOnly := w.begin()
	w.get(readOnly, "value")
	w.commit(readOnly)
	if _, err := readOnly.Versionstamp(); err == nil || readOnly.CommittedVersion() != 0 {
		w.Errorf("a transaction that wrote nothing has version %d and a stamp: %v", readOnly.CommittedVersion(),
			err == nil)
	}
	w.stampsOfMany()
}

// stampsOfMany shows that concurrent transactions, which may share a version, have stamps of their own.
func (w *world) stampsOfMany() {
	const tasks = 32
	w.together(tasks, func(i int) {
		tx := w.begin()
		tx.Atomic(kv.AtomicSetVersionstampedKey, withStamp("many/", ""), fmt.Append(nil, i))
		if err := tx.Commit(w.ctx); err != nil {
			w.Error(err)
		}
	})
	if found := w.scan(w.begin(), "many/", "many0"); len(found) != tasks {
		w.Errorf("%d transactions wrote %d keys by their stamps", tasks, len(found))
	}
}
