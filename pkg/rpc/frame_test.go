// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"maps"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// whole splits one frame off what was encoded, as a link does.
func whole(t *testing.T, encoded []byte) []byte {
	t.Helper()
	b, rest, err := SplitFrame(encoded)
	if err != nil || len(rest) != 0 {
		t.Fatalf("split: %v, %d bytes left", err, len(rest))
	}
	return b
}

func parse(t *testing.T, encoded []byte) frame {
	t.Helper()
	f, err := parseFrame(whole(t, encoded))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRequestFrame(t *testing.T) {
	for _, payload := range [][]byte{nil, []byte("payload"), bytes.Repeat([]byte("x"), inlineBytesMax+1)} {
		f := parse(t, RequestFrame(1<<40, "actor.invoke", 30_000, payload))
		method, timeout, got, err := f.request()
		if err != nil || f.kind != kindRequest || f.id != 1<<40 || string(method) != "actor.invoke" ||
			timeout != 30_000 || !bytes.Equal(got, payload) {
			t.Errorf("read %v %d %q %d and %d bytes, error %v", f.kind, f.id, method, timeout, len(got), err)
		}
	}
}

func TestErrorFrame(t *testing.T) {
	sent := &api.Error{Code: api.CodeMoved, Op: "op", Message: "message", Detail: map[string]string{"a": "1", "b": "2"}}
	f := parse(t, ErrorFrame(7, sent))
	got, err := f.error()
	if err != nil || f.id != 7 || got.Code != sent.Code || got.Op != sent.Op || got.Message != sent.Message ||
		!maps.Equal(got.Detail, sent.Detail) {
		t.Errorf("read %d %+v, error %v", f.id, got, err)
	}
}

// A header is ordinary msgpack, and its layout is frozen.
func TestHeaderOnTheWire(t *testing.T) {
	b := RequestFrame(300, "echo", 1000, []byte("!"))
	var header bytes.Buffer
	encoder := msgpack.NewEncoder(&header)
	encoder.UseCompactInts(true)
	if err := encoder.Encode([]any{4, 300, "echo", 1000}); err != nil {
		t.Fatal(err)
	}
	want := append(header.Bytes(), '!')
	if !bytes.Equal(b[prefixBytes:], want) {
		t.Errorf("encoded as % x, want % x", b[prefixBytes:], want)
	}
	if n := binary.BigEndian.Uint32(b); int(n) != len(b)-4 {
		t.Errorf("length %d of %d bytes", n, len(b))
	}
	if sum := binary.BigEndian.Uint32(b[4:]); sum != crc32.Checksum(want, crc32.MakeTable(crc32.Castagnoli)) {
		t.Errorf("checksum %x", sum)
	}
}

// Later versions add elements to headers.
func TestElementsOfLaterVersionsAreIgnored(t *testing.T) {
	header := api.AppendArrayHeader(nil, 6)
	header = api.AppendUint(header, uint64(kindRequest))
	header = api.AppendUint(header, 9)
	header = api.AppendString(header, "echo")
	header = api.AppendUint(header, 0)
	header = api.AppendMapHeader(header, 1)
	header = api.AppendBool(api.AppendString(header, "trace"), true)
	header = api.AppendNil(header)
	f := parse(t, HeaderFrame(append(header, "payload"...)))
	method, _, payload, err := f.request()
	if err != nil || string(method) != "echo" || string(payload) != "payload" {
		t.Errorf("read %q %q, error %v", method, payload, err)
	}
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	b := whole(t, RequestFrame(1, "echo", 1000, []byte("payload")))
	for i := range 8 * len(b) {
		flipped := bytes.Clone(b)
		flipped[i/8] ^= 1 << (i % 8)
		if _, err := parseFrame(flipped); err == nil {
			t.Errorf("bit %d flipped, and nobody notices", i)
		}
	}
}

func TestSplitFrameChecksLengths(t *testing.T) {
	b := RequestFrame(1, "echo", 0, []byte("payload"))
	for n := range len(b) {
		if _, _, err := SplitFrame(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are a frame", n, len(b))
		}
	}
	for _, n := range []uint32{0, checksumBytes, FrameBytesMax + 1, 1<<32 - 1} {
		if _, err := FrameLength([4]byte(binary.BigEndian.AppendUint32(nil, n))); err == nil {
			t.Errorf("length %d is allowed", n)
		}
	}
}

func TestMalformedHeaders(t *testing.T) {
	for name, header := range map[string][]byte{
		"not an array":   {0x80, 0, 0},
		"no elements":    {0x90, 0},
		"one element":    {0x91, 4, 0},
		"text for kind":  {0x92, 0xa1, 'x', 1},
		"large kind":     {0x92, 0xcd, 1, 0, 1},
		"negative id":    {0x92, 4, 0xff},
		"missing fields": {0x94, 4, 1},
		"many fields":    append([]byte{0xdc, 1, 0, 4, 1}, make([]byte, 256)...),
	} {
		if f, err := parseFrame(whole(t, HeaderFrame(header))); err == nil {
			t.Errorf("%s: parsed as %+v", name, f)
		}
	}
	for name, header := range map[string][]byte{
		"request without method":  {0x92, 4, 1},
		"request without timeout": {0x93, 4, 1, 0xa1, 'm'},
		"negative timeout":        {0x94, 4, 1, 0xa1, 'm', 0xff},
	} {
		f := parse(t, HeaderFrame(header))
		if _, _, _, err := f.request(); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	for name, header := range map[string][]byte{
		"error that is none":   {0x96, 6, 1, 0, 0xa0, 0xa0, 0x80},
		"error without detail": {0x95, 6, 1, 2, 0xa0, 0xa0},
		"code out of range":    {0x96, 6, 1, 0xce, 0, 1, 0, 0, 0xa0, 0xa0, 0x80},
	} {
		f := parse(t, HeaderFrame(header))
		if e, err := f.error(); err == nil {
			t.Errorf("%s is read as %v", name, e)
		}
	}
}

func TestHelloOfAnotherVersionIsUnderstood(t *testing.T) {
	b := whole(t, HelloFrame(ProtocolVersion+1, ProtocolVersion+3, "c"))
	h, err := parseHello(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := new(Identity).judge(h); api.CodeOf(err) != api.CodeMismatch {
		t.Errorf("judged: %v", err)
	}
	// One that speaks this version too agrees on it.
	h, err = parseHello(whole(t, HelloFrame(0, ProtocolVersion+3, "c")))
	if err != nil {
		t.Fatal(err)
	}
	if peer, err := new(Identity).judge(h); err != nil || peer.Version != ProtocolVersion || peer.ClusterID != "c" {
		t.Errorf("judged: %+v, %v", peer, err)
	}
}

func TestLaneKeepsOrder(t *testing.T) {
	var l lane
	var want []byte
	large := bytes.Repeat([]byte("L"), inlineBytesMax+1)
	for round := range 4 {
		for i := range 10 {
			header := []byte{'h', byte(round), byte(i)}
			payload := []byte("small")
			if (round+i)%3 == 0 {
				payload = large
			}
			l.push(header, payload)
			want = append(append(want, header...), payload...)
		}
		if round == 1 {
			continue // two rounds in one take
		}
		if l.bytes != len(want) {
			t.Errorf("%d bytes queued, counted %d", len(want), l.bytes)
		}
		if got := bytes.Join(l.take(), nil); !bytes.Equal(got, want) {
			t.Errorf("round %d: took %d bytes, want %d", round, len(got), len(want))
		}
		if l.bytes != 0 || l.taken != l.frames {
			t.Errorf("round %d: %d bytes left, %d of %d frames taken", round, l.bytes, l.taken, l.frames)
		}
		want = want[:0]
	}
}

// FuzzFrame checks that no bytes of a peer make reading a frame panic.
func FuzzFrame(f *testing.F) {
	for _, b := range [][]byte{
		RequestFrame(1, "echo", 1000, []byte("payload")), ResponseFrame(1, []byte("payload")),
		ErrorFrame(1, &api.Error{Code: api.CodeMoved, Message: "m", Detail: map[string]string{"k": "v"}}),
		CancelFrame(1), PingFrame(), GoawayFrame(), HelloFrame(1, 1, "c"), WelcomeFrame(), UnknownFrame(),
	} {
		f.Add(b[prefixBytes:])
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		if len(header) == 0 {
			return
		}
		b := whole(t, HeaderFrame(header))
		parsed, err := parseFrame(b)
		if err != nil {
			return
		}
		// Each on a copy of its own, as each kind reads in its own way.
		request, response, failure := parsed, parsed, parsed
		if method, _, payload, err := request.request(); err == nil && len(method)+len(payload) > len(header) {
			t.Error("a request holds more than its frame")
		}
		if payload, err := response.end(0); err == nil && len(payload) > len(header) {
			t.Error("a response holds more than its frame")
		}
		if e, err := failure.error(); err == nil && e.Code == api.CodeOK {
			t.Error("an error that is none")
		}
	})
}

// FuzzHello checks that no bytes of a peer make the handshake panic, and that what is accepted is ours.
func FuzzHello(f *testing.F) {
	f.Add(HelloFrame(1, 1, "c")[prefixBytes:])
	f.Add(HelloFrame(5, 9, "")[prefixBytes:])
	f.Add(WelcomeFrame()[prefixBytes:])
	f.Add(appendError(nil, kindRefusal, 0, &api.Error{Code: api.CodeMismatch})[prefixBytes:])
	f.Fuzz(func(t *testing.T, header []byte) {
		if len(header) == 0 {
			return
		}
		b := whole(t, HeaderFrame(header))
		if h, err := parseHello(b); err == nil {
			if peer, err := new(Identity).judge(h); err == nil && peer.Version != ProtocolVersion {
				t.Errorf("agreed on version %d", peer.Version)
			}
		}
		if peer, err := new(Identity).parseWelcome(b); err == nil && peer.Version != ProtocolVersion {
			t.Errorf("welcomed in version %d", peer.Version)
		}
	})
}
