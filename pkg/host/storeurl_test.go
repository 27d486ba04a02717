// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// FuzzStoreURL parses any text as the URL of a store: what is taken is the same when it is written and read again.
func FuzzStoreURL(f *testing.F) {
	for _, s := range []string{"", "memory:", "memory:x", "pebble:", "pebble:/var/lib", "fdb:/etc/x", "kelpie://h:1",
		"kelpie://", "kelpie:h:1", "http://h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseStoreURL(s)
		if err != nil {
			if api.CodeOf(err) != api.CodeInvalidArgument {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if again, err := parseStoreURL(u.String()); err != nil || again != u {
			t.Fatalf("%q is %+v, and then %+v, %v", s, u, again, err)
		}
	})
}
