// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// dialRaw connects to the server without the call layer.
func (w *world) dialRaw() rpc.Link {
	w.t.Helper()
	link, err := w.network.Transport(w.env, "stranger").Dial(background, addr)
	if err != nil {
		w.t.Fatal(err)
	}
	return link
}

// dialGreeted is dialRaw with the hello done.
func (w *world) dialGreeted() rpc.Link {
	w.t.Helper()
	link := w.dialRaw()
	w.send(link, rpc.ClassControl, rpc.HelloFrame(rpc.ProtocolVersion, rpc.ProtocolVersion, ""))
	b, err := link.Receive(rpc.ClassControl)
	if err != nil || !rpc.IsWelcome(b) {
		w.t.Fatalf("no welcome, error %v", err)
	}
	link.Greeted()
	return link
}

func (w *world) send(link rpc.Link, class rpc.Class, frame []byte) {
	w.t.Helper()
	if err := link.Send(class, [][]byte{frame}); err != nil {
		w.t.Error(err)
	}
}

// wantBroken waits until the server has broken a link.
func wantBroken(t *testing.T, what string, link rpc.Link, class rpc.Class) {
	t.Helper()
	for {
		b, err := link.Receive(class)
		if err != nil {
			return
		}
		if id, _, _, err := rpc.ReadAnswer(b); err == nil {
			t.Errorf("%s: the server answered %d", what, id)
		}
	}
}

// awaitConnections waits until the server counts n connections, as it does soon after what made it so.
func (w *world) awaitConnections(n int) {
	w.t.Helper()
	ctx, cancel := env.WithTimeout(w.env, background, time.Minute)
	defer cancel()
	for w.server.Stats().Connections != n {
		if err := env.Sleep(w.env, ctx, time.Millisecond); err != nil {
			w.t.Fatalf("%d connections, want %d", w.server.Stats().Connections, n)
		}
	}
}

func flip(frame []byte, bit int) []byte {
	flipped := bytes.Clone(frame)
	flipped[bit/8] ^= 1 << (bit % 8)
	return flipped
}

// What a stranger sends costs it its connection, and nobody else anything.
func TestHostileCallers(t *testing.T) {
	good := rpc.RequestFrame(1, "echo", 0, []byte("payload"))
	frames := map[string][]byte{
		"flipped bit in the header":  flip(good, 8*9),
		"flipped bit in the payload": flip(good, 8*len(good)-1),
		"flipped bit in the sum":     flip(good, 8*4),
		"no header":                  rpc.HeaderFrame([]byte("x")),
		"malformed header":           rpc.HeaderFrame([]byte{0x94, 4, 1}),
		"unknown kind":               rpc.UnknownFrame(),
		"answer to a server":         rpc.ResponseFrame(1, nil),
		"error to a server":          rpc.ErrorFrame(1, &api.Error{Code: api.CodeMoved}),
		"second hello":               rpc.HelloFrame(1, 1, ""),
		"goaway to a server":         rpc.GoawayFrame(),
	}
	inWorld(t, options{}, nil, func(t *testing.T, w *world) {
		answer, err := w.call("echo", "before")
		wantAnswer(t, answer, err, "before")
		for what, frame := range frames {
			link := w.dialGreeted()
			w.send(link, rpc.ClassCall, frame)
			wantBroken(t, what, link, rpc.ClassCall)
			link.Close()
		}
		answer, err = w.call("echo", "after")
		wantAnswer(t, answer, err, "after")
		w.awaitConnections(1)
	})
}

