// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/backup"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

// unpinned is a store that can't pin versions, as FoundationDB can't: its backups are of one moment for each actor
// alone.
type unpinned struct{ kv.Store }

// restore replaces the cluster by what a backup has of it, which is made with something happening after so many actors.
func (c *cluster) restore(after int, happens func()) {
	c.Helper()
	var file bytes.Buffer
	done := 0
	header, _, err := backup.Make(c.ctx, c.env, unpinned{c.store.Store}, &file,
		backup.Options{Progress: func(backup.Trailer) {
			if done++; done == after {
				happens()
			}
		}})
	if err != nil || header.Consistency != backup.PerActor || done < after {
		c.Fatalf("%+v after %d actors, %v", header, done, err)
	}
	for _, n := range []string{"n1", "n2"} {
		c.crash(n)
	}
	fresh, err := occ.Open(c.env, occ.NewMemory(), occ.Options{})
	if err != nil {
		c.Fatal(err)
	}
	r, err := backup.Open(&file)
	if err == nil {
		_, err = backup.Restore(c.ctx, c.env, fresh, r, false, backup.Options{})
	}
	if err != nil {
		c.Fatal(err)
	}
	c.store = &gate{Store: fresh}
	c.startAll(2)
}

// The backup has the sender before, and the receiver after messages that the cluster does not remember to have sent.
func TestNewSendsArriveAfterARestoreOfAReceiverThatIsAhead(t *testing.T) {
	for _, of := range []struct{ sender, what string }{{"a", "the sender is in the backup"},
		{"0", "the sender is not"}} {
		t.Run(of.what, func(t *testing.T) {
			simulateChores(t, 1, func(c *cluster) {
				c.startAll(2)
				c.do(chore("a"), "set", order{Name: "x", After: 100 * time.Hour, Text: "x"}, nil)
				c.do(chore("b"), "ring", "first", nil)
				for round := range 3 {
					c.restore(1, func() {
						c.do(chore(of.sender), "send", order{To: "b", Text: "old", Count: 3}, nil)
						c.sleep(8 * time.Second)
					})
					before := c.logOf("b").Log
					var want []string
					for i := range 3 {
						want = append(want, fmt.Sprintf("new %d.%d", round, i))
						c.do(chore(of.sender), "send", order{To: "b", Text: want[i]}, nil)
					}
					c.sleep(10 * time.Second)
					if log := c.logOf("b").Log; !slices.Equal(log, append(before, want...)) {
						c.Fatalf("round %d: %q after %q", round, log, before)
					}
				}
			})
		})
	}
}

// The first claim of an actor that is not in the backup has a token above all that it had before, also after a second
// restore of a backup in which nothing tells of the first.
func TestTokensOfActorsThatAreNotInTheBackupGoUp(t *testing.T) {
	simulateChores(t, 1, func(c *cluster) {
		c.startAll(2)
		c.do(chore("a"), "ring", "first", nil)
		var last uint64
		for round := range 3 {
			c.restore(1, func() {
				c.do(chore("b"), "ring", "lost", nil) // after all that the backup will have
				if got := c.owner("n1", chore("b")).Token; got <= last {
					c.Errorf("round %d: token %d after %d", round, got, last)
				} else {
					last = got
				}
			})
		}
	})
}

// What is in the outbox of the sender, and done by the receiver, does not run again.
func TestWhatWasDeliveredBeforeARestoreIsNotDeliveredAgain(t *testing.T) {
	simulateChores(t, 1, func(c *cluster) {
		c.startAll(2)
		c.do(chore("b"), "ring", "first", nil)
		c.do(chore("a"), "send", order{To: "b", Text: "m", Count: 3}, nil)
		c.restore(1, func() { c.sleep(8 * time.Second) })
		c.sleep(10 * time.Second)
		if log := c.logOf("b").Log; !slices.Equal(log, []string{"first", "m0", "m1", "m2"}) {
			c.Fatalf("%q", log)
		}
	})
}
