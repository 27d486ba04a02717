// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/statekeys"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// alarms lists alarms, page by page.
func (c *cluster) alarms(in api.AlarmsRequest) []api.AlarmRow {
	c.Helper()
	return allPages(c, api.MethodAlarms, &in, func(reply *api.AlarmsReply) ([]api.AlarmRow, bool) {
		in.After, in.AfterAlarm = reply.Next, reply.NextAlarm
		return reply.Alarms, reply.Next != ""
	})
}

// allPages asks any node for the pages of a list. page returns the rows of one, and whether there is another, for which
// it has changed the request.
func allPages[Req, Resp, Row any](c *cluster, method string, in *Req, page func(*Resp) ([]Row, bool)) (all []Row) {
	c.Helper()
	for {
		reply, err := admin[Req, Resp](c, c.any(), method, in)
		if err != nil {
			c.Fatal(err)
		}
		rows, more := page(reply)
		if all = append(all, rows...); !more {
			return all
		}
	}
}

func TestAlarmsAreListedInPages(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		var want []string
		for _, id := range []string{"a", "ab", "b"} {
			for i := range 3 {
				name := fmt.Sprint(i)
				c.do(chore(id), "set", order{Name: name, After: time.Hour, Text: "x"}, nil)
				want = append(want, "chore/"+id+" "+name)
			}
		}
		c.do(chore("none"), "ring", "x", nil)
		for _, limit := range []int{1, 2, 3, 5, 0} {
			var got []string
			for _, r := range c.alarms(api.AlarmsRequest{Limit: limit}) {
				got = append(got, r.Actor+" "+r.Alarm)
			}
			if !slices.Equal(got, want) {
				c.Fatalf("with pages of %d: %q", limit, got)
			}
		}
		if got := c.alarms(api.AlarmsRequest{Prefix: "a", Limit: 2}); len(got) != 6 {
			c.Fatalf("%+v", got)
		}
		if got := c.alarms(api.AlarmsRequest{Actor: "chore/ab", Limit: 2}); len(got) != 3 || got[2].Alarm != "2" {
			c.Fatalf("%+v", got)
		}
		if got := c.alarms(api.AlarmsRequest{Overdue: true, Limit: 1}); len(got) != 0 {
			c.Fatalf("%+v", got)
		}
	})
}

// One request reads a bounded number of actors: the next one goes on where it has ended, and passes over none.
func TestAlarmsOfManyActorsAreAllListed(t *testing.T) {
	const actors, apart = 24_000, 800
	simulateChores(t, 1, func(c *cluster) {
		c.startAll(1)
		c.do(chore("0"), "set", order{Name: "x", After: time.Hour, Text: "x"}, nil)
		for first := 0; first < actors; first += apart {
			c.copyClaim(chore("0"), first, apart)
		}
		want := []string{"chore/0"}
		for at := apart / 2; at < actors; at += apart {
			id := chore(fmt.Sprintf("%06d+", at))
			c.do(id, "set", order{Name: "x", After: time.Hour, Text: "x"}, nil)
			want = append(want, id.String())
		}
		var got []string
		for _, r := range c.alarms(api.AlarmsRequest{}) {
			got = append(got, r.Actor)
		}
		if !slices.Equal(got, want) {
			c.Errorf("%d of %d alarms are listed: %q", len(got), len(want), got)
		}
	})
}

// copyClaim stores claims like that of an actor, for others with numbers for ids.
func (c *cluster) copyClaim(id api.ActorID, first, n int) {
	c.Helper()
	_, err := kv.Transact(c.ctx, c.env, c.store.Store, kv.TxOptions{},
		func(ctx context.Context, tx kv.Tx) (struct{}, error) {
			claim, err := tx.Get(ctx, tuple.Pack("kelpie", "claim", id.Namespace, id.ID))
			for i := range n {
				tx.Set(tuple.Pack("kelpie", "claim", id.Namespace, fmt.Sprintf("%06d", first+i)), claim)
			}
			return struct{}{}, err
		})
	if err != nil {
		c.Fatal(err)
	}
}

func TestAnAlarmThatFailsIsListedWithItsError(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		c.do(chore("a"), "set", order{Name: "bad", After: time.Second, Method: "fail", Text: "x"}, nil)
		c.sleep(10 * time.Second)
		rows := c.alarms(api.AlarmsRequest{Overdue: true})
		if len(rows) != 1 || rows[0].Alarm != "bad" || rows[0].Attempts < 2 || rows[0].Error != "never works" ||
			rows[0].OverdueMillis < 5000 || rows[0].Next <= rows[0].Due {
			c.Fatalf("%+v", rows)
		}
	})
}

// A rule that a newer node has stored, or one with another table of time zones, is not the end of its alarm on a node
// that can't read it.
func TestAnAlarmWhoseRuleCannotBeReadWaits(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		c.do(chore("a"), "set", order{Name: "again", Cron: "TZ=Asia/Tokyo * * * * *", Text: "x"}, nil)
		edit := func(from, to string) {
			c.edit(chore("a"), statekeys.Alarm("again"), func(value []byte) []byte {
				return bytes.Replace(value, []byte(from), []byte(to), 1)
			})
			c.evict("n1", chore("a"))
		}
		edit("Tokyo", "Tokio")
		ran := len(c.logOf("a").Log)
		c.sleep(20 * time.Minute)
		rows := c.alarms(api.AlarmsRequest{})
		if len(rows) != 1 || rows[0].Attempts != 0 || !strings.Contains(rows[0].Error, "Tokio") {
			c.Fatalf("%+v", rows)
		}
		if now := len(c.logOf("a").Log); now != ran {
			c.Errorf("it ran %d times", now-ran)
		}
		edit("Tokio", "Tokyo")
		c.sleep(10 * time.Minute)
		if now := len(c.logOf("a").Log); now < ran+8 {
			c.Errorf("it ran %d times in ten minutes", now-ran)
		}
	})
}

func TestAnOperatorCancelsAnAlarm(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.startAll(2)
		c.do(chore("a"), "set", order{Name: "again", Every: 2 * time.Second, Text: "x"}, nil)
		c.do(chore("a"), "set", order{Name: "kept", After: time.Minute, Text: "kept"}, nil)
		c.sleep(time.Duration(c.env.Rand("cancel").IntN(5000)) * time.Millisecond)
		cancel := func() error {
			_, err := admin[api.AlarmRequest, api.AlarmReply](c, "n2", api.MethodAlarmCancel,
				&api.AlarmRequest{Actor: "chore/a", Alarm: "again"})
			return err
		}
		if err := cancel(); err != nil {
			c.Fatal(err)
		}
		ran := len(c.logOf("a").Log)
		wantCode(c, cancel(), api.CodeNotFound)
		if rows := c.alarms(api.AlarmsRequest{}); len(rows) != 1 || rows[0].Alarm != "kept" {
			c.Fatalf("%+v", rows)
		}
		if c.env.Rand("crash").IntN(2) == 0 {
			c.crash(c.owner("n1", chore("a")).Node)
		}
		c.sleep(2 * time.Minute)
		if s := c.logOf("a"); len(s.Log) != ran+1 || s.Log[ran] != "kept" {
			c.Fatalf("it ran %d times before, and then %+v", ran, s)
		}
		if entries := c.dueEntries(); len(entries) != 0 {
			c.Fatalf("%+v", entries)
		}
	})
}
