// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"
	"testing"
)

func TestActorIDsAreParsed(t *testing.T) {
	for _, test := range []struct {
		in   string
		want ActorID
		ok   bool
	}{
		{"counter/a", ActorID{"counter", "a"}, true},
		{"a.b-c_1/x/y/z", ActorID{"a.b-c_1", "x/y/z"}, true},
		{"n/" + strings.Repeat("x", IDBytesMax), ActorID{"n", strings.Repeat("x", IDBytesMax)}, true},
		{strings.Repeat("n", NamespaceBytesMax) + "/~!@", ActorID{strings.Repeat("n", NamespaceBytesMax), "~!@"}, true},
		{in: ""}, {in: "counter"}, {in: "/a"}, {in: "counter/"}, {in: "-counter/a"}, {in: "co unter/a"}, {
			in: "counter/a b"},
		{in: "counter/\x00"}, {in: "counter/\u00fc"}, {in: "c\u00fc/a"},
		{in: "n/" + strings.Repeat("x", IDBytesMax+1)}, {in: strings.Repeat("n", NamespaceBytesMax+1) + "/a"},
	} {
		got, err := ParseActorID(test.in)
		if test.ok != (err == nil) || got != test.want {
			t.Errorf("%q: %+v, %v", test.in, got, err)
		}
		if err != nil && (CodeOf(err) != CodeInvalidArgument || strings.Contains(err.Error(), "\n") ||
			len(err.Error()) > 300) {
			t.Errorf("%q: the error is not one clear line: %v", test.in, err)
		}
		if err == nil && got.String() != test.in {
			t.Errorf("%q became %q", test.in, got.String())
		}
	}
}

func FuzzInvoke(f *testing.F) {
	req := InvokeRequest{Actor: ActorID{"counter", "a"}, Method: "add",
		Key:   CallKey{Client: "c", Counter: 7, Path: "/1", Birth: 1 << 40, Answered: 6, Time: -5},
		Chain: []ActorID{{"counter", "b"}}, Flags: InvokeForwarded, Body: []byte{5}}
	f.Add(req.AppendTo(nil))
	req.Sender, req.SendNumber = ActorID{"counter", "c"}, 1<<40
	f.Add(req.AppendTo(nil))
	reply := InvokeReply{OwnerAddress: "127.0.0.1:7600", Version: 9, Body: []byte("x")}
	f.Add(reply.AppendTo(nil))
	f.Add([]byte{0x95})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeInvokeRequest(b); err == nil {
			again, err := DecodeInvokeRequest(r.AppendTo(nil))
			if err != nil || again.Actor != r.Actor || again.Method != r.Method || again.Key != r.Key ||
				again.SendNumber != r.SendNumber || r.SendNumber != 0 && again.Sender != r.Sender ||
				!slices.Equal(again.Chain, r.Chain) || string(again.Body) != string(r.Body) {
				t.Fatalf("%+v became %+v: %v", r, again, err)
			}
		} else if CodeOf(err) != CodeInvalidArgument {
			t.Fatal(err)
		}
		if r, err := DecodeInvokeReply(b); err == nil {
			again, err := DecodeInvokeReply(r.AppendTo(nil))
			if err != nil || again.OwnerAddress != r.OwnerAddress || again.Version != r.Version ||
				string(again.Body) != string(r.Body) {
				t.Fatalf("%+v became %+v: %v", r, again, err)
			}
		}
	})
}

func TestFieldsOfLaterVersionsAreSkipped(t *testing.T) {
	in := InvokeRequest{Actor: ActorID{"counter", "a"}, Method: "add", Flags: InvokeMayClaim}
	b := in.AppendTo(nil)
	b[0]++ // one more element
	b = AppendString(b, "of a later version")
	b = append(b, "body"...)
	r, err := DecodeInvokeRequest(b)
	if err != nil || r.Method != "add" || r.Flags != InvokeMayClaim || string(r.Body) != "body" {
		t.Fatalf("%+v %v", r, err)
	}
}
