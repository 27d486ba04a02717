// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"context"
	"flag"
	"runtime"
	"testing"
	"time"
)

var (
	actorsFlag = flag.Int("scale.actors", 20_000, "how many actors the node gets, half of them read and half of "+
		"them written; at least 2,000")
	profileFlag = flag.String("scale.profile", "", "file for a profile of the heap with all actors idle; "+
		"-memprofilerate 512 makes it precise")
)

const (
	// actorsMin is the least number of which the bytes of one can be told from those of the rest of the process.
	actorsMin = 2000
	// warmUp is how many actors come before the first measurement, so that connections, pools and buffers have their
	// size.
	warmUp = 1000
	// idleBytesMax is the most that an idle actor may take, its few bytes of state included.
	idleBytesMax = 1024
	// idleBeats is over how many heartbeats traffic is counted.
	idleBeats = 20
	// patience is for tests that hang.
	patience = time.Hour
)

// TestIdleActors shows that an idle actor takes little memory, and no traffic with the store.
func TestIdleActors(t *testing.T) {
	if *actorsFlag < actorsMin {
		t.Fatalf("-scale.actors %d: must be at least %d", *actorsFlag, actorsMin)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	h := startNode(ctx, t)
	without := idle(ctx, t, h)
	h.activate(ctx, t, "get", "first", warmUp)
	tasks := runtime.NumGoroutine()
	half := *actorsFlag / 2
	all := measure(ctx, t, h, "get", half) + measure(ctx, t, h, "add", half)
	if each := all / int64(2*half); each >= idleBytesMax {
		t.Errorf("an idle actor takes %d bytes: must be less than %d", each, idleBytesMax)
	} else {
		t.Logf("%d bytes an idle actor, of at most %d", each, idleBytesMax)
	}
	with := idle(ctx, t, h)
	t.Logf("%d actors idle: %v; with none: %v", h.node.Load().Activations, with, without)
	if with != without {
		t.Errorf("with %d idle actors the node's traffic is %v; without it was %v", *actorsFlag, with, without)
	}
	if now := runtime.NumGoroutine(); now > tasks+callers {
		t.Errorf("%d goroutines run with all actors idle, %d did with %d actors", now, tasks, warmUp)
	}
	if *profileFlag != "" {
		heapBytes()
		writeProfile(t, *profileFlag)
	}
}

// measure activates actors by a call each, and returns how many bytes they take.
func measure(ctx context.Context, t *testing.T, h *host, method string, n int) int64 {
	t.Helper()
	before, active, began := heapBytes(), h.node.Load().Activations, time.Now()
	h.activate(ctx, t, method, method, n)
	took := time.Since(began)
	if now := h.node.Load().Activations; now != active+n {
		t.Fatalf("%d actors are active after %d more were called, with %d before", now, n, active)
	}
	grown := heapBytes() - before
	t.Logf("%s: %d actors in %.1fs, %.0f a second; %d bytes each", method, n, took.Seconds(),
		float64(n)/took.Seconds(), grown/int64(n))
	return grown
}

// idle counts the traffic over some heartbeats, and checks that nothing else is committed.
func idle(ctx context.Context, t *testing.T, h *host) traffic {
	t.Helper()
	out, err := h.store.overBeats(ctx, idleBeats)
	check(t, err)
	if out.commits != out.beats || out.writes != out.beats || out.ofActor != 0 {
		t.Errorf("an idle node's traffic over %d heartbeats is %v: must be heartbeats alone", idleBeats, out)
	}
	return out
}
