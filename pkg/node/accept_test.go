// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

var ring, fails = actor.Named[string, bool]("chore", "ring"), actor.Named[string, bool]("chore", "fail")

// dial returns a client that knows the nodes n1, n2 and n3.
func (c *cluster) dial() *client.Client {
	c.Helper()
	out, err := client.New(c.env, c.network.Transport(c.env, "client"),
		client.Config{Addrs: []string{"n1:7600", "n2:7600", "n3:7600"}})
	if err != nil {
		c.Fatal(err)
	}
	return out
}

// TestMessagesFromOutsideAreDeliveredOnceWhateverFails sends under keys, again until each is accepted, while commits
// fail in both ways that leave their outcome unknown and the owner crashes: all are delivered once, in order.
func TestMessagesFromOutsideAreDeliveredOnceWhateverFails(t *testing.T) {
	simulateChores(t, 8, func(c *cluster) {
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
		out := c.dial()
		defer out.Close()
		var want []string
		for i := range 12 {
			text := fmt.Sprint("m", i)
			for {
				id, err := ring.On(out, "a").Send(c.ctx, text, client.WithIdempotencyKey(text),
					client.WithTimeout(5*time.Second))
				if err == nil {
					if id != text {
						c.Fatalf("message %q has the id %q", text, id)
					}
					break
				}
				c.sleep(time.Second)
			}
			want = append(want, text)
			if owner := c.owner(c.any(), chore("a")).Node; i == 5 && owner != "" {
				c.crash(owner)
			}
		}
		c.store.commit = nil
		c.sleep(2 * time.Minute)
		if s := c.logOf("a"); !slices.Equal(s.Log, want) {
			c.Fatalf("%q, want %q", s.Log, want)
		}
	})
}

func TestAMessageFromOutsideThatFailsGoesToTheDeadLetters(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(1)
		out := c.dial()
		defer out.Close()
		if _, err := fails.On(out, "a").Send(c.ctx, "bad"); err != nil {
			c.Fatal(err)
		}
		c.sleep(10 * time.Minute)
		letters := c.letters()
		if len(letters) != 1 || letters[0].Target != "chore/a" || letters[0].Method != "fail" {
			c.Errorf("%+v", letters)
		}
	})
}

func TestMessagesThatCanNeverBeDeliveredAreNotAccepted(t *testing.T) {
	simulateChores(t, 1, func(c *cluster) {
		c.startAll(1)
		out := c.dial()
		defer out.Close()
		for _, test := range []struct {
			id      actor.ID
			method  string
			request any
			code    api.Code
			says    string
		}{
			{chore("a"), "rung", "x", api.CodeUnknownMethod, "it has alarms, "},
			{chore("a"), "log", struct{}{}, api.CodeInvalidArgument, "only reads"},
			{chore("a"), "ring", 5, api.CodeInvalidArgument, "ring wants a string, got a number"},
			{chore("a"), "ring", strings.Repeat("x", api.SendBytesMax), api.CodeTooLarge, "at most 90000"},
			{actor.ID{Namespace: "scratchpad", ID: "a"}, "note", "x", api.CodeFailedPrecondition, "volatile"},
		} {
			_, err := client.Send(c.ctx, out, test.id, test.method, test.request)
			if api.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.says) {
				c.Errorf("%s of %s: %v, want %s, %s", test.method, test.id, err, test.code, test.says)
			}
		}
		if s := c.logOf("a"); len(s.Log) != 0 {
			c.Errorf("delivered: %q", s.Log)
		}
	})
}

func TestKindsAreDescribedByANodeThatDoesNotHostThem(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.tune = hosting(map[string][]actor.Kind{"n2": {counters}})
		c.startAll(2)
		reply, err := admin[api.DescribeRequest, api.DescribeReply](c, "n1", api.MethodDescribe,
			&api.DescribeRequest{Namespace: "counter"})
		if err != nil || reply.Node != "n2" || len(reply.Methods) != 4 {
			c.Fatalf("%+v (%v)", reply, err)
		}
		get := reply.Methods[3]
		if get.Method != "get" || !get.Reads || string(get.Request) != `{"type":"object"}` ||
			string(get.Reply) != `{"type":"integer"}` {
			c.Errorf("%+v", get)
		}
		_, err = admin[api.DescribeRequest, api.DescribeReply](c, "n1", api.MethodDescribe,
			&api.DescribeRequest{Namespace: "nosuch"})
		wantCode(c, err, api.CodeUnknownNamespace)
	})
}

// typedWaits have methods with types that people write otherwise than programs.
var typedWaits = actor.New[time.Duration]("wait").
	With(actor.ReadFunc("twice", func(_ *actor.Context, _ *time.Duration, d time.Duration) (time.Duration, error) {
		return 2 * d, nil
	})).
	With(actor.ReadFunc("count", func(_ *actor.Context, _ *time.Duration, b []byte) (int, error) {
		return len(b), nil
	}))

func TestRequestsAndRepliesAreConvertedByANodeThatDoesNotHostTheKind(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.tune = hosting(map[string][]actor.Kind{"n2": {typedWaits}})
		c.startAll(2)
		convert := func(method, request string, reply []byte) (*api.ConvertReply, error) {
			return admin[api.ConvertRequest, api.ConvertReply](c, "n1", api.MethodConvert, &api.ConvertRequest{
				Namespace: "wait", Method: method, Request: []byte(request), Reply: reply})
		}
		in, err := convert("twice", `"1m30s"`, nil)
		if err != nil || in.Plain || in.Node != "n2" {
			c.Fatalf("%+v (%v)", in, err)
		}
		var d time.Duration
		if err := actor.Unmarshal(in.Request, &d); err != nil || d != 90*time.Second {
			c.Fatalf("%v (%v)", d, err)
		}
		encoded, err := actor.Marshal(2 * d)
		if err != nil {
			c.Fatal(err)
		}
		if out, err := convert("twice", "", encoded); err != nil || string(out.Reply) != `"3m0s"` {
			c.Errorf("%s (%v)", out.Reply, err)
		}
		if in, err := convert("count", `"YWJj"`, nil); err != nil || !in.Plain || string(in.Request) != "\xc4\x03abc" {
			c.Errorf("%+v (%v)", in, err)
		}
		if in, err := convert("nosuch", `"1m"`, nil); err != nil || !in.Plain || string(in.Request) != "\xa21m" {
			c.Errorf("%+v (%v)", in, err)
		}
		state, err := admin[api.ConvertRequest, api.ConvertReply](c, "n1", api.MethodConvert,
			&api.ConvertRequest{Namespace: "wait", State: []byte{7}})
		if err != nil || string(state.State) != `"7ns"` {
			c.Errorf("%s (%v)", state.State, err)
		}
		_, err = convert("twice", `"abc"`, nil)
		c.wantCode(err, api.CodeInvalidArgument, `twice wants a duration such as 1m30s, got "abc"`)
		_, err = admin[api.ConvertRequest, api.ConvertReply](c, "n1", api.MethodConvert,
			&api.ConvertRequest{Namespace: "nosuch", Method: "get"})
		wantCode(c, err, api.CodeUnknownNamespace)
	})
}
