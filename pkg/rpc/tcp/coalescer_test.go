// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"bytes"
	"net"
	"testing"
)

// recorder keeps what each Write was given.
type recorder struct {
	net.Conn
	writes [][]byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.writes = append(r.writes, bytes.Clone(p))
	return len(p), nil
}

func TestCoalescerJoinsHeaderAndBody(t *testing.T) {
	data := []byte{0, yamuxTypeData, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12}
	windowUpdate := []byte{0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12}
	synWithoutBody := []byte{0, yamuxTypeData, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0}
	body := bytes.Clone(data) // a body that looks like a header
	large := bytes.Repeat([]byte("x"), copyBytesMax+1)
	r := &recorder{}
	c := newCoalescer(r)
	var all []byte
	for _, p := range [][]byte{windowUpdate, data, body, synWithoutBody, data, large, windowUpdate} {
		n, err := c.Write(p)
		if n != len(p) || err != nil {
			t.Fatalf("write of %d bytes: %d, %v", len(p), n, err)
		}
		all = append(all, p...)
	}
	if got := bytes.Join(r.writes, nil); !bytes.Equal(got, all) {
		t.Error("written bytes differ")
	}
	// One write each, but for the large body, which a real connection writes together with its header without a copy.
	if len(r.writes) != 6 || !bytes.Equal(r.writes[1], append(bytes.Clone(data), body...)) {
		t.Errorf("%d writes", len(r.writes))
	}
}
