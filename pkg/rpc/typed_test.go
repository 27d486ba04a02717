// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

type greeting struct {
	Name  string   `msgpack:"name"`
	Times int      `msgpack:"times"`
	Tags  []string `msgpack:"tags"`
}

type reply struct {
	Text string `msgpack:"text"`
}

// laterGreeting is what another version of a caller sends.
type laterGreeting struct {
	Name  string         `msgpack:"name"`
	Added map[string]any `msgpack:"added"`
}

func TestTypedCalls(t *testing.T) {
	inWorld(t, options{}, func(m *rpc.Mux) {
		rpc.HandleTyped(m, "greet", func(_ context.Context, req *greeting) (*reply, error) {
			if req.Name == "" {
				return nil, api.Errorf(api.CodeInvalidArgument, "whom?")
			}
			return &reply{Text: "hello " + req.Name}, nil
		})
		m.HandleAsync("garbage", func(req *rpc.Request) { req.Reply([]byte{0xc1}, nil) })
	}, func(t *testing.T, w *world) {
		got, err := rpc.CallTyped[greeting, reply](background, w.pool, addr, "greet",
			&greeting{Name: "Ada", Times: 2, Tags: []string{"x"}})
		if err != nil || got.Text != "hello Ada" {
			t.Errorf("got %+v, error %v", got, err)
		}
		later := &laterGreeting{Name: "Eve", Added: map[string]any{"x": 1}}
		got, err = rpc.CallTyped[laterGreeting, reply](background, w.pool, addr, "greet", later)
		if err != nil || got.Text != "hello Eve" {
			t.Errorf("a field of a later version: got %+v, error %v", got, err)
		}
		_, err = rpc.CallTyped[greeting, reply](background, w.pool, addr, "greet", &greeting{})
		wantCode(t, err, api.CodeInvalidArgument, false)
		_, err = rpc.CallTyped[greeting, reply](background, w.pool, addr, "garbage", &greeting{})
		wantCode(t, err, api.CodeInternal, false)
		_, err = rpc.CallTyped[chan int, reply](background, w.pool, addr, "greet", new(chan int))
		wantCode(t, err, api.CodeInvalidArgument, true)
	})
}

// A decoder that recurses as deep as it is told to would overflow the stack, and end the process.
func TestTypedCallsRefuseDeepNesting(t *testing.T) {
	bomb, err := msgpack.Marshal("added")
	if err != nil {
		t.Fatal(err)
	}
	bomb = append([]byte{0x81}, bomb...)
	bomb = append(bomb, bytes.Repeat([]byte{0x91}, 15<<20)...)
	bomb = append(bomb, 0xc0)
	inVirtualTime(t, 1, options{}, func(m *rpc.Mux) {
		rpc.HandleTyped(m, "greet", func(context.Context, *greeting) (*reply, error) { return &reply{}, nil })
	}, func(t *testing.T, w *world) {
		_, err := w.pool.Call(background, addr, rpc.ClassCall, "greet", bomb)
		wantCode(t, err, api.CodeInvalidArgument, false)
	})
}

// FuzzTyped decodes what peers send of every kind of field that there is in requests.
func FuzzTyped(f *testing.F) {
	f.Add([]byte("\x81\xa4Time\xc0")) // nil for a time, on which msgpack's decoder panics
	f.Add([]byte("\x81\xa4List\xdd\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v struct {
			Time   time.Time
			Number int64
			List   []string
			Map    map[string]uint64
			Inner  *struct{ Time time.Time }
		}
		_ = rpc.Decode(b, &v)
	})
}
