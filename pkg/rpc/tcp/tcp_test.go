// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/yamux"
	"go.uber.org/goleak"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(envtest.IdleWorker)) }

func listen(t *testing.T) rpc.Listener {
	t.Helper()
	l, err := tcp.New().Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return l
}

// dial connects, with a deadline that only a broken test meets.
func dial(t *testing.T, addr string) (rpc.Link, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return tcp.New().Dial(ctx, addr)
}

// linked returns the two ends of a link.
func linked(t *testing.T) (near, far rpc.Link) {
	t.Helper()
	l := listen(t)
	near, err := dial(t, l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(near.Close)
	t.Cleanup(far.Close)
	near.Greeted()
	far.Greeted()
	return near, far
}

// frame returns a frame, with its length, of n bytes after it.
func frame(n int, fill byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(n))
	return append(b, bytes.Repeat([]byte{fill}, n)...)
}

func TestFramesArriveInOrderPerClass(t *testing.T) {
	near, far := linked(t)
	for _, pair := range [][2]rpc.Link{{near, far}, {far, near}} {
		sent := make(chan error, rpc.Classes)
		for class := range rpc.Class(rpc.Classes) {
			go func() {
				for n := 5; n < 200; n++ {
					if err := pair[0].Send(class, [][]byte{frame(n, byte(class)), frame(n, byte(n))}); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
		}
		for class := range rpc.Class(rpc.Classes) {
			for n := 5; n < 200; n++ {
				for _, fill := range []byte{byte(class), byte(n)} {
					got, err := pair[1].Receive(class)
					if err != nil || !bytes.Equal(got, frame(n, fill)[4:]) {
						t.Fatalf("%v, frame of %d: got %d bytes, error %v", class, n, len(got), err)
					}
				}
			}
		}
		for range rpc.Classes {
			if err := <-sent; err != nil {
				t.Error(err)
			}
		}
	}
}

func TestLargestFrame(t *testing.T) {
	near, far := linked(t)
	largest := frame(rpc.FrameBytesMax, 'x')
	sent := make(chan error, 1)
	go func() { sent <- near.Send(rpc.ClassBulk, [][]byte{largest[:100], largest[100:]}) }()
	got, err := far.Receive(rpc.ClassBulk)
	if err != nil || !bytes.Equal(got, largest[4:]) {
		t.Errorf("got %d bytes, error %v", len(got), err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestControlIsNotBehindData(t *testing.T) {
	near, far := linked(t)
	stuck := make(chan error, 1)
	go func() { stuck <- near.Send(rpc.ClassCall, [][]byte{frame(rpc.FrameBytesMax, 'x')}) }() // more than the window
	if err := near.Send(rpc.ClassControl, [][]byte{frame(10, 'c')}); err != nil {
		t.Fatal(err)
	}
	if got, err := far.Receive(rpc.ClassControl); err != nil || len(got) != 10 {
		t.Errorf("got %d bytes, error %v", len(got), err)
	}
	near.Close()
	if err := <-stuck; err == nil {
		t.Error("more than the window was sent, to nobody who reads")
	}
}

func TestCloseUnblocksBothEnds(t *testing.T) {
	near, far := linked(t)
	ended := make(chan error, 2*rpc.Classes)
	for class := range rpc.Class(rpc.Classes) {
		for _, link := range []rpc.Link{near, far} {
			go func() {
				_, err := link.Receive(class)
				ended <- err
			}()
		}
	}
	near.Close()
	for range cap(ended) {
		if err := <-ended; err == nil {
			t.Error("received something from nowhere")
		}
	}
	if err := near.Send(rpc.ClassCall, [][]byte{frame(5, 0)}); err == nil {
		t.Error("sent on a closed link")
	}
}

func TestWrongLengthsBreakTheLink(t *testing.T) {
	for _, n := range []uint32{0, 4, rpc.FrameBytesMax + 1, 1<<32 - 1} {
		near, far := linked(t)
		if err := near.Send(rpc.ClassCall, [][]byte{binary.BigEndian.AppendUint32(nil, n)}); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Receive(rpc.ClassCall); err == nil {
			t.Errorf("a frame of %d bytes", n)
		}
	}
}

func TestTruncatedFrameIsAnError(t *testing.T) {
	near, far := linked(t)
	if err := near.Send(rpc.ClassCall, [][]byte{frame(100, 'x')[:50]}); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		_, err := far.Receive(rpc.ClassCall)
		got <- err
	}()
	near.Close()
	if err := <-got; err == nil {
		t.Error("half a frame was received")
	}
}

func TestAddressInUse(t *testing.T) {
	l := listen(t)
	if second, err := tcp.New().Listen(l.Addr()); err == nil {
		t.Error(second.Close())
	} else if !strings.Contains(err.Error(), l.Addr()) {
		t.Errorf("the error does not name the address: %v", err)
	}
}

func TestDialNobody(t *testing.T) {
	l := listen(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept on a closed listener: %v", err)
	}
	if _, err := dial(t, l.Addr()); err == nil {
		t.Error("connected to nobody")
	}
}

// echoServer serves "echo" over TCP, and ends with the test.
func echoServer(t *testing.T) (addr string, server *rpc.Server) {
	t.Helper()
	mux := rpc.NewMux()
	mux.HandleAsync("echo", func(req *rpc.Request) { req.Reply(req.Payload, nil) })
	server = rpc.NewServer(env.Real(), rpc.ServerConfig{Identity: rpc.Identity{NodeID: "n1"}}, mux)
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(server.Close(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return l.Addr(), server
}

func newPool(t *testing.T) *rpc.Pool {
	t.Helper()
	pool := rpc.NewPool(env.Real(), tcp.New(), rpc.PoolConfig{})
	t.Cleanup(pool.Close)
	return pool
}

func echo(t *testing.T, pool *rpc.Pool, addr string, class rpc.Class, payload []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer, err := pool.Call(ctx, addr, class, "echo", payload)
	if err != nil || !bytes.Equal(answer, payload) {
		t.Errorf("echo of %d bytes: %d bytes, error %v", len(payload), len(answer), err)
	}
}

func TestCallsOverTCP(t *testing.T) {
	addr, _ := echoServer(t)
	pool := newPool(t)
	done := make(chan struct{})
	for caller := range 16 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range 60 {
				echo(t, pool, addr, rpc.Class(i%rpc.Classes), bytes.Repeat([]byte{byte(caller)}, i*i*caller))
			}
		}()
	}
	for range 16 {
		<-done
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if info, err := pool.Peer(ctx, addr); err != nil || info.NodeID != "n1" {
		t.Errorf("peer is %+v, error %v", info, err)
	}
}

func TestReconnectAfterTheServerIsReplaced(t *testing.T) {
	pool := newPool(t)
	mux := rpc.NewMux()
	mux.HandleAsync("echo", func(req *rpc.Request) { req.Reply(req.Payload, nil) })
	addr := "127.0.0.1:0"
	for range 3 {
		server := rpc.NewServer(env.Real(), rpc.ServerConfig{}, mux)
		l, err := tcp.New().Listen(addr)
		if err != nil {
			t.Fatal(err)
		}
		addr = l.Addr()
		served := make(chan error, 1)
		go func() { served <- server.Serve(context.Background(), l) }()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if _, err := pool.Connect(ctx, addr); err != nil {
			t.Fatal(err)
		}
		echo(t, pool, addr, rpc.ClassCall, []byte("x"))
		if err := errors.Join(server.Close(ctx), <-served); err != nil {
			t.Error(err)
		}
		cancel()
	}
}

// strangers are what connects to a server's port and does not speak its protocol, at one layer or another.
var strangers = map[string]func(conn net.Conn) error{
	"nothing": func(net.Conn) error { return nil },
	"http": func(conn net.Conn) error {
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: kelpie\r\n\r\n")
		return err
	},
	"noise": func(conn net.Conn) error {
		_, err := io.CopyN(conn, rand.Reader, 64<<10)
		return ignoreBroken(err)
	},
	"huge frame of yamux": func(conn net.Conn) error {
		_, err := conn.Write([]byte{0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff})
		return err
	},
	"streams without a class": func(conn net.Conn) error { return yamuxStreams(conn, 100, nil) },
	"too many streams":        func(conn net.Conn) error { return yamuxStreams(conn, 100, []byte{0}) },
	"unknown class":           func(conn net.Conn) error { return yamuxStreams(conn, 1, []byte{9}) },
	"huge frame": func(conn net.Conn) error {
		return yamuxStreams(conn, 1, []byte{0, 0xff, 0xff, 0xff, 0xff})
	},
	"half a frame": func(conn net.Conn) error { return yamuxStreams(conn, 1, []byte{0, 0, 0, 1, 0, 1, 2, 3}) },
	"wrong checksum": func(conn net.Conn) error {
		return yamuxStreams(conn, 1, []byte{0, 0, 0, 0, 6, 1, 2, 3, 4, 5, 6})
	},
}

// yamuxStreams opens count streams and writes b to each.
func yamuxStreams(conn net.Conn, count int, b []byte) error {
	config := yamux.DefaultConfig()
	config.LogOutput = io.Discard
	session, err := yamux.Client(conn, config)
	if err != nil {
		return err
	}
	defer session.Close()
	for range count {
		s, err := session.OpenStream()
		if err != nil {
			return ignoreBroken(err)
		}
		if _, err := s.Write(b); err != nil {
			return ignoreBroken(err)
		}
	}
	return nil
}

// ignoreBroken passes over what a server does to a stranger.
func ignoreBroken(err error) error {
	if errors.Is(err, yamux.ErrSessionShutdown) || errors.Is(err, yamux.ErrStreamClosed) ||
		errors.Is(err, yamux.ErrConnectionReset) {
		return nil
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return nil
	}
	return err
}

func TestStrangers(t *testing.T) {
	addr, server := echoServer(t)
	pool := newPool(t)
	for what, speak := range strangers {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := speak(conn); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := ignoreBroken(conn.Close()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		echo(t, pool, addr, rpc.ClassCall, []byte(what))
	}
	if n := server.Stats().Connections; n < 1 {
		t.Errorf("%d connections, and the pool has one", n)
	}
}

// A server that is none is told from one that is not there.
func TestDialStranger(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		_ = conn.Close()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = newPool(t).Call(ctx, l.Addr().String(), rpc.ClassCall, "echo", nil)
	if api.CodeOf(err) != api.CodeUnavailable || !rpc.NotSent(err) {
		t.Errorf("call of a web server: %v", err)
	}
}

// cutter passes bytes on to a server until it has passed a number of them, and breaks
// the connection then.
func cutter(t *testing.T, addr string, limit int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer far.Close()
		back := make(chan struct{})
		go func() {
			defer close(back)
			_, _ = io.Copy(near, far)
		}()
		_, _ = io.CopyN(far, near, limit)
		_, _ = near.Close(), far.Close()
		<-back
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String()
}

// A connection is cut after every number of bytes: whatever the call meets, it ends, and does so
// with an answer or with an error that is true.
func TestConnectionCutAnywhere(t *testing.T) {
	addr, _ := echoServer(t)
	for limit := int64(0); limit < 300; limit += 5 {
		through := cutter(t, addr, limit)
		pool := newPool(t)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		_, err := pool.Call(ctx, through, rpc.ClassCall, "echo", bytes.Repeat([]byte("x"), 100))
		cancel()
		switch code := api.CodeOf(err); {
		case code == api.CodeUnavailable && rpc.NotSent(err), code == api.CodeUnknown && !rpc.NotSent(err):
		case err == nil && limit > 100: // before the cut
		default:
			t.Errorf("cut after %d bytes: %v", limit, err)
		}
	}
}
