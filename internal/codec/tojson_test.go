// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
)

// TestTranscodeNesting shows that what is nested too deep is refused.
func TestTranscodeNesting(t *testing.T) {
	deep := strings.Repeat("\x91", 10*nestingMax) + "\xc0"
	if text, err := ToJSON(nil, []byte(deep)); err == nil {
		t.Errorf("%d levels are shown as %.40s", 10*nestingMax, text)
	}
}

// FuzzTranscode shows that whatever bytes come, the answer is JSON or an error.
func FuzzTranscode(f *testing.F) {
	for _, seed := range []string{"c0", "81a16101", "93010203", "d6ff00000001", "c403aabbcc", "dd00000001c0",
		"de0001c0c0", "cb7ff8000000000001", "a1ff"} {
		b, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text, rest, err := firstToJSON(nil, b)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Errorf("%x gives %q, which is not JSON", b, text)
		}
		if len(rest) >= len(b) {
			t.Errorf("%x: nothing was read of it", b)
		}
	})
}
