// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// yamuxFrame is a frame of yamux of a type: 0 is data, 1 a window, 2 a ping.
func yamuxFrame(kind byte, flags uint16, stream, length uint32, body []byte) []byte {
	b := []byte{0, kind}
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(binary.BigEndian.AppendUint32(b, length), body...)
}

// yamuxOpened opens a stream for each class.
func yamuxOpened() (b []byte) {
	for class := range uint32(rpc.Classes) {
		b = append(b, yamuxFrame(1, 1, 2*class+1, 0, nil)...)
		b = append(b, yamuxFrame(0, 0, 2*class+1, 1, []byte{byte(class)})...)
	}
	return b
}

// What is repeated here until the server breaks the connection would each cost it memory or time for ever.
func TestFloodsBreakTheConnection(t *testing.T) {
	addr, server := echoServer(t)
	for what, flood := range map[string][]byte{
		"pings":         yamuxFrame(2, 1, 0, 7, nil),
		"ping answers":  yamuxFrame(2, 2, 0, 7, nil),
		"windows":       yamuxFrame(1, 0, 1, 0, nil),
		"empty data":    yamuxFrame(0, 0, 1, 0, nil),
		"streams":       yamuxFrame(1, 1, 7, 0, nil),
		"unknown types": yamuxFrame(9, 0, 0, 0, nil),
		"early calls":   yamuxFrame(0, 0, 3, 1000, make([]byte, 1000)),
		"early hello":   yamuxFrame(0, 0, 1, 1000, make([]byte, 1000)),
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		many, sent := bytes.Repeat(flood, 100), 0
		_, err = conn.Write(yamuxOpened())
		for err == nil && sent < 64<<20 {
			sent += len(many)
			_, err = conn.Write(many)
		}
		if e, ok := errors.AsType[net.Error](err); err == nil || ok && e.Timeout() {
			t.Errorf("%s: %d bytes were taken, error %v", what, sent, err)
		}
		_ = conn.Close()
	}
	echo(t, newPool(t), addr, rpc.ClassCall, []byte("x"))
	if n := server.Stats().Connections; n > 8 {
		t.Errorf("%d connections", n)
	}
}

// A length alone takes no memory, whether it is that of a frame or of what carries it.
func TestLengthsReserveNothing(t *testing.T) {
	l := listen(t)
	const links = 200
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range links {
		conn, err := net.Dial("tcp", l.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		link, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer link.Close()
		link.Greeted()
		b := yamuxOpened()
		for class := range uint32(rpc.Classes) {
			b = append(b, yamuxFrame(0, 0, 2*class+1, 256<<10-1, []byte{0, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1})...)
		}
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := int64(after.HeapAlloc-before.HeapAlloc) / links; each > 100<<10 {
		t.Errorf("a link takes %d bytes of the heap", each)
	}
}

// A frame for which there is no room is passed over, and the next one is received.
func TestFrameWithoutRoom(t *testing.T) {
	near, far := linked(t)
	account := rpc.NewBudget(4 << 20).Account()
	far.Charge(account)
	sent := make(chan error, 1)
	go func() {
		sent <- near.Send(rpc.ClassCall, [][]byte{frame(8<<20, 'l'), frame(100, 's'), frame(1<<20, 'm')})
	}()
	_, err := far.Receive(rpc.ClassCall)
	refused, ok := errors.AsType[*rpc.NoRoomError](err)
	if !ok || !bytes.Equal(refused.Head, bytes.Repeat([]byte{'l'}, rpc.HeadBytesMax)) {
		t.Fatalf("error %v", err)
	}
	for _, want := range [][]byte{frame(100, 's'), frame(1<<20, 'm')} {
		got, err := far.Receive(rpc.ClassCall)
		if err != nil || !bytes.Equal(got, want[4:]) {
			t.Errorf("got %d bytes, error %v", len(got), err)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if account.Over() || !account.Take(2<<20) {
		t.Error("what was received still counts")
	}
}

// A frame that has begun has to end.
func TestFrameThatDoesNotEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short: it takes ten seconds")
	}
	near, far := linked(t)
	whole := frame(1000, 'x')
	go func() { _ = near.Send(rpc.ClassCall, [][]byte{whole[:len(whole)-1]}) }()
	began := time.Now()
	if _, err := far.Receive(rpc.ClassCall); err == nil || time.Since(began) > 50*time.Second {
		t.Errorf("error %v after %v", err, time.Since(began))
	}
}
