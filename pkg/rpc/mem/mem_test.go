// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(envtest.IdleWorker)) }

var background = context.Background()

// linked returns a network with a link from host "a" to host "b".
func linked(t *testing.T, e env.Env) (n *mem.Network, near, far rpc.Link) {
	t.Helper()
	n = mem.NewNetwork(e)
	l := listen(t, n.Transport(e, "b"), "b:1")
	near, err := n.Transport(e, "a").Dial(background, "b:1")
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	near.Greeted()
	far.Greeted()
	if near.RemoteAddr() != "b:1" || far.RemoteAddr() != "a" {
		t.Errorf("ends are called %s and %s", near.RemoteAddr(), far.RemoteAddr())
	}
	return n, near, far
}

func listen(t *testing.T, transport rpc.Transport, addr string) rpc.Listener {
	t.Helper()
	l, err := transport.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// frame returns a frame with its length, numbered, of size bytes.
func frame(number, size int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(size))
	b = binary.BigEndian.AppendUint32(b, uint32(number))
	return append(b, make([]byte, size-4)...)
}

func send(t *testing.T, link rpc.Link, class rpc.Class, frames ...[]byte) {
	t.Helper()
	if err := link.Send(class, frames); err != nil {
		t.Error(err)
	}
}

func wantFrame(t *testing.T, link rpc.Link, class rpc.Class, want []byte) {
	t.Helper()
	if got, err := link.Receive(class); err != nil || !bytes.Equal(got, want[4:]) {
		t.Errorf("got % x, error %v; want % x", got[:min(len(got), 8)], err, want[4:12])
	}
}

func wantError(t *testing.T, link rpc.Link, class rpc.Class) {
	t.Helper()
	if got, err := link.Receive(class); err == nil {
		t.Errorf("got %d bytes, want an error", len(got))
	}
	if err := link.Send(class, [][]byte{frame(0, 8)}); err == nil {
		t.Error("sent on a broken link")
	}
}

func TestFramesArriveInOrder(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		_, near, far := linked(t, e)
		g := env.NewGroup(e, background)
		for class := range rpc.Class(rpc.Classes) {
			g.Go("sender", func(context.Context) {
				for i := range 30 {
					send(t, near, class, frame(2*i, 8), frame(2*i+1, 80<<10)) // more than the window in all
				}
			})
			g.Go("receiver", func(context.Context) {
				for i := range 30 {
					wantFrame(t, far, class, frame(2*i, 8))
					wantFrame(t, far, class, frame(2*i+1, 80<<10))
				}
			})
		}
		if err := g.Wait(background); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatWasSentBeforeCloseArrives(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		_, near, far := linked(t, e)
		send(t, near, rpc.ClassCall, frame(1, 8), frame(2, 8))
		near.Close()
		wantError(t, near, rpc.ClassCall)
		wantFrame(t, far, rpc.ClassCall, frame(1, 8))
		wantFrame(t, far, rpc.ClassCall, frame(2, 8))
		if _, err := far.Receive(rpc.ClassCall); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v", err)
		}
		wantError(t, far, rpc.ClassControl)
		far.Close()
		near.Close()
	})
}

func TestNotAFrame(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		_, near, _ := linked(t, e)
		if err := near.Send(rpc.ClassCall, [][]byte{frame(1, 100)[:50]}); err == nil {
			t.Error("half a frame was sent")
		}
	})
}

func TestCutIsACrash(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, near, far := linked(t, e)
		before := n.Transport(e, "b")
		received := env.NewFuture[[]byte](e)
		e.Go("receive", func() { received.Complete(near.Receive(rpc.ClassBulk)) })
		n.Cut("b")
		n.Cut("unknown") // does nothing
		if _, err := received.Wait(background); err == nil {
			t.Error("received something from a host that is down")
		}
		wantError(t, near, rpc.ClassCall)
		wantError(t, far, rpc.ClassCall)
		a := n.Transport(e, "a")
		if _, err := a.Dial(background, "b:1"); err == nil {
			t.Error("connected to a host that is down")
		}
		after := n.Transport(e, "b")
		l := listen(t, after, "b:1")
		if _, err := before.Dial(background, "b:1"); err == nil {
			t.Error("a former life of a host can dial")
		}
		if _, err := before.Listen("b:2"); err == nil {
			t.Error("a former life of a host can listen")
		}
		if _, err := a.Dial(background, "b:1"); err != nil {
			t.Errorf("host is back: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestListeners(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n := mem.NewNetwork(e)
		b := n.Transport(e, "b")
		first, second := listen(t, b, "b:0"), listen(t, b, "b:0")
		if first.Addr() == second.Addr() {
			t.Errorf("both listen at %s", first.Addr())
		}
		if _, err := b.Listen(first.Addr()); err == nil {
			t.Error("two listen at one address")
		}
		accepted := env.NewFuture[rpc.Link](e)
		e.Go("accept", func() { accepted.Complete(first.Accept()) })
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		if _, err := accepted.Wait(background); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept on a closed listener: %v", err)
		}
		// A link that nobody has accepted breaks with the listener.
		link, err := n.Transport(e, "a").Dial(background, second.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(second.Close(), second.Close()); err != nil {
			t.Error(err)
		}
		wantError(t, link, rpc.ClassCall)
	})
}

func TestPartitionStallsUntilHealed(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, near, far := linked(t, e)
		n.Partition("b", "a")
		send(t, near, rpc.ClassCall, frame(1, 8))
		far.Close()
		received := env.NewFuture[[]byte](e)
		e.Go("receive", func() { received.Complete(near.Receive(rpc.ClassCall)) })
		ctx, cancel := env.WithTimeout(e, background, 10*time.Millisecond)
		defer cancel()
		if _, err := n.Transport(e, "a").Dial(ctx, "b:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial across a partition: %v", err)
		}
		if received.Done() {
			t.Error("the close of a link crossed a partition")
		}
		dialled := env.NewFuture[rpc.Link](e)
		e.Go("dial", func() { dialled.Complete(n.Transport(e, "a").Dial(background, "b:1")) })
		n.Heal("a", "b")
		if _, err := received.Wait(background); !errors.Is(err, io.EOF) {
			t.Errorf("after healing: %v", err)
		}
		if _, err := dialled.Wait(background); err != nil {
			t.Errorf("dial after healing: %v", err)
		}
	})
}

func TestFramesCrossOnceHealed(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, near, far := linked(t, e)
		send(t, near, rpc.ClassCall, frame(0, 8))
		n.Partition("a", "b")
		for i := 1; i < 20; i++ {
			send(t, near, rpc.ClassCall, frame(i, 8))
		}
		if err := env.Sleep(e, background, 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		n.Heal("a", "b")
		for i := 20; i < 40; i++ {
			send(t, near, rpc.ClassCall, frame(i, 8))
		}
		for i := range 40 {
			wantFrame(t, far, rpc.ClassCall, frame(i, 8))
		}
	})
}

func TestLatency(t *testing.T) {
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		n, near, far := linked(t, e)
		n.SetLatency(time.Second)
		before := e.Monotonic()
		send(t, near, rpc.ClassCall, frame(1, 8))
		wantFrame(t, far, rpc.ClassCall, frame(1, 8))
		if took := e.Monotonic() - before; took != time.Second {
			t.Errorf("a frame took %v", took)
		}
		if _, err := n.Transport(e, "a").Dial(background, "b:1"); err != nil {
			t.Error(err)
		}
		if took := e.Monotonic() - before; took != 2*time.Second {
			t.Errorf("connected after %v", took)
		}
	})
}
