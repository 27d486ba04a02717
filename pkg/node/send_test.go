// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

func TestASendIsDeliveredWithItsCommit(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.startAll(3)
		c.do(chore("a"), "send", order{To: "b", Text: "hello"}, nil)
		wantCode(c, c.call("n1", time.Minute, chore("a"), "send", order{To: "b", Text: "not this", Fail: true}, nil),
			api.CodeApplication)
		wantCode(c, c.call("n1", time.Minute, chore("a"), "send_in_read", struct{}{}, nil), api.CodeFailedPrecondition)
		c.do(chore("a"), "send", order{To: "a", Text: "to myself"}, nil)
		c.sleep(time.Second)
		if s := c.logOf("b"); !slices.Equal(s.Log, []string{"hello"}) {
			c.Fatalf("%+v", s)
		}
		if s := c.logOf("a"); !slices.Equal(s.Log, []string{"to myself"}) {
			c.Fatalf("%+v", s)
		}
		c.sleep(20 * time.Second)
		if due := c.dueEntries(); len(due) != 0 {
			c.Fatalf("left: %+v", due)
		}
	})
}

func TestSendsAreInOrderAndOnceWhateverFails(t *testing.T) {
	simulateChores(t, 12, func(c *cluster) {
		c.startAll(3)
		random := c.env.Rand("faults")
		c.store.commit = func(_ string, commit func() error) error {
			switch random.IntN(8) {
			case 0:
				return kv.ErrCommitUnknown
			case 1:
				if err := commit(); err != nil {
					return err
				}
				return kv.ErrCommitUnknown
			}
			return commit()
		}
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		senders := env.NewGroup(c.env, c.ctx)
		for _, from := range []string{"s1", "s2", "s3", "s4"} {
			senders.Go(from, func(context.Context) {
				for i := range 8 { // again under its key until it is answered
					for c.callBy(pool, c.any(), 10*time.Second, chore(from), "send", fmt.Sprint(from, i),
						order{To: "sink", Text: from + " ", Count: 3}, nil) != nil {
						c.sleep(time.Second)
					}
				}
			})
		}
		c.sleep(time.Duration(random.Int64N(int64(2 * time.Second))))
		owner := c.owner("n1", chore("sink")).Node
		if owner != "" && owner != "n1" {
			c.crash(owner)
		}
		if err := senders.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		c.sleep(2 * time.Minute)
		c.store.commit = nil
		c.sleep(time.Minute)
		next := make(map[string]int)
		s := c.logOf("sink")
		for _, text := range s.Log {
			var from string
			var n int
			if _, err := fmt.Sscanf(text, "%s %d", &from, &n); err != nil || n != next[from] {
				c.Fatalf("%q where %d was next; all: %q", text, next[from], s.Log)
			}
			next[from]++
		}
		for _, from := range []string{"s1", "s2", "s3", "s4"} {
			if runs := c.logOf(from).Runs; next[from] != 24 || runs != 8 {
				c.Fatalf("%s: %d messages of %d calls", from, next[from], runs)
			}
		}
		if letters := c.letters(); len(letters) != 0 {
			c.Fatalf("%+v", letters)
		}
	})
}

func TestWhatADeadSenderHasSentArrives(t *testing.T) {
	simulateChores(t, 8, func(c *cluster) {
		c.startAll(3)
		c.do(chore("a"), "set", order{Name: "x", After: time.Hour, Text: "x"}, nil)
		owner := c.owner("n1", chore("a")).Node
		via := c.other(owner)
		c.store.landed = func(machine string) { // it dies with the message committed and not delivered
			c.store.landed = nil
			c.crash(machine)
		}
		err := c.call(via, 4*time.Second, chore("a"), "send", order{To: "b", Text: "testament"}, nil)
		delete(c.nodes, owner)
		if code := api.CodeOf(err); code != api.CodeUnknown && code != api.CodeDeadlineExceeded {
			c.Fatalf("%v", err)
		}
		c.sleep(leaseTTL + 15*time.Second) // nobody calls a
		if s := c.logOf("b"); !slices.Equal(s.Log, []string{"testament"}) {
			c.Fatalf("%+v", s)
		}
	})
}

func TestSendsToAReceiverThatIsDestroyedOrMoves(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.startAll(2)
		c.do(chore("b"), "ring", "first", nil)
		c.do(chore("a"), "send", order{To: "b", Text: "m", Count: 2}, nil)
		c.sleep(time.Second)
		c.do(chore("b"), api.MethodDestroy, struct{}{}, nil)
		c.do(chore("a"), "send", order{To: "b", Text: "m", Count: 2}, nil)
		c.sleep(time.Second)
		// What was delivered before the receiver was destroyed does not come again.
		if s := c.logOf("b"); !slices.Equal(s.Log, []string{"m2", "m3"}) {
			c.Fatalf("%+v", s)
		}
		if _, err := admin[api.ClaimBreakRequest, api.ClaimBreakReply](c, "n1", api.MethodClaimBreak,
			&api.ClaimBreakRequest{Actor: "chore/b"}); err != nil {
			c.Fatal(err)
		}
		c.do(chore("a"), "send", order{To: "b", Text: "m", Count: 2}, nil)
		c.sleep(2 * time.Second)
		if s := c.logOf("b"); !slices.Equal(s.Log, []string{"m2", "m3", "m4", "m5"}) {
			c.Fatalf("%+v", s)
		}
	})
}

func TestASendThatFailsGoesToTheDeadLettersAndThePairGoesOn(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.startAll(2)
		tries = 0
		c.do(chore("a"), "send", order{To: "b", Method: "fail", Text: "bad"}, nil)
		c.do(chore("a"), "send", order{To: "b", Text: "good"}, nil)
		c.do(chore("a"), "send", order{To: "c", Text: "other"}, nil)
		c.sleep(2 * time.Second)
		if s := c.logOf("c"); len(s.Log) != 1 {
			c.Fatalf("another actor waits too: %+v", s)
		}
		if s := c.logOf("b"); len(s.Log) != 0 {
			c.Fatalf("out of order: %+v", s)
		}
		if c.env.Rand("crash").IntN(2) == 0 {
			c.crash(c.owner("n1", chore("a")).Node)
		}
		c.sleep(10 * time.Minute)
		if s := c.logOf("b"); !slices.Equal(s.Log, []string{"good"}) {
			c.Fatalf("%+v", s)
		}
		letters := c.letters()
		if len(letters) != 1 || tries < 10 || tries > 12 {
			c.Fatalf("%d tries, %+v", tries, letters)
		}
		l := letters[0]
		if l.Actor != "chore/a" || l.Kind != "send" || l.Target != "chore/b" || l.Method != "fail" ||
			l.Attempts < 10 || l.Code != "application:never" {
			c.Fatalf("%+v", l)
		}
		before := tries
		if _, err := admin[api.DeadLetterRequest, api.DeadLetterReply](c, c.any(), api.MethodDeadLetterRetry,
			&api.DeadLetterRequest{Letter: l.Letter}); err != nil {
			c.Fatal(err)
		}
		c.sleep(500 * time.Millisecond)
		if tries != before+1 || len(c.letters()) != 0 {
			c.Fatalf("%d tries after %d, %+v", tries, before, c.letters())
		}
	})
}
