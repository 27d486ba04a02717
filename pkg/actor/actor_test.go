// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor_test

import (
	"bytes"
	"context"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/actor/actortest"
	"github.com/kelpiehq/kelpie/pkg/api"
)

type inner struct {
	At   time.Time `json:"at"`
	Tags []string  `json:"tags"`
}

type state struct {
	N   int64            `json:"n"`
	F   float64          `json:"f"`
	B   []byte           `json:"b"`
	M   map[string]inner `json:"m"`
	Own string           `msgpack:"mine" json:"theirs"`
}

func TestWhatIsEncodedComesBack(t *testing.T) {
	in := state{
		N: math.MinInt64, F: 0.1, B: []byte{0, 255}, Own: "x",
		M: map[string]inner{"k": {At: time.Unix(1, 5).UTC(), Tags: []string{"a", ""}}, "a": {}},
	}
	b, err := actor.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out state
	if err := actor.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if !out.M["k"].At.Equal(in.M["k"].At) {
		t.Fatalf("the time became %v", out.M["k"].At)
	}
	out.M["k"], out.M["a"] = in.M["k"], in.M["a"]
	if !reflect.DeepEqual(in, out) {
		t.Fatalf("%+v became %+v", in, out)
	}
	again, err := actor.Marshal(in)
	if err != nil || !bytes.Equal(b, again) {
		t.Fatalf("the same value is encoded in two ways: %x %x %v", b, again, err)
	}
}

func TestAStructCanGainAndLoseFields(t *testing.T) {
	b, err := actor.Marshal(map[string]any{"n": 5, "gone": []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	out := struct {
		N   int64  `json:"n"`
		New string `json:"new"`
	}{}
	if err := actor.Unmarshal(b, &out); err != nil || out.N != 5 || out.New != "" {
		t.Fatalf("%+v %v", out, err)
	}
}

func TestNumbersFitWhateverTheirEncoding(t *testing.T) {
	for _, in := range []any{uint64(7), int8(7), int64(7)} {
		b, err := actor.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		var f float64
		if err := actor.Unmarshal(b, &n); err != nil || n != 7 {
			t.Errorf("%T became %d: %v", in, n, err)
		}
		if err := actor.Unmarshal(b, &f); err != nil || f != 7 {
			t.Errorf("%T became %v: %v", in, f, err)
		}
	}
}

func TestMapsAreEncodedInOneWay(t *testing.T) {
	nested := map[string]any{"a": map[string]any{}, "list": []any{map[string]int{}}}
	for i := range 50 {
		nested["a"].(map[string]any)[strings.Repeat("a", i*37%50)] = i
		nested["list"].([]any)[0].(map[string]int)[strings.Repeat("k", i)] = i
	}
	first, err := actor.Marshal(nested)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := actor.Marshal(nested)
		if err != nil || !bytes.Equal(first, again) {
			t.Fatalf("encoded in two ways: %v", err)
		}
	}
	var out map[string]any
	if err := actor.Unmarshal(first, &out); err != nil || len(out) != 2 {
		t.Fatalf("%v %v", out, err)
	}
}

type tree struct {
	Kids []tree `json:"kids"`
}

func TestWhatCouldNotBeDecodedIsNotEncoded(t *testing.T) {
	deep := tree{}
	for range api.DepthMax {
		deep = tree{Kids: []tree{deep}}
	}
	if _, err := actor.Marshal(deep); err == nil {
		t.Error("a tree that is too deep was encoded")
	}
}

func TestHostileBytesAreRefused(t *testing.T) {
	var v any
	if err := actor.Unmarshal(bytes.Repeat([]byte{0x91}, 1<<20), &v); err == nil {
		t.Error("an array a million deep was decoded")
	}
	if err := actor.Unmarshal([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, &v); err == nil {
		t.Error("an array of four thousand million elements was decoded")
	}
	if err := actor.Unmarshal(nil, &v); err == nil {
		t.Error("nothing was decoded")
	}
}

func FuzzUnmarshal(f *testing.F) {
	b, err := actor.Marshal(state{N: 1, M: map[string]inner{"k": {Tags: []string{"t"}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0xc7, 1, 2, 3})
	f.Fuzz(func(_ *testing.T, b []byte) {
		var s state
		var n numbers
		var v any
		_ = actor.Unmarshal(b, &s) // must only return
		_ = actor.Unmarshal(b, &n)
		_ = actor.Unmarshal(b, &v)
	})
}

var things = actor.New[state]("things").
	With(actor.WriteFunc("add", func(_ *actor.Context, s *state, n int64) (int64, error) {
		s.N += n
		return s.N, nil
	})).
	With(actor.ReadFunc("whoami", func(ctx *actor.Context, _ *state, _ struct{}) (string, error) {
		return ctx.Self().String(), nil
	})).
	With(actor.WriteFunc("fail", func(*actor.Context, *state, struct{}) (bool, error) {
		return false, actor.Errorf("no", "not %d", 1)
	}))

func TestAKindRunsItsMethods(t *testing.T) {
	a := actortest.New(things)
	run := func(method string, request []byte) ([]byte, error) {
		return a.CallRaw(context.Background(), things.ID("x"), method, request)
	}
	request, err := actor.Marshal(5)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for want := int64(5); want <= 10; want += 5 {
		reply, err := run("add", request)
		if err != nil {
			t.Fatal(err)
		}
		if err := actor.Unmarshal(reply, &n); err != nil || n != want {
			t.Fatalf("%d %v", n, err)
		}
	}
	var who string
	reply, err := run("whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := actor.Unmarshal(reply, &who); err != nil || who != "things/x" {
		t.Fatal(who, err)
	}
	if methods := things.Spec().Methods; methods["add"].ReadOnly || !methods["whoami"].ReadOnly {
		t.Error("methods that write and that read are mixed up")
	}
	if _, err := run("add", []byte{0xa1, 'x'}); api.CodeOf(err) != api.CodeInvalidArgument {
		t.Errorf("a request of another type: %v", err)
	}
	if _, err := run("fail", nil); api.CodeOf(err) != api.CodeApplication || !strings.Contains(err.Error(), "not 1") {
		t.Error(err)
	}
}

func TestMistakesInAKindShowWhenTheProgramStarts(t *testing.T) {
	for name, f := range map[string]func(){
		"namespace": func() { actor.New[state]("not a name") },
		"twice":     func() { actor.New[state]("n").With(noop("m")).With(noop("m")) },
		"empty":     func() { noop("") },
		"dollar":    func() { noop("$destroy") },
		"long":      func() { noop(strings.Repeat("m", api.MethodBytesMax+1)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func noop(name string) actor.MethodOf[state] {
	return actor.ReadFunc(name, func(*actor.Context, *state, struct{}) (bool, error) { return true, nil })
}
