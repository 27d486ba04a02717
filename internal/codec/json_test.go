// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// UUID is binary in msgpack and text in JSON, as those of the usual libraries.
type UUID [16]byte

func (u UUID) MarshalText() ([]byte, error)    { return []byte(hex.EncodeToString(u[:])), nil }
func (u UUID) MarshalBinary() ([]byte, error)  { return u[:], nil }
func (u *UUID) UnmarshalBinary(b []byte) error { copy(u[:], b); return nil }
func (u *UUID) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(u) {
		return fmt.Errorf("a UUID has %d digits", hex.EncodedLen(len(u)))
	}
	_, err := hex.Decode(u[:], b)
	return err
}

// colour has text of its own, and is a number.
type colour int

func (c colour) MarshalText() ([]byte, error) {
	if c < 0 || int(c) >= len(colours) {
		return nil, errors.New("no colour")
	}
	return []byte(colours[c]), nil
}

func (c *colour) UnmarshalText(b []byte) error {
	for i, name := range colours {
		if name == string(b) {
			*c = colour(i)
			return nil
		}
	}
	return fmt.Errorf("it is none of %s", strings.Join(colours[:], ", "))
}

var colours = [...]string{"red", "green"}

// shown has text that can't be read.
type shown struct{}

func (shown) MarshalText() ([]byte, error) { return []byte("<shown>"), nil }

// holder has a type everywhere that it can be.
type holder[T comparable] struct {
	Field   T              `json:"field"`
	Pointer *T             `json:"pointer"`
	Nil     *T             `json:"nil"`
	Slice   []T            `json:"slice"`
	Array   [1]T           `json:"array"`
	Key     map[T]int      `json:"key"`
	Value   map[string]T   `json:"value"`
	Deep    []map[T][]*T   `json:"deep"`
	Struct  struct{ In T } `json:"struct"`
	embedded[T]
}

type embedded[T comparable] struct {
	Inner T `json:"inner"`
}

// held returns JSON of a holder, with so written values and keys.
func held(value, key string) string {
	if key == "" {
		key = value
	}
	return strings.NewReplacer("V", value, "K", key).Replace(`{"field":V,"pointer":V,"nil":null,"slice":[V,V],` +
		`"array":[V],"key":{K:1},"value":{"a":V},"deep":[{K:[V]}],"struct":{"In":V},"inner":V}`)
}

func holds[T comparable](v T) *holder[T] {
	return &holder[T]{v, &v, nil, []T{v, v}, [1]T{v}, map[T]int{v: 1}, map[string]T{"a": v}, []map[T][]*T{{v: {&v}}},
		struct{ In T }{v}, embedded[T]{v}}
}

// binaries have types that can't be the keys of maps.
type binaries struct {
	Field   []byte            `json:"field"`
	Pointer *[]byte           `json:"pointer"`
	Slice   [][]byte          `json:"slice"`
	Value   map[string][]byte `json:"value"`
	Fixed   [3]byte           `json:"fixed"`
	Key     map[[3]byte]int   `json:"key"`
	Empty   []byte            `json:"empty"`
	IP      net.IP            `json:"ip"`
	Big     *big.Int          `json:"big"`
}

