// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor_test

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// Base is embedded: its fields are those of the struct around it.
type Base struct {
	Age uint8 `json:"age"`
}

type numbers struct {
	Base
	Own  int16             `msgpack:"mine" json:"theirs"`
	JSON int32             `json:"json,omitempty"`
	Bare uint32            // named by Go
	Next *numbers          `json:"next"`
	List []int8            `json:"list"`
	Keys map[uint16]int8   `json:"keys"`
	Deep map[string][]Base `json:"deep"`
	Wait time.Duration     `json:"wait"`
	At   time.Time         `json:"at"`
	Any  any               `json:"any"`
	Raw  []byte            `json:"raw"`
	Skip int8              `json:"-"`
}

type positional struct {
	//lint:ignore U1000 read by the encoding
	_msgpack struct{} `msgpack:",as_array"`
	A        int8
	B        uint8
}

func TestIntegersThatDoNotFitAreRefused(t *testing.T) {
	type object = map[string]any
	for _, test := range []struct {
		in, out any
		fits    bool
	}{
		{uint64(math.MaxInt64), new(int64), true},
		{uint64(math.MaxInt64) + 1, new(int64), false},
		{uint64(math.MaxUint64), new(int64), false},
		{uint64(math.MaxUint64), new(uint64), true},
		{int64(math.MinInt64), new(int64), true},
		{-1, new(uint64), false},
		{-33, new(uint), false},
		{127, new(int8), true},
		{128, new(int8), false},
		{-128, new(int8), true},
		{-129, new(int8), false},
		{255, new(uint8), true},
		{256, new(uint8), false},
		{math.MaxInt32 + 1, new(int32), false},
		{uint64(math.MaxUint64), new(float64), false}, // would become -1
		{math.MaxInt64, new(float64), true},
		{uint64(math.MaxUint64), new(any), true},
		{nil, new(int8), true},
		{300, new(*int8), false},
		{[]int{1, 300}, new([]int8), false},
		{[]int{1, 300}, new([2]int8), false},
		{map[int]int{70_000: 1}, new(map[uint16]int), false},
		{object{"age": 300}, new(numbers), false},
		{object{"age": 200}, new(numbers), true},
		{object{"mine": 40_000}, new(numbers), false},
		{object{"theirs": 40_000}, new(numbers), true}, // no field of that name
		{object{"json": -1 << 40}, new(numbers), false},
		{object{"Bare": -1}, new(numbers), false},
		{object{"next": object{"next": object{"age": -1}}}, new(numbers), false},
		{object{"next": object{"next": object{"age": 1}}, "list": []int{-128, 127}}, new(numbers), true},
		{object{"list": []int{1, 2, 128}}, new(numbers), false},
		{object{"keys": map[int]int{1: 128}}, new(numbers), false},
		{object{"keys": map[int]int{-1: 1}}, new(numbers), false},
		{object{"deep": object{"x": []object{{"age": 1}, {"age": 256}}}}, new(numbers), false},
		{object{"wait": uint64(math.MaxUint64)}, new(numbers), false},
		{object{"any": uint64(math.MaxUint64), "raw": []byte{255}, "at": time.Unix(1, 0)}, new(numbers), true},
		{object{"Skip": 300, "-": 300, "gone": uint64(math.MaxUint64)}, new(numbers), true},
		{[]int{1, 256}, new(positional), false},
		{[]int{1, 255}, new(positional), true},
	} {
		b, err := actor.Marshal(test.in)
		if err != nil {
			t.Fatal(err)
		}
		if err := actor.Unmarshal(b, test.out); (err == nil) != test.fits {
			t.Errorf("%v into %T: %v, want it to fit: %v", test.in, test.out, err, test.fits)
		}
	}
}

func TestNamesOfFieldsMayBeBinary(t *testing.T) {
	in := append([]byte{0x81, 0xc4, 3}, "age\xcd\x01\x2c"...) // 300
	if err := actor.Unmarshal(in, new(numbers)); err == nil {
		t.Error("300 is the age")
	}
}

func TestARequestWithAnIntegerThatDoesNotFitIsRefused(t *testing.T) {
	b, err := actor.Marshal(map[string]any{"age": 300})
	if err != nil {
		t.Fatal(err)
	}
	m := actor.New[struct{}]("n").With(
		actor.ReadFunc("m", func(_ *actor.Context, _ *struct{}, in numbers) (uint8, error) {
			return in.Age, nil
		})).Spec().Methods["m"]
	_, err = m.Run(kind.Turn{Context: context.Background()}, new(struct{}), b)
	if api.CodeOf(err) != api.CodeInvalidArgument || !strings.Contains(err.Error(), "age: 300") {
		t.Errorf("%v, which does not say what is wrong", err)
	}
}

// FuzzIntegers shows that what is decoded has every integer as it was sent: decoded as it came, and decoded again
// after it was encoded from the struct, it is the same.
func FuzzIntegers(f *testing.F) {
	for _, n := range []int64{0, -1, 127, 128, 255, 256, -129, math.MinInt64, math.MaxInt64} {
		f.Add(n, n, uint64(n))
	}
	f.Fuzz(func(t *testing.T, a, b int64, c uint64) {
		type narrow struct {
			A int8
			B uint16
			C int64
		}
		sent, err := actor.Marshal(map[string]any{"A": a, "B": b, "C": c})
		if err != nil {
			t.Fatal(err)
		}
		var got narrow
		fits := a == int64(int8(a)) && b == int64(uint16(b)) && c <= math.MaxInt64
		if err := actor.Unmarshal(sent, &got); (err == nil) != fits {
			t.Fatalf("%d %d %d: %v", a, b, c, err)
		}
		if want := (narrow{int8(a), uint16(b), int64(c)}); fits && !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
}
