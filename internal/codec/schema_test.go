// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/pkg/api"
)

type base struct {
	ID string `json:"id"`
}

type order struct {
	base
	Name   string            `json:"name"`
	Count  int32             `json:"count"`
	Price  float64           `msgpack:"cost" json:"price"`
	Rush   *bool             `json:"rush,omitempty"`
	Due    time.Time         `json:"due"`
	Wait   time.Duration     `json:"wait"`
	Raw    []byte            `json:"raw"`
	Tags   []string          `json:"tags"`
	Prices map[string]uint8  `json:"prices"`
	Any    any               `json:"any"`
	Parts  map[string]*order `json:"parts"`
	Skip   int               `json:"-"`
}

func TestSchemas(t *testing.T) {
	for _, c := range []struct {
		of   any
		want string
	}{
		{"", `{"type":"string"}`},
		{true, `{"type":"boolean"}`},
		{1.5, `{"type":"number"}`},
		{int64(0), `{"type":"integer"}`},
		{int8(0), `{"type":"integer","minimum":-128,"maximum":127}`},
		{uint64(0), `{"type":"integer","minimum":0}`},
		{uint16(0), `{"type":"integer","minimum":0,"maximum":65535}`},
		{[]string{}, `{"type":"array","items":{"type":"string"}}`},
		{struct{}{}, `{"type":"object"}`},
		{new(base), `{"type":"object","properties":{"id":{"type":"string"}}}`},
		{nil, `{}`},
	} {
		if got, err := codec.Schema(reflect.TypeOf(c.of)); err != nil || string(got) != c.want {
			t.Errorf("%T: %s (%v), want %s", c.of, got, err, c.want)
		}
	}
}

// TestASchemaTakesWhatTheCodecTakes validates values as tools write them by the schema of a type that has everything,
// and contains itself.
func TestASchemaTakesWhatTheCodecTakes(t *testing.T) {
	text, err := codec.Schema(reflect.TypeFor[order]())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("order.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("order.json")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for value, fits := range map[string]bool{
		`{}`: true,
		`{"id":"a","name":"b","count":-3,"cost":1.5,"rush":true,"wait":5}`: true,
		`{"tags":["x"],"prices":{"a":255},"any":[1]}`:                      true,
		`{"parts":{"wheel":{"parts":{"rim":{"count":1}}}},"unknown":1}`:    true,
		`{"due":"2026-01-02T03:04:05Z"}`:                                   true,
		`{"name":5}`:                                                       false,
		`{"count":3000000000}`:                                             false,
		`{"prices":{"a":256}}`:                                             false,
		`{"parts":{"wheel":{"parts":{"rim":true}}}}`:                       false,
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(value))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); (err == nil) != fits {
			t.Errorf("%s: %v, want it to fit: %t", value, err, fits)
		}
	}
}

func TestAWrongRequestSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		in   any
		into any
		want string
	}{
		{5, new(string), "join wants a string, got a number"},
		{"5", new(int), "join wants a whole number, got a string"},
		{map[string]int{}, new(float64), "join wants a number, got an object"},
		{[]int{1}, new(bool), "join wants a boolean, got a list"},
		{"x", new(order), "join wants an object, got a string"},
		{map[string]any{"name": true}, new(order), "join.name wants a string, got a boolean"},
		{map[string]any{"tags": []any{"a", 1}}, new(order), "join.tags[1] wants a string, got a number"},
		{map[string]any{"prices": map[string]any{"a": "b"}}, new(order),
			"join.prices.a wants a whole number, got a string"},
		{map[string]any{"parts": map[string]any{"a": map[string]any{"id": 1}}}, new(*order),
			"join.parts.a.id wants a string, got a number"},
		{map[string]any{"prices": map[string]any{"a": 256}}, new(order), "the request of join does not fit: prices: "},
		{nil, new(int), "join wants a whole number, got no request"},
		{nil, new(order), "join wants an object, got no request"},
		{nil, new(time.Duration), "join wants a duration such as 1m30s, got no request"},
	} {
		body, err := codec.Marshal(c.in)
		if err != nil {
			t.Fatal(err)
		}
		err = codec.UnmarshalRequest("join", body, c.into)
		if api.CodeOf(err) != api.CodeInvalidArgument || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v into %T: %v, want %s", c.in, c.into, err, c.want)
		}
	}
}

// TestNilIsARequestWhereTheTypeHasNil shows what a call without a request reaches: methods that take none, or nil.
func TestNilIsARequestWhereTheTypeHasNil(t *testing.T) {
	body, err := codec.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, into := range []any{new([]int), new(map[string]int), new(*order), new(any), new(struct{})} {
		if err := codec.UnmarshalRequest("join", body, into); err != nil {
			t.Errorf("nil into %T: %v", into, err)
		}
	}
	if err := codec.UnmarshalRequest("join", nil, new(int)); err != nil { // programs may leave it out
		t.Error(err)
	}
}
