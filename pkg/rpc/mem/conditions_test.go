// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem_test

import (
	"bytes"
	"errors"
	"math/bits"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

// scripted are conditions that do what their functions say; a nil one is that of a fine network.
type scripted struct {
	delay func(from, to string) time.Duration
	frame func(from, to string) mem.Fate
	dial  func(from, to string) error
}

func (s scripted) Delay(from, to string) time.Duration {
	if s.delay == nil {
		return 0
	}
	return s.delay(from, to)
}

func (s scripted) Frame(from, to string) mem.Fate {
	if s.frame == nil {
		return mem.Deliver
	}
	return s.frame(from, to)
}

func (s scripted) Dial(from, to string) error {
	if s.dial == nil {
		return nil
	}
	return s.dial(from, to)
}

// once returns fates of which all but the first are to deliver.
func once(fate mem.Fate) func(from, to string) mem.Fate {
	return func(string, string) mem.Fate {
		next := fate
		fate = mem.Deliver
		return next
	}
}

// inTurn returns delays, one after the other, and again.
func inTurn(delays ...time.Duration) func(from, to string) time.Duration {
	i := 0
	return func(string, string) time.Duration {
		i++
		return delays[(i-1)%len(delays)]
	}
}

func TestDelayOfEachFrame(t *testing.T) {
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		n, near, far := linked(t, e)
		n.SetLatency(time.Hour) // the conditions take its place
		n.SetConditions(scripted{delay: inTurn(3*time.Second, time.Second, -time.Second, 5*time.Second)})
		began := e.Monotonic()
		send(t, near, rpc.ClassCall, frame(0, 8), frame(1, 8))
		send(t, near, rpc.ClassCall, frame(2, 8), frame(3, 8))
		for i, want := range []time.Duration{3, 3, 3, 5} {
			wantFrame(t, far, rpc.ClassCall, frame(i, 8))
			if took := e.Monotonic() - began; took != want*time.Second {
				t.Errorf("frame %d came after %v, want %d s", i, took, want)
			}
		}
		n.SetConditions(nil)
		send(t, near, rpc.ClassCall, frame(4, 8))
		wantFrame(t, far, rpc.ClassCall, frame(4, 8))
		if took := e.Monotonic() - began; took != time.Hour+5*time.Second {
			t.Errorf("without conditions, frame came after %v", took)
		}
	})
}

// TestDelayNamesHosts checks who is said to send to whom, for frames, closing, and dials.
func TestDelayNamesHosts(t *testing.T) {
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		n, near, far := linked(t, e)
		var asked []string
		n.SetConditions(scripted{
			delay: func(from, to string) time.Duration { asked = append(asked, "delay "+from+to); return 0 },
			frame: func(from, to string) mem.Fate { asked = append(asked, "frame "+from+to); return mem.Deliver },
			dial:  func(from, to string) error { asked = append(asked, "dial "+from+to); return nil },
		})
		send(t, near, rpc.ClassCall, frame(0, 8))
		send(t, far, rpc.ClassCall, frame(0, 8))
		far.Close()
		if _, err := n.Transport(e, "a").Dial(background, "b:1"); err != nil {
			t.Error(err)
		}
		if _, err := n.Transport(e, "a").Dial(background, "c:1"); err == nil {
			t.Error("connected to nobody")
		}
		want := []string{"frame ab", "delay ab", "frame ba", "delay ba", "delay ba", "delay ab", "dial ab", "delay ac",
			"dial ac"}
		if got := asked; len(got) != len(want) {
			t.Fatalf("asked for %q, want %q", got, want)
		}
		for i := range want {
			if asked[i] != want[i] {
				t.Errorf("asked for %q as number %d, want %q", asked[i], i, want[i])
			}
		}
	})
}

