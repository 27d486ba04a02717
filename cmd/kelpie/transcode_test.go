// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func bigOf(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		panic(s)
	}
	return n
}

// TestExactJSON shows that what goes to an actor and comes back is what was written.
func TestExactJSON(t *testing.T) {
	for _, text := range []string{
		"null", "true", "0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808",
		"18446744073709551615",
		"0.1", "-2.5e-7", "1e+300", `""`, `"é\u2028<&>"`, "[]", "{}", `[1,[2,[3]],{"a":{"b":null}}]`,
		`{"a":1,"b":[true,false]}`,
	} {
		body, err := encodeJSON([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := transcodeAll(body)
		if err != nil || string(got) != text {
			t.Errorf("%s comes back as %s (%v)", text, got, err)
		}
	}
}

// TestExactIntegers is TestExactJSON for all integers of 64 bits.
func TestExactIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := new(big.Int).SetUint64(rapid.Uint64().Draw(t, "magnitude"))
		if rapid.Bool().Draw(t, "negative") && n.BitLen() < 64 {
			n.Neg(n)
		}
		body, err := encodeJSON([]byte(n.String()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := transcodeAll(body); err != nil || string(got) != n.String() {
			t.Fatalf("%v comes back as %s (%v)", n, got, err)
		}
	})
}

// TestGoTypes shows what the values of a Go program look like.
func TestGoTypes(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, c := range []struct {
		value any
		want  string
	}{
		{[]byte{0, 0xab}, `"0x00ab"`},
		{"\xff", `"0xff"`},
		{[16]byte{1}, `"0x01000000000000000000000000000000"`},
		{at, `"2026-01-02T03:04:05.000006Z"`},
		{at.Truncate(time.Second), `"2026-01-02T03:04:05Z"`},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), `"9999-01-01T00:00:00Z"`},
		{math.NaN(), `"NaN"`},
		{math.Inf(-1), `"-Inf"`},
		{float32(0.1), "0.1"},
		{int8(-128), "-128"},
		{uint16(65535), "65535"},
		{map[int]string{7: "x"}, `{"7":"x"}`},
		{struct {
			B int `json:"b"`
			A int `json:"a"`
		}{1, 2}, `{"b":1,"a":2}`},
		{strings.Repeat("x", 70_000), `"` + strings.Repeat("x", 70_000) + `"`},
		{make([]bool, 70_000), "[" + strings.Repeat("false,", 69_999) + "false]"},
	} {
		body, err := actor.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := transcodeAll(body); err != nil || string(got) != c.want {
			t.Errorf("%T is shown as %.80s, want %.80s (%v)", c.value, got, c.want, err)
		}
	}
}

// TestRequestErrors shows which requests are refused before anything is sent.
func TestRequestErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		says string
	}{
		{"", "it is empty"},
		{`{"a":`, "it ends too early"},
		{"hello", "invalid character 'h'"},
		{"1 2", "text after"},
		{"18446744073709551616", "does not fit into 64 bits"},
		{`[-9223372036854775809]`, "does not fit into 64 bits"},
		{`{"a":1e999}`, "too large a number"},
		{`"` + strings.Repeat("x", api.PayloadBytesMax) + `"`, "at most 1048576 bytes"},
		{strings.Repeat(" ", jsonBytesMax+1), "bytes of JSON"},
	} {
		_, err := readRequest("-", strings.NewReader(c.text))
		if cli.ExitCodeOf(err) != cli.ExitUsage || !strings.Contains(cli.Message(err), c.says) {
			t.Errorf("%.40q: %v, want a usage error that says %q", c.text, err, c.says)
		}
	}
	// The most that fits: a string has a header of five bytes.
	if _, err := readRequest(`"`+strings.Repeat("x", api.PayloadBytesMax-5)+`"`, nil); err != nil {
		t.Error(err)
	}
}

// TestTranscodeNesting shows that what is nested too deep is refused.
func TestTranscodeNesting(t *testing.T) {
	deep := strings.Repeat("\x91", 10*nestingMax) + "\xc0"
	if text, err := transcodeAll([]byte(deep)); err == nil {
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
		text, rest, err := transcode(b)
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