// TestPeopleWriteValuesAsInJSON takes each type through JSON, inside of all others: what is written becomes what a
// program would have sent, that becomes what was written, and the schema allows it.
func TestPeopleWriteValuesAsInJSON(t *testing.T) {
	three := []byte("abc")
	for _, c := range []struct {
		name string
		json string
		is   any
	}{
		{"time", held(`"2026-01-02T03:04:05.6Z"`, ""), holds(time.Date(2026, 1, 2, 3, 4, 5, 6e8, time.UTC).Local())},
		{"duration", held(`"1m30s"`, ""), holds(90 * time.Second)},
		{"UUID", held(`"00112233445566778899aabbccddeeff"`, ""),
			holds(UUID{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff})},
		{"address", held(`"10.0.0.1"`, ""), holds(netip.MustParseAddr("10.0.0.1"))},
		{"address of 16 bytes", held(`"fe80::1"`, ""), holds(netip.MustParseAddr("fe80::1"))},
		{"text", held(`"green"`, ""), holds(colour(1))},
		{"whole number", held(`-7`, `"-7"`), holds(-7)},
		{"large number", held(`18446744073709551615`, `"18446744073709551615"`), holds(uint64(1<<64 - 1))},
		{"float", held(`0.5`, `"0.5"`), holds(0.5)},
		{"boolean", held(`true`, `"true"`), holds(true)},
		{"string", held(`"<&>"`, ""), holds("<&>")},
		{"binary", `{"field":"YWJj","pointer":"YWJj","slice":["YWJj",""],"value":{"a":"YWJj"},"fixed":"YWJj",` +
			`"key":{"YWJj":1},"empty":null,"ip":"10.0.0.1","big":123456789012345678901234567890}`,
			&binaries{three, &three, [][]byte{three, {}}, map[string][]byte{"a": three}, [3]byte(three),
				map[[3]byte]int{[3]byte(three): 1}, nil, net.IPv4(10, 0, 0, 1),
				bigOf("123456789012345678901234567890")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			of := reflect.TypeOf(c.is)
			want, err := codec.Marshal(c.is)
			if err != nil {
				t.Fatal(err)
			}
			text, err := codec.ToJSON(of, want)
			if err != nil || !sameJSON(string(text), c.json) {
				t.Errorf("shown as\n%s (%v), want\n%s", text, err, c.json)
			}
			body, err := codec.FromJSON("m", of, []byte(c.json))
			if err != nil {
				t.Fatal(err)
			}
			got := reflect.New(of.Elem())
			if err := codec.Unmarshal(body, got.Interface()); err != nil {
				t.Fatal(err)
			}
			again, err := codec.Marshal(got.Interface())
			if err != nil || !bytes.Equal(again, want) {
				t.Errorf("read as\n%x (%v), want\n%x", again, err, want)
			}
			validate(t, of, c.json)
		})
	}
}