// TestCloseComesAfterWhatWasSent has the news of a close travel faster than the frames before it.
func TestCloseComesAfterWhatWasSent(t *testing.T) {
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		n, near, far := linked(t, e)
		began := e.Monotonic()
		n.SetConditions(scripted{delay: inTurn(3*time.Second, 5*time.Second, time.Second)})
		send(t, near, rpc.ClassCall, frame(1, 8))
		send(t, near, rpc.ClassBulk, frame(2, 8))
		near.Close()
		wantFrame(t, far, rpc.ClassCall, frame(1, 8))
		if took := e.Monotonic() - began; took != 3*time.Second {
			t.Errorf("a frame before the close came after %v", took)
		}
		if err := far.Send(rpc.ClassCall, [][]byte{frame(3, 8)}); err != nil {
			t.Errorf("the close came before a frame that was sent before it: %v", err)
		}
		wantFrame(t, far, rpc.ClassBulk, frame(2, 8))
		if _, err := far.Receive(rpc.ClassCall); err == nil {
			t.Error("the close never came")
		}
	})
}

func TestCorruptFlipsOneBitOfACopy(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, near, far := linked(t, e)
		n.SetConditions(scripted{frame: func(string, string) mem.Fate { return mem.Corrupt }})
		places := make(map[int]bool)
		sent := frame(7, 100)
		for range 20 {
			send(t, near, rpc.ClassCall, sent)
			if !bytes.Equal(sent, frame(7, 100)) {
				t.Fatal("what the sender owns was changed")
			}
			got, err := far.Receive(rpc.ClassCall)
			if err != nil {
				t.Fatal(err)
			}
			flipped := 0
			for i, b := range got {
				flipped += bits.OnesCount8(b ^ sent[4+i])
				if b != sent[4+i] {
					places[i] = true
				}
			}
			if flipped != 1 {
				t.Errorf("%d bits were flipped", flipped)
			}
		}
		if len(places) < 15 {
			t.Errorf("of 20 frames only %d places were hit", len(places))
		}
	})
}

// TestCorruptBreaksAConnection has the call layer notice.
func TestCorruptBreaksAConnection(t *testing.T) {
	envtest.Simulated(t, 8, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		n := mem.NewNetwork(e)
		mux := rpc.NewMux()
		mux.HandleAsync("echo", func(req *rpc.Request) { req.Reply(req.Payload, nil) })
		server := rpc.NewServer(e, rpc.ServerConfig{}, mux)
		l := listen(t, n.Transport(e, "b"), "b:1")
		e.Go("serve", func() { _ = server.Serve(background, l) })
		pool := rpc.NewPool(e, n.Transport(e, "a"), rpc.PoolConfig{})
		call := func() error {
			ctx, cancel := env.WithTimeout(e, background, time.Minute)
			defer cancel()
			_, err := pool.Call(ctx, "b:1", rpc.ClassCall, "echo", []byte("hello"))
			return err
		}
		if err := call(); err != nil {
			t.Fatal(err)
		}
		began := e.Monotonic()
		n.SetConditions(scripted{frame: once(mem.Corrupt)})
		if err := call(); err == nil {
			t.Error("a corrupted call was answered")
		}
		if took := e.Monotonic() - began; took > time.Second {
			t.Errorf("the connection broke only after %v", took)
		}
		if err := call(); err != nil {
			t.Errorf("after the network is fine again: %v", err)
		}
	})
}

func TestBreakResetsBothEnds(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, near, far := linked(t, e)
		fates := []mem.Fate{mem.Deliver, mem.Break, mem.Deliver}
		n.SetConditions(scripted{frame: func(string, string) mem.Fate {
			fate := fates[0]
			fates = fates[1:]
			return fate
		}})
		send(t, near, rpc.ClassCall, frame(1, 8))
		wantFrame(t, far, rpc.ClassCall, frame(1, 8))
		send(t, near, rpc.ClassCall, frame(2, 8), frame(3, 8))
		wantError(t, far, rpc.ClassCall)
		wantError(t, near, rpc.ClassControl)
	})
}

func TestRefusedDial(t *testing.T) {
	errFiles := errors.New("too many open files")
	envtest.Both(t, func(t *testing.T, e env.Env) {
		n, _, _ := linked(t, e)
		n.SetConditions(scripted{dial: func(from, to string) error {
			if from == "a" && to == "b" {
				return errFiles
			}
			return nil
		}})
		if _, err := n.Transport(e, "a").Dial(background, "b:1"); !errors.Is(err, errFiles) {
			t.Errorf("got %v", err)
		}
		if _, err := n.Transport(e, "c").Dial(background, "b:1"); err != nil {
			t.Errorf("from another host: %v", err)
		}
	})
}
