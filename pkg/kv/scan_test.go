// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

func TestScan(t *testing.T) {
	s, err := occ.Open(env.Real(), occ.NewMemory(), occ.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	tx := s.Begin(kv.TxOptions{})
	for i := range 10 {
		tx.Set(fmt.Appendf(nil, "%d", i), []byte("v"))
	}
	for _, c := range []struct {
		begin, end string
		opt        kv.RangeOptions
		want       string
	}{
		{"", "\xff", kv.RangeOptions{}, "0123456789"},
		{"", "\xff", kv.RangeOptions{BytesMax: 6}, "0123456789"},
		{"2", "8", kv.RangeOptions{BytesMax: 1, Reverse: true}, "765432"},
		{"2", "8", kv.RangeOptions{BytesMax: 4, Limit: 5}, "23456"},
		{"2", "8", kv.RangeOptions{BytesMax: 4, Limit: 5, Reverse: true}, "76543"},
		{"2", "8", kv.RangeOptions{Limit: 6}, "234567"},
		{"a", "b", kv.RangeOptions{}, ""},
		{"b", "a", kv.RangeOptions{}, ""},
	} {
		var got strings.Builder
		err := kv.Scan(ctx, tx, []byte(c.begin), []byte(c.end), c.opt, func(pair kv.KeyValue) error {
			got.Write(pair.Key)
			return nil
		})
		if got.String() != c.want || err != nil {
			t.Errorf("%q to %q, %+v: got %q, %v, want %q", c.begin, c.end, c.opt, got.String(), err, c.want)
		}
	}
	calls := 0
	err = kv.Scan(ctx, tx, nil, kv.KeySpaceEnd(), kv.RangeOptions{}, func(kv.KeyValue) error {
		calls++
		return errOther
	})
	if calls != 1 || !errors.Is(err, errOther) {
		t.Errorf("%d calls, error %v", calls, err)
	}
	tx.Cancel()
	err = kv.Scan(ctx, tx, nil, kv.KeySpaceEnd(), kv.RangeOptions{}, func(kv.KeyValue) error { return nil })
	if !errors.Is(err, kv.ErrCancelled) {
		t.Errorf("of a cancelled transaction: error %v", err)
	}
}

func TestKeys(t *testing.T) {
	for prefix, want := range map[string]string{"": "\xff", "a": "b", "a\xff\xff": "b", "\xff\xff": "\xff",
		"a\x00": "a\x01"} {
		if got := kv.PrefixEnd([]byte(prefix)); string(got) != want {
			t.Errorf("keys with prefix %q end at %q, want %q", prefix, got, want)
		}
	}
	key := append(make([]byte, 0, 9), "key"...)
	next := kv.KeyAfter(key)
	if string(next) != "key\x00" {
		t.Errorf("after %q comes %q", key, next)
	}
	if _ = append(key, 'x'); string(next) != "key\x00" {
		t.Error("the key after shares memory with the key")
	}
}