// sameJSON reports whether two texts are JSON and differ only in the order of keys.
func sameJSON(a, b string) bool {
	var parsed [2]any
	for i, text := range []string{a, b} {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if d.Decode(&parsed[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(parsed[0], parsed[1])
}

func bigOf(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 10)
	return n
}

// validate has an independent validator look at JSON by the schema of a type.
func validate(t *testing.T, of reflect.Type, text string) {
	t.Helper()
	schema, err := codec.Schema(of)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.AssertContent()
	if err := compiler.AddResource("it.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("it.json")
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.ReplaceAll(text, "null", `"YWJj"`)))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := v.(map[string]any); ok {
		delete(v, "nil") // a schema has no null
	}
	if err := compiled.Validate(v); err != nil {
		t.Errorf("%s: %v", schema, err)
	}
}

// TestTextThatCannotBeReadIsShown shows a type that has text, and no way back.
func TestTextThatCannotBeReadIsShown(t *testing.T) {
	v := []shown{{}}
	b, err := codec.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := codec.ToJSON(reflect.TypeOf(v), b); err != nil || string(text) != `["<shown>"]` {
		t.Errorf("%s (%v)", text, err)
	}
}

// TestOtherWaysToWriteValues shows what is taken beside what ToJSON writes.
func TestOtherWaysToWriteValues(t *testing.T) {
	for _, c := range []struct {
		json string
		is   any
	}{
		{`90000000000`, new(90 * time.Second)},
		{`"-1.5h"`, new(-90 * time.Minute)},
		{`{"90000000000":1,"2m":2}`, &map[time.Duration]int{90 * time.Second: 1, 2 * time.Minute: 2}},
		{`"2026-01-02T04:04:05+01:00"`, new(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Local())},
		{`[97,98,99]`, &[]byte{'a', 'b', 'c'}},
		{`null`, new(*time.Duration)},
		{`"::ffff:10.0.0.1"`, new(net.IPv4(10, 0, 0, 1))},
		{`"12"`, new(any("12"))},
		{`"YWJj"`, new("YWJj")},
		{`{"unknown":{"wait":"1m"},"Wait":"1m"}`, &struct{ Wait time.Duration }{time.Minute}},
	} {
		of := reflect.TypeOf(c.is)
		body, err := codec.FromJSON("m", of, []byte(c.json))
		if err != nil {
			t.Errorf("%s: %v", c.json, err)
			continue
		}
		got := reflect.New(of.Elem())
		if err := codec.Unmarshal(body, got.Interface()); err != nil || !reflect.DeepEqual(got.Interface(), c.is) {
			t.Errorf("%s is read as %v (%v)", c.json, got.Elem(), err)
		}
	}
}

func TestWrongTextIsToldInTheCallersWords(t *testing.T) {
	type order struct {
		Wait  time.Duration            `json:"wait"`
		Due   *time.Time               `json:"due"`
		From  []net.IP                 `json:"from"`
		Raw   []byte                   `json:"raw"`
		ID    UUID                     `json:"id"`
		Per   map[string]colour        `json:"per"`
		Every map[time.Duration]string `json:"every"`
	}
	for _, c := range [][2]string{
		{`{"wait":"abc"}`, `put.wait wants a duration such as 1m30s, got "abc"`},
		{`{"wait":90.5}`, `put.wait wants a duration such as 1m30s, got the number 90.5`},
		{`{"wait":true}`, `put.wait wants a duration such as 1m30s, got a boolean`},
		{`{"wait":"` + strings.Repeat("x", 100) + `"}`, `got "` + strings.Repeat("x", 64) + `..."`},
		{`{"due":"tomorrow"}`, `put.due wants a time such as 2026-01-02T15:04:05Z, got "tomorrow"`},
		{`{"due":5}`, `put.due wants a time such as 2026-01-02T15:04:05Z, got the number 5`},
		{`{"from":["10.0.0.1","x"]}`, `put.from[1] wants an IP address such as 10.0.0.1, got "x"`},
		{`{"from":[{}]}`, `put.from[0] wants an IP address such as 10.0.0.1, got an object`},
		{`{"raw":"not base64"}`, `put.raw wants binary in base64, got "not base64"`},
		{`{"raw":[256]}`, `put.raw wants bytes, got the number 256`},
		{`{"id":"x"}`, `put.id wants a UUID such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8, got "x"`},
		{`{"per":{"a":"blue"}}`, `put.per.a can't be "blue": it is none of red, green`},
		{`{"per":{"a":1}}`, `put.per.a wants a string, got the number 1`},
		{`{"every":{"soon":"x"}}`, `a key of put.every wants a duration such as 1m30s, got "soon"`},
	} {
		text, want := c[0], c[1]
		_, err := codec.FromJSON("put", reflect.TypeFor[order](), []byte(text))
		if api.CodeOf(err) != api.CodeInvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestWhatDoesNotFitIsLeftToTheDecoder shows that values of other kinds than their types' are encoded as they are,
// and shown as they are.
func TestWhatDoesNotFitIsLeftToTheDecoder(t *testing.T) {
	for _, c := range []struct {
		of   reflect.Type
		text string
	}{
		{reflect.TypeFor[holder[int]](), `{"field":"x","slice":{"a":[1]},"key":[1],"value":3,"struct":null}`},
		{reflect.TypeFor[[]time.Duration](), `{"a":1}`},
		{reflect.TypeFor[map[int]bool](), `{"a":1}`},
		{reflect.TypeFor[bool](), `"2026"`},
		{nil, `{"a":[1,"x",null]}`},
	} {
		body, err := codec.FromJSON("m", c.of, []byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		text, err := codec.ToJSON(c.of, body)
		if err != nil || !sameJSON(string(text), c.text) {
			t.Errorf("%s comes back as %s (%v)", c.text, text, err)
		}
	}
}

// panics has methods that panic.
type panics struct{ N int }

func (panics) MarshalText() ([]byte, error)  { panic("no text") }
func (*panics) UnmarshalText(b []byte) error { panic("no text") }

func TestAMethodThatPanicsIsAnError(t *testing.T) {
	if _, err := codec.FromJSON("m", reflect.TypeFor[panics](), []byte(`"x"`)); err == nil {
		t.Error("no error")
	}
	if text, err := codec.ToJSON(reflect.TypeFor[panics](), []byte{0xa1, 'x'}); err == nil && string(text) != `"x"` {
		t.Errorf("%s", text)
	}
}

func TestPlainTypes(t *testing.T) {
	for _, c := range []struct {
		of   any
		want bool
	}{
		{nil, true}, {1, true}, {new(holder[int]), true}, {new(holder[string]), true}, {time.Time{}, true},
		{map[string]any{}, true}, {struct{}{}, true},
		{time.Second, false}, {[]byte{}, false}, {new(holder[time.Duration]), false}, {net.IP{}, false},
		{[]map[string]*UUID{}, false}, {map[colour]int{}, false}, {struct{ A []struct{ B [3]byte } }{}, false},
	} {
		if got := codec.Plain(reflect.TypeOf(c.of)); got != c.want {
			t.Errorf("%T: %t", c.of, got)
		}
	}
}
