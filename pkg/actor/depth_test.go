// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor_test

import (
	"context"
	"encoding"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/actor/actortest"
	"github.com/kelpiehq/kelpie/pkg/api"
)

type family struct {
	Name   string             `json:"name"`
	Parent *family            `json:"parent"`
	Child  *family            `json:"child"`
	Others []*family          `json:"others"`
	ByName map[string]*family `json:"by_name"`
	Any    any                `json:"any"`
	Hidden *family            `json:"-"`
	Cache  *family            `msgpack:"-"`
	secret *family
}

type ring *ring

type embedded struct {
	*embedded //lint:ignore U1000 the encoder looks at it
	Name      string
}

type holder struct {
	Inner struct{ *embedded }
}

// encodesAChild encodes itself by a method.
type encodesAChild struct{ child *encodesAChild }

func (e *encodesAChild) EncodeMsgpack(enc *msgpack.Encoder) error {
	if err := enc.EncodeArrayLen(1); err != nil {
		return err
	}
	return enc.Encode(e.child)
}

// textual is encoded by a method that only its pointer has.
type textual struct{ Next *textual }

func (t *textual) MarshalText() ([]byte, error) { return []byte("text"), nil }

var _ encoding.TextMarshaler = (*textual)(nil)

// TestWhatContainsItselfIsRefused shows that no way in which a value can contain itself gets as far as the stack's end.
func TestWhatContainsItselfIsRefused(t *testing.T) {
	link := &family{Name: "root"}
	link.Child = &family{Parent: link}
	wide := &family{}
	wide.Parent, wide.Child, wide.Others = wide, wide, []*family{wide, wide, wide}
	mapped := &family{}
	mapped.ByName = map[string]*family{"me": mapped}
	held := &family{}
	held.Any = held
	var itself any
	itself = &itself
	var r ring
	r = &r
	list := []any{nil}
	list[0] = list
	tree := map[string]any{}
	tree["tree"] = map[string]any{"tree": tree}
	custom := &encodesAChild{}
	custom.child = custom
	shared := &family{}
	for range 50 { // 2 to the power of 50 values, none of which contains itself
		shared = &family{Parent: shared, Child: shared}
	}
	for name, c := range map[string]struct {
		v    any
		says string
	}{
		"parent and child":     {link, "contains itself: at Child.Parent.Child.Parent.Child.Parent and deeper"},
		"by value":             {*link, "contains itself"},
		"many ways":            {wide, "contains itself"},
		"map":                  {mapped, "contains itself"},
		"interface":            {held, "contains itself"},
		"interface of itself":  {itself, "contains itself"},
		"interface in a field": {family{Any: itself}, "contains itself: at Any"},
		"pointer of itself":    {r, "points to nothing but itself"},
		"ring in an interface": {family{Any: []any{r}}, "points to nothing but itself"},
		"slice":                {list, "contains itself"},
		"map of anything":      {tree, "contains itself"},
		"embedded":             {embedded{}, "embedded in itself"},
		"embedded deeper":      {map[string]holder{"a": {}}, "embedded in itself"},
		"encoder of its own":   {custom, "contains itself"},
		"shared":               {shared, "more than 16777216 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := actor.Marshal(c.v)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v, which does not say %q", err, c.says)
			}
		})
	}
}

// TestWhatIsNotEncodedMayContainItself shows that only what the encoder looks at is looked at.
func TestWhatIsNotEncodedMayContainItself(t *testing.T) {
	f := &family{Name: "f"}
	f.Hidden, f.Cache, f.secret = f, f, f
	loop := &textual{}
	loop.Next = loop
	f.Any = loop
	b, err := actor.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back family
	if err := actor.Unmarshal(b, &back); err != nil || back.Name != "f" {
		t.Errorf("%+v came back, and %v", back, err)
	}
}

// TestDepthAsDeepAsAllowed shows that a recursive type takes all levels that there are, and not one more.
func TestDepthAsDeepAsAllowed(t *testing.T) {
	chain := func(n int) *family {
		var f *family
		for range n {
			f = &family{Child: f}
		}
		return f
	}
	b, err := actor.Marshal(chain(api.DepthMax))
	if err != nil {
		t.Fatal(err)
	}
	var back *family
	if err := actor.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{api.DepthMax + 1, 10 * api.DepthMax} {
		if _, err := actor.Marshal(chain(n)); err == nil {
			t.Errorf("%d levels are encoded", n)
		}
	}
}

// TestDeepBytesAreRefused shows that bytes from outside can't make the decoder use up the stack, whatever they are for.
func TestDeepBytesAreRefused(t *testing.T) {
	arrays := append([]byte(strings.Repeat("\x91", 1<<20)), 0xc0)
	maps := append([]byte(strings.Repeat("\x81\xa5child", 1<<18)), 0xc0)
	for name, b := range map[string][]byte{"arrays": arrays, "maps": maps} {
		for _, v := range []any{new(any), new(family), new(*family), new([]any), new(map[string]any),
			new(msgpack.RawMessage)} {
			if err := actor.Unmarshal(b, v); err == nil {
				t.Errorf("%s: a %T was decoded", name, v)
			}
		}
	}
	var r ring
	if err := actor.Unmarshal([]byte{1}, &r); err == nil ||
		!strings.Contains(err.Error(), "points to nothing but itself") {
		t.Errorf("a ring of pointers: %v", err)
	}
	if err := actor.Unmarshal([]byte{0x80}, new(embedded)); err == nil ||
		!strings.Contains(err.Error(), "embedded in itself") {
		t.Errorf("a struct embedded in itself: %v", err)
	}
}

// TestValueThatDoesNotEncodeIsNamed shows that the error of a reply and of a value says whose it is.
func TestValueThatDoesNotEncodeIsNamed(t *testing.T) {
	families := actor.New[family]("family").
		With(actor.ReadFunc("show", func(_ *actor.Context, _ *family, _ struct{}) (*family, error) {
			f := &family{}
			f.Parent = f
			return f, nil
		})).
		With(actor.WriteFunc("put", func(ctx *actor.Context, _ *family, _ struct{}) (bool, error) {
			f := &family{}
			f.Parent = f
			return true, ctx.Set("key", f)
		}))
	a := actortest.New(families)
	for method, says := range map[string]string{"show": "actor family/a: the reply of method show does not encode: ",
		"put": `actor family/a: the value of key "key" does not encode: `} {
		_, err := a.CallRaw(context.Background(), families.ID("a"), method, nil)
		if api.CodeOf(err) != api.CodeInternal ||
			!strings.Contains(err.Error(), says+"it is nested deeper than 64 levels, or contains itself: at Parent") {
			t.Errorf("%s: %v", method, err)
		}
	}
}