func TestHostileHellos(t *testing.T) {
	frames := map[string][]byte{
		"request first":  rpc.RequestFrame(1, "echo", 0, nil),
		"ping first":     rpc.PingFrame(),
		"flipped bit":    flip(rpc.HelloFrame(1, 1, ""), 8*12),
		"other protocol": rpc.HeaderFrame([]byte{0x93, 1, 0, 0xa4, 'h', 't', 't', 'p'}),
		"no versions":    rpc.HeaderFrame(append([]byte{0x93, 1, 0, 0xaa}, "kelpie-rpc"...)),
		"other cluster":  rpc.HelloFrame(1, 1, "red"),
		"other versions": rpc.HelloFrame(7, 9, "blue"),
	}
	o := options{server: rpc.ServerConfig{Identity: rpc.Identity{ClusterID: named("blue")}}}
	inWorld(t, o, nil, func(t *testing.T, w *world) {
		for what, frame := range frames {
			want := api.CodeMismatch
			if what == "flipped bit" {
				want = api.CodeUnavailable // it may go well the next time
			}
			link := w.dialRaw()
			w.send(link, rpc.ClassControl, frame)
			b, err := link.Receive(rpc.ClassControl)
			if err != nil {
				t.Errorf("%s: no answer, error %v", what, err)
			} else if _, _, refusal, err := rpc.ReadAnswer(b); err != nil || refusal == nil || refusal.Code != want {
				t.Errorf("%s: answered with %v, error %v", what, refusal, err)
			}
			link.Close()
		}
		answer, err := w.call("echo", "x")
		wantAnswer(t, answer, err, "x")
	})
}

// Before its hello a stranger can make us take no more than a hello.
func TestHelloIsBounded(t *testing.T) {
	inWorld(t, options{}, nil, func(t *testing.T, w *world) {
		link := w.dialRaw()
		w.send(link, rpc.ClassControl, rpc.HeaderFrame(make([]byte, rpc.HelloBytesMax)))
		wantBroken(t, "hello of 20 kB and more", link, rpc.ClassControl)
		link.Close()
		w.awaitConnections(0)
	})
}

// A request that the budget has no room for is refused, and so is an answer; the connection lives on.
func TestBudget(t *testing.T) {
	const large = 400 << 10
	budget := rpc.NewBudget(1 << 20)
	o := options{server: rpc.ServerConfig{Budget: budget}}
	gated(t, o, func(t *testing.T, w *world, g *gate) {
		var held []*env.Future[string]
		for range 2 {
			ended, _ := w.start(0, "manual", strings.Repeat("x", large))
			held = append(held, ended)
		}
		first := pop(t, g.entered)
		_, err := held[1].Wait(background)
		wantCode(t, err, api.CodeOverloaded, false)
		answer, err := w.call("echo", "small")
		wantAnswer(t, answer, err, "small")
		first.Reply(nil, nil)
		if _, err := held[0].Wait(background); err != nil {
			t.Error(err)
		}
		for ran, code := range map[bool]api.Code{false: api.CodeOverloaded, true: api.CodeUnknown} {
			ended, _ := w.start(0, "manual", "")
			req := pop(t, g.entered)
			if ran {
				req.MayHaveRun()
			}
			req.Reply(make([]byte, 1<<20), nil)
			_, err := ended.Wait(background)
			wantCode(t, err, code, false)
		}
		answer, err = w.call("echo", strings.Repeat("x", large/2))
		wantAnswer(t, answer, err, strings.Repeat("x", large/2))
		account := budget.Account()
		if account.Force(1 << 20); !account.Take(0) || account.Take(1<<20) {
			t.Error("the budget does not end up whole")
		}
		account.Give(1 << 20)
	})
}

// However much others hold, a connection can make small calls.
func TestBudgetIsShared(t *testing.T) {
	const total = 64 << 20
	budget := rpc.NewBudget(total)
	var all int
	for range 100 {
		account := budget.Account()
		for account.Take(64 << 10) {
			all += 64 << 10
		}
	}
	if all > total+100*(32<<10) {
		t.Errorf("100 connections hold %d bytes of %d", all, total)
	}
	if last := budget.Account(); !last.Take(32 << 10) {
		t.Error("100 greedy connections leave nothing for another")
	}
}

func TestVersionMismatchNamesBoth(t *testing.T) {
	inWorld(t, options{}, nil, func(t *testing.T, w *world) {
		link := w.dialRaw()
		defer link.Close()
		w.send(link, rpc.ClassControl, rpc.HelloFrame(7, 9, ""))
		b, err := link.Receive(rpc.ClassControl)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, refusal, err := rpc.ReadAnswer(b); err != nil ||
			!strings.Contains(refusal.Message, "1 to 1, the caller 7 to 9") {
			t.Errorf("refused with %v, error %v", refusal, err)
		}
	})
}

func TestSilentStrangerIsSentAway(t *testing.T) {
	inVirtualTime(t, 4, options{}, nil, func(t *testing.T, w *world) {
		link := w.dialRaw()
		wantBroken(t, "silence", link, rpc.ClassControl)
		if at := w.env.Monotonic(); at > 10*time.Second {
			t.Errorf("sent away after %v", at)
		}
	})
}

