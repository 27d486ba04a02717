// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import "github.com/kelpiehq/kelpie/pkg/kv"

// What is wrong with a call is found here, before the client sees it: the binding's writes return no errors, and
// the client's belated ones do not say whether anything was sent.

// checkPair checks what is to be written.
func (s keySpace) checkPair(key, value []byte) error {
	if err := kv.CheckKey(key); err != nil {
		return err
	}
	switch {
	case s.tooLong(key):
		return kv.ErrKeyTooLarge
	case len(value) > kv.ValueBytesMax:
		return kv.ErrValueTooLarge
	}
	return nil
}

// tooLong reports whether the cluster can't hold a key as long.
func (s keySpace) tooLong(key []byte) bool { return len(s.prefix)+len(key) > kv.KeyBytesMax }
