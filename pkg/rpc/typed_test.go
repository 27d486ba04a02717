// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc_test

import (
	"bytes"
	"context"
	"strings"
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
		_ = rpc.Decode(b, &v, true)
		_ = rpc.Decode(b, &v, false)
	})
}

// numbers has an integer of every size, and lists and texts with limits and without.
type numbers struct {
	I8    int8              `msgpack:"i8"`
	I16   int16             `msgpack:"i16"`
	I32   int32             `msgpack:"i32"`
	I64   int64             `msgpack:"i64"`
	Int   int               `msgpack:"int"`
	U8    uint8             `msgpack:"u8"`
	U32   uint32            `msgpack:"u32"`
	U64   uint64            `msgpack:"u64"`
	Maybe *int64            `msgpack:"maybe"`
	List  []int16           `msgpack:"list"`
	Few   []reply           `msgpack:"few" limit:"2"`
	Short string            `msgpack:"short" limit:"3"`
	Long  string            `msgpack:"long"`
	Raw   []byte            `msgpack:"raw"`
	ByID  map[string]uint64 `msgpack:"by_id"`
	Inner reply             `msgpack:"inner"`
}

// What a request may hold is said by its type: nothing wraps, and nothing is allocated for what is refused.
func TestRequestsAreWithinTheLimitsOfTheirType(t *testing.T) {
	type message = map[string]any
	many := make([]int16, 257)
	for _, test := range []struct {
		message message
		want    string // in the error; "" for none
	}{
		{message{"i8": int64(-128), "i16": 32767, "i32": -1 << 31, "i64": int64(-1 << 63), "u8": 255}, ""},
		{message{"i8": 128}, "i8"}, {message{"i8": -129}, "i8"}, {message{"i16": 1 << 15}, "i16"},
		{message{"i32": int64(1 << 31)}, "i32"}, {message{"i64": uint64(1 << 63)}, "i64"},
		{message{"int": ^uint64(0)}, "int"}, {message{"int": 1.5}, "int"}, {message{"int": "7"}, "int"},
		{message{"u8": 256}, "u8"}, {message{"u8": -1}, "u8"}, {message{"u32": int64(1 << 32)}, "u32"},
		{message{"u64": -1}, "u64"}, {message{"u64": ^uint64(0)}, ""},
		{message{"maybe": uint64(1 << 63)}, "maybe"}, {message{"maybe": nil}, ""}, {message{"maybe": -7}, ""},
		{message{"list": []int64{1, 1 << 20}}, "list"}, {message{"list": many[:256]}, ""},
		{message{"list": many}, "list has 257 elements"},
		{message{"few": []message{{}, {"text": "x"}}}, ""}, {message{"few": []message{{}, {}, {}}}, "few"},
		{message{"short": "abc"}, ""}, {message{"short": "abcd"}, "short has 4 bytes"},
		{message{"long": strings.Repeat("x", 16<<10)}, ""}, {message{"long": strings.Repeat("x", 16<<10+1)}, "long"},
		{message{"raw": make([]byte, 16<<10)}, ""}, {message{"raw": make([]byte, 16<<10+1)}, "raw"},
		{message{"by_id": message{"x": ^uint64(0)}}, ""}, {message{"by_id": message{"x": -1}}, "by_id"},
		{message{"by_id": message{strings.Repeat("x", 2<<10): 1}}, "by_id"},
		{message{"inner": message{"text": strings.Repeat("x", 16<<10+1)}}, "text"},
		{message{"inner": []string{"x"}}, "malformed"}, {message{"later": many}, ""},
	} {
		b, err := msgpack.Marshal(test.message)
		if err != nil {
			t.Fatal(err)
		}
		err = rpc.Decode(b, new(numbers), true)
		if test.want == "" && err != nil {
			t.Errorf("%v: error %v", test.message, err)
		} else if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v: error %v, want %q", test.message, err, test.want)
		}
	}
}

// An array of empty maps costs its sender a byte an element, and would cost the reader what an element takes.
func TestListsTakeBoundedMemory(t *testing.T) {
	const n = 15 << 20
	bomb := []byte{0x81, 0xa3, 'f', 'e', 'w', 0xdd, n >> 24, n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff}
	bomb = append(bomb, bytes.Repeat([]byte{0x80}, n)...)
	for _, requested := range []bool{true, false} {
		var v struct {
			Few []numbers `msgpack:"few"`
		}
		took := testing.AllocsPerRun(1, func() {
			if err := rpc.Decode(bomb, &v, requested); err == nil {
				t.Error("no error")
			}
		})
		if took > 100 || cap(v.Few) > 0 {
			t.Errorf("requested %v: %v allocations, a list of %d", requested, took, cap(v.Few))
		}
	}
}