// A connection that shakes hands while the server closes is told so at once.
func TestHelloWhileTheServerCloses(t *testing.T) {
	inVirtualTime(t, 4, options{}, nil, func(t *testing.T, w *world) {
		link := w.dialRaw()
		w.awaitConnections(1)
		ctx, cancel := env.WithTimeout(w.env, background, 100*time.Millisecond)
		defer cancel()
		closed := env.NewFuture[struct{}](w.env)
		w.env.Go("close", func() { closed.Complete(struct{}{}, w.server.Close(ctx)) })
		if err := env.Sleep(w.env, background, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		w.send(link, rpc.ClassControl, rpc.HelloFrame(rpc.ProtocolVersion, rpc.ProtocolVersion, ""))
		if b, err := link.Receive(rpc.ClassControl); err != nil || !rpc.IsWelcome(b) {
			t.Errorf("no welcome, error %v", err)
		}
		if b, err := link.Receive(rpc.ClassControl); err != nil || !bytes.Equal(b, rpc.GoawayFrame()[4:]) {
			t.Errorf("no goaway but % x, error %v", b, err)
		}
		link.Close()
		if _, err := closed.Wait(background); err != nil {
			t.Error(err)
		}
	})
}

func TestReusedIDBreaksTheConnection(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		link := w.dialGreeted()
		defer link.Close()
		w.send(link, rpc.ClassCall, rpc.RequestFrame(1, "gate", 0, nil))
		pop(t, g.entered)
		w.send(link, rpc.ClassCall, rpc.RequestFrame(1, "gate", 0, nil))
		wantBroken(t, "id in flight", link, rpc.ClassCall)
		pop(t, g.ended)
	})
}

func TestHugeTimeoutIsNoOverflow(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		link := w.dialGreeted()
		defer link.Close()
		w.send(link, rpc.ClassCall, rpc.RequestFrame(1, "gate", 1<<63, nil))
		if at, ok := pop(t, g.entered).Deadline(); !ok || at <= w.env.Monotonic() {
			t.Errorf("deadline %v, %v", at, ok)
		}
		g.open.Set()
		b, err := link.Receive(rpc.ClassCall)
		if err != nil {
			t.Fatal(err)
		}
		_, payload, _, err := rpc.ReadAnswer(b)
		wantAnswer(t, string(payload), err, "late")
	})
}

func TestCancellationOfNothing(t *testing.T) {
	inWorld(t, options{}, nil, func(t *testing.T, w *world) {
		link := w.dialGreeted()
		defer link.Close()
		w.send(link, rpc.ClassCall, slices.Concat(rpc.CancelFrame(1), rpc.RequestFrame(1, "echo", 0, []byte("x")),
			rpc.CancelFrame(1)))
		b, err := link.Receive(rpc.ClassCall)
		if err != nil {
			t.Fatal(err)
		}
		_, payload, _, err := rpc.ReadAnswer(b)
		wantAnswer(t, string(payload), err, "x")
	})
}

// A caller that sends pings and reads no answers must not fill the server's memory.
func TestPingFloodBreaksTheConnection(t *testing.T) {
	inVirtualTime(t, 1, options{}, nil, func(t *testing.T, w *world) {
		link := w.dialGreeted()
		flood := bytes.Repeat(rpc.PingFrame(), 1000)
		for range 1000 {
			if err := link.Send(rpc.ClassControl, [][]byte{flood}); err != nil {
				return
			}
		}
		t.Error("a million pings were taken")
	})
}

