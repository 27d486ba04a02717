// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package chaos

import (
	"context"
	"flag"
	"sync"
	"testing"
	"time"
)

var (
	seedFlag = flag.Uint64("chaos.seed", 0, "what the nemesis and the callers draw from; 0 for the clock")
	timeFlag = flag.Duration("chaos.time", 20*time.Second, "how long the nemesis is at work")
)

const (
	// progressInterval is how often the test reports its progress.
	progressInterval = 5 * time.Second
	// judgeTime bounds the search for orders of all actors' calls, of which each has judgePatience.
	judgeTime = 2 * time.Minute
	// wrongsShown is how many actors' histories are shown.
	wrongsShown = 3
)

// TestChaos shows that no call fails, and every reply is right, whatever befalls the processes, as long as one node
// is left.
func TestChaos(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	c := newCluster(t)
	clock := newClock()
	l, n := newLoad(t, clock, c.addresses()), newNemesis(t, clock)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again: go test ./test/chaos -chaos.seed %d -chaos.time %v -chaos.store %q; what was done:\n%s",
				seed, *timeFlag, *storeFlag, n.journal)
		}
	})
	torment(t, c, l, n, seed)
	l.readAll()
	t.Logf("%v: everything is healed and read: %v", seconds(l.now()), l)
	judge(t, l)
}

// torment lets the nemesis and the callers loose, and returns when everything is healed and every call has ended.
func torment(t *testing.T, c *cluster, l *load, n *nemesis, seed uint64) {
	harming, healed := context.WithTimeout(context.Background(), *timeFlag)
	defer healed()
	calling, enough := context.WithCancel(context.Background())
	defer enough()
	var others sync.WaitGroup
	others.Go(func() { l.run(calling, seed) })
	others.Go(func() { progress(t, calling, l, n) })
	n.run(harming, c, seed)
	enough()
	others.Wait()
}

// progress says from time to time how far the test is.
func progress(t *testing.T, ctx context.Context, l *load, n *nemesis) {
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			t.Logf("%v: %v; %v", seconds(l.now()), l, n)
		}
	}
}

// judge holds every actor's history against what the actor should do.
func judge(t *testing.T, l *load) {
	began, wrong, undecided := l.now(), 0, 0
	for _, h := range l.histories {
		open, err := judgeHistory(h, judgeTime-(l.now()-began))
		if open {
			undecided++
		}
		if err == nil {
			continue
		}
		if wrong++; wrong <= wrongsShown {
			t.Error(err)
		}
	}
	if wrong > wrongsShown {
		t.Errorf("and %d more actors whose replies can't be explained", wrong-wrongsShown)
	}
	t.Logf("%v: %d actors judged, %d wrong, %d undecided", seconds(l.now()), len(l.histories), wrong, undecided)
}
