// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

// receiving starts to receive and returns what will come.
func receiving(e env.Env, link rpc.Link, class rpc.Class) *env.Future[[]byte] {
	received := env.NewFuture[[]byte](e)
	e.Go("receive", func() { received.Complete(link.Receive(class)) })
	return received
}

func sleep(t *testing.T, e env.Env, d time.Duration) {
	t.Helper()
	if err := env.Sleep(e, background, d); err != nil {
		t.Fatal(err)
	}
}

func TestBlockIsOneWay(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, near, far := linked(t, e)
		n.Block("a", "b")
		n.Block("a", "b")
		send(t, near, rpc.ClassCall, frame(1, 8))
		send(t, far, rpc.ClassCall, frame(2, 8))
		received := receiving(e, far, rpc.ClassCall)
		wantFrame(t, near, rpc.ClassCall, frame(2, 8))
		sleep(t, e, 5*time.Millisecond)
		n.Unblock("b", "a") // not this way
		if received.Done() {
			t.Fatal("a frame crossed a block")
		}
		n.Unblock("a", "b")
		if got, err := received.Wait(background); err != nil || string(got) != string(frame(1, 8)[4:]) {
			t.Errorf("got % x, error %v", got, err)
		}
	})
}

func TestDialNeedsBothDirections(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, _, _ := linked(t, e)
		a := n.Transport(e, "a")
		for _, blocked := range [][2]string{{"a", "b"}, {"b", "a"}} {
			n.Block(blocked[0], blocked[1])
			for _, addr := range []string{"b:1", "b:2"} { // who listens can't be told either
				ctx, cancel := env.WithTimeout(e, background, 5*time.Millisecond)
				if _, err := a.Dial(ctx, addr); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("dial %s while %v: %v", addr, blocked, err)
				}
				cancel()
			}
			n.Unblock(blocked[0], blocked[1])
			if _, err := a.Dial(background, "b:1"); err != nil {
				t.Errorf("after %v: %v", blocked, err)
			}
		}
	})
}

// TestPartitionIsTwoBlocks takes one of them away.
func TestPartitionIsTwoBlocks(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, near, far := linked(t, e)
		n.Partition("a", "b")
		n.Unblock("b", "a")
		send(t, near, rpc.ClassCall, frame(1, 8))
		received := receiving(e, far, rpc.ClassCall)
		send(t, far, rpc.ClassCall, frame(2, 8))
		wantFrame(t, near, rpc.ClassCall, frame(2, 8))
		sleep(t, e, 5*time.Millisecond)
		if received.Done() {
			t.Error("a frame crossed what is left of a partition")
		}
		n.Heal("a", "b")
		if _, err := received.Wait(background); err != nil {
			t.Error(err)
		}
	})
}

// TestUnblockDoesNotHurry ends a block while a frame and a close are still on their way.
func TestUnblockDoesNotHurry(t *testing.T) {
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		n, near, far := linked(t, e)
		n.SetLatency(time.Second)
		began := e.Monotonic()
		n.Block("a", "b")
		n.Block("c", "d")
		send(t, near, rpc.ClassCall, frame(1, 8))
		near.Close()
		n.Unblock("a", "b")
		n.Heal("c", "d") // nothing to this link
		if err := far.Send(rpc.ClassCall, [][]byte{frame(0, 8)}); err != nil {
			t.Errorf("the close came at once: %v", err)
		}
		wantFrame(t, far, rpc.ClassCall, frame(1, 8))
		if took := e.Monotonic() - began; took != time.Second {
			t.Errorf("a frame came after %v", took)
		}
		if _, err := far.Receive(rpc.ClassCall); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v", err)
		}
	})
}

// TestCrashStaysBehindABlock: a host does not learn that another is gone while nothing of it comes through.
func TestCrashStaysBehindABlock(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, near, far := linked(t, e)
		n.Block("b", "a")
		n.Cut("b")
		wantError(t, far, rpc.ClassCall)
		received := receiving(e, near, rpc.ClassCall)
		sleep(t, e, 5*time.Millisecond)
		send(t, near, rpc.ClassCall, frame(1, 8))
		if received.Done() {
			t.Error("the crash crossed a block")
		}
		n.Unblock("b", "a")
		if _, err := received.Wait(background); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("after the block: %v", err)
		}
		wantError(t, near, rpc.ClassCall)
	})
}

func TestBrokenFrameStaysBehindABlock(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, near, far := linked(t, e)
		n.Block("a", "b")
		n.SetConditions(scripted{frame: once(mem.Break)})
		send(t, near, rpc.ClassCall, frame(1, 8), frame(2, 8))
		sleep(t, e, 5*time.Millisecond)
		send(t, far, rpc.ClassCall, frame(3, 8))
		wantFrame(t, near, rpc.ClassCall, frame(3, 8))
		n.Unblock("a", "b")
		wantError(t, near, rpc.ClassCall)
		wantError(t, far, rpc.ClassCall)
	})
}

// TestNothingIsReadOnceClosed closes an end that has frames to read and whose peer has closed before.
func TestNothingIsReadOnceClosed(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		_, near, far := linked(t, e)
		send(t, near, rpc.ClassCall, frame(1, 8), frame(2, 8))
		near.Close()
		wantFrame(t, far, rpc.ClassCall, frame(1, 8))
		far.Close()
		wantError(t, far, rpc.ClassCall)
	})
}