// hostileServer serves links by f, which speaks the protocol by hand.
func hostileServer(t *testing.T, f func(t *testing.T, w *world, link rpc.Link)) (run func(t *testing.T, w *world)) {
	return func(t *testing.T, w *world) {
		l, err := w.network.Transport(w.env, "hostile").Listen("hostile:1")
		if err != nil {
			t.Fatal(err)
		}
		served := env.Start(w.env, background, "hostile server", func(context.Context) {
			link, err := l.Accept()
			if err != nil {
				return
			}
			defer link.Close()
			link.Greeted()
			f(t, w, link)
		})
		_, err = w.pool.Call(background, "hostile:1", rpc.ClassCall, "echo", nil)
		if code := api.CodeOf(err); code != api.CodeUnknown && !rpc.NotSent(err) {
			t.Errorf("call of a hostile server: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := served.Wait(background); err != nil {
			t.Error(err)
		}
	}
}

func TestHostileServers(t *testing.T) {
	answers := map[string][]byte{
		"flipped bit":             flip(rpc.ResponseFrame(1, []byte("x")), 8*10),
		"answer nobody asked for": rpc.ResponseFrame(1000, nil),
		"request to a caller":     rpc.RequestFrame(1, "echo", 0, nil),
		"error without a code":    rpc.HeaderFrame([]byte{0x96, 6, 1, 0, 0xa0, 0xa0, 0x80}),
		"malformed answer":        rpc.HeaderFrame([]byte{0x93, 5, 1}),
		"unknown kind":            rpc.UnknownFrame(),
	}
	for what, answer := range answers {
		t.Run(what, func(t *testing.T) {
			inWorld(t, options{}, nil, hostileServer(t, func(t *testing.T, w *world, link rpc.Link) {
				if _, err := link.Receive(rpc.ClassControl); err != nil {
					t.Error(err)
				}
				w.send(link, rpc.ClassControl, rpc.WelcomeFrame())
				if _, err := link.Receive(rpc.ClassCall); err != nil {
					t.Error(err)
				}
				w.send(link, rpc.ClassCall, answer)
				wantBroken(t, what, link, rpc.ClassCall)
			}))
		})
	}
	welcomes := map[string][]byte{
		"flipped bit":    flip(rpc.WelcomeFrame(), 8*10),
		"no welcome":     rpc.PingFrame(),
		"answer":         rpc.ResponseFrame(1, nil),
		"wrong version":  rpc.HeaderFrame([]byte{0x96, 2, 0, 99, 0xa0, 0xa0, 0xa0}),
		"empty refusal":  rpc.HeaderFrame([]byte{0x92, 3, 0}),
		"short welcome":  rpc.HeaderFrame([]byte{0x93, 2, 0, 1}),
		"refusal of all": rpc.HeaderFrame([]byte{0x96, 3, 0, 17, 0xa0, 0xa1, '!', 0x80}),
	}
	for what, welcome := range welcomes {
		t.Run("welcome with "+what, func(t *testing.T) {
			inWorld(t, options{}, nil, hostileServer(t, func(t *testing.T, w *world, link rpc.Link) {
				if _, err := link.Receive(rpc.ClassControl); err != nil {
					t.Error(err)
				}
				w.send(link, rpc.ClassControl, welcome)
				wantBroken(t, what, link, rpc.ClassControl)
			}))
		})
	}
}

// FuzzConnection feeds a server whatever frames somebody sends after a proper hello.
// Other callers must not notice.
func FuzzConnection(f *testing.F) {
	for _, frames := range [][][]byte{
		{rpc.RequestFrame(1, "echo", 1, []byte("x")), rpc.CancelFrame(1)},
		{rpc.PingFrame(), rpc.RequestFrame(1, "task", 0, nil), rpc.RequestFrame(1, "task", 0, nil)},
		{rpc.UnknownFrame()}, {rpc.GoawayFrame()}, {rpc.ResponseFrame(1, nil)},
	} {
		var sent []byte
		for _, frame := range frames {
			header := frame[8:] // after length and checksum
			sent = append(append(sent, byte(len(header))), header...)
		}
		f.Add(sent)
	}
	e := env.Real()
	f.Fuzz(func(t *testing.T, sent []byte) {
		w := newWorld(t, e, options{}, func(m *rpc.Mux) {
			m.Handle("task", func(_ context.Context, req *rpc.Request) ([]byte, error) { return req.Payload, nil })
		})
		defer w.close()
		link := w.dialGreeted()
		for len(sent) > 0 {
			// The fuzzer would not guess checksums: cut as it says, and sum up.
			n := min(int(sent[0]), len(sent)-1)
			header := sent[1 : 1+n]
			sent = sent[1+n:]
			if n == 0 || link.Send(rpc.ClassCall, [][]byte{rpc.HeaderFrame(header)}) != nil {
				break
			}
		}
		answer, err := w.call("echo", "x")
		wantAnswer(t, answer, err, "x")
		link.Close()
	})
}
