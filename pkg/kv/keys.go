// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kv

import "slices"

// KeySpaceEnd returns the end of the key space: keys from "\xff" on can't be read or written.
func KeySpaceEnd() []byte { return []byte{0xff} }

// KeyAfter returns the key that follows key directly. [key, KeyAfter(key)) is
// the range of key alone.
func KeyAfter(key []byte) []byte { return append(slices.Clip(key), 0) }

// PrefixEnd returns the end of the range of all keys that begin with prefix,
// or the end of the key space if nothing lies after them.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := slices.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return KeySpaceEnd()
}
