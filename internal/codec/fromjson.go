// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// FromJSON encodes one JSON value, as people write it, as a value of a type; subject names it in errors. Times,
// durations, binary and types with text of their own are written as ToJSON writes them, and keys of maps too; a
// duration may be a number of nanoseconds. Whole numbers stay exact in 64 bits. What does not fit the type otherwise
// is encoded as a value of any type, for Unmarshal to refuse. nil is the type of any value.
//
// Errors of CodeInvalidArgument say that something is not written as its type is; others that the text is not JSON,
// or has a number or nesting that can't be encoded.
func FromJSON(subject string, t reflect.Type, text []byte) (_ []byte, err error) {
	defer env.Caught(&err) // by methods of the type
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is text after the value")
	}
	if v, err = fitted(subject, t, v); err != nil {
		return nil, err
	}
	return Marshal(v)
}

// fitted returns a JSON value such that Marshal encodes it as one of a type.
func fitted(subject string, t reflect.Type, v any) (any, error) {
	t = pointee(t)
	if v == nil {
		return nil, nil
	}
	switch formOf(t) {
	case formTime:
		return fittedTime(subject, v)
	case formDuration:
		return fittedDuration(subject, v)
	case formBinary:
		return fittedBinary(subject, v)
	case formText:
		return fittedText(subject, t, v)
	}
	switch v := v.(type) {
	case json.Number:
		return exactNumber(v)
	case []any:
		return fittedList(subject, elemOf(t), v)
	case map[string]any:
		if key, elem := entryOf(t); key != nil && (key.Kind() != reflect.String || formOf(key) != formPlain) {
			return fittedEntries(subject, key, elem, v)
		}
		return fittedObject(subject, t, v)
	}
	return v, nil
}

func fittedList(subject string, elem reflect.Type, v []any) (any, error) {
	var err error
	for i := range v {
		if v[i], err = fitted(subject+"["+strconv.Itoa(i)+"]", elem, v[i]); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func fittedObject(subject string, t reflect.Type, v map[string]any) (any, error) {
	_, elem := entryOf(t)
	fields := fieldsOf(t)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if fields != nil {
			elem = fields[name]
		}
		value, err := fitted(subject+"."+name, elem, v[name])
		if err != nil {
			return nil, err
		}
		v[name] = value
	}
	return v, nil
}

// fittedEntries is fitted of a map whose keys are not strings.
func fittedEntries(subject string, key, elem reflect.Type, v map[string]any) (any, error) {
	out := api.AppendMapHeader(nil, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		k, err := fittedKey("a key of "+subject, key, name)
		if err != nil {
			return nil, err
		}
		value, err := fitted(subject+"."+name, elem, v[name])
		if err != nil {
			return nil, err
		}
		for _, part := range []any{k, value} {
			b, err := Marshal(part)
			if err != nil {
				return nil, err
			}
			out = append(out, b...)
		}
	}
	return msgpack.RawMessage(out), nil
}

// fittedKey is fitted of the key of a map, which JSON has as text whatever it is.
func fittedKey(subject string, t reflect.Type, name string) (any, error) {
	t = pointee(t)
	if f := formOf(t); f != formPlain && f != formDuration {
		return fitted(subject, t, name)
	}
	number := json.Number(name)
	switch t.Kind() {
	case reflect.Bool:
		if b, err := strconv.ParseBool(name); err == nil {
			return b, nil
		}
	case reflect.Float32, reflect.Float64:
		if f, err := number.Float64(); err == nil {
			return f, nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if _, err := strconv.ParseFloat(name, 64); err == nil && !strings.ContainsAny(name, "xXpP_nN") {
			return fitted(subject, t, number)
		}
	}
	return fitted(subject, t, name)
}

func fittedTime(subject string, v any) (any, error) {
	if s, ok := v.(string); ok {
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return at, nil
		}
	}
	return nil, errWritten(subject, "a time such as 2026-01-02T15:04:05Z", v, nil)
}

const durationExample = "a duration such as 1m30s"

func fittedDuration(subject string, v any) (any, error) {
	switch v := v.(type) {
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return int64(d), nil
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
	}
	return nil, errWritten(subject, durationExample, v, nil)
}

// fittedBinary takes base64, or a list of bytes, as encoding/json does.
func fittedBinary(subject string, v any) (any, error) {
	switch v := v.(type) {
	case string:
		if b, err := base64.StdEncoding.DecodeString(v); err == nil {
			return b, nil
		}
	case []any:
		out := make([]byte, 0, len(v))
		for _, e := range v {
			n, _ := e.(json.Number)
			b, err := strconv.ParseUint(n.String(), 10, 8)
			if err != nil {
				return nil, errWritten(subject, "bytes", e, nil)
			}
			out = append(out, byte(b))
		}
		return out, nil
	}
	return nil, errWritten(subject, "binary in base64", v, nil)
}

// fittedText has encoding/json make a value of a type that has text of its own.
func fittedText(subject string, t reflect.Type, v any) (any, error) {
	if _, isText := v.(string); !isText && !has[json.Unmarshaler](t) {
		want := example(t)
		if want == "" {
			want = "a string"
		}
		return nil, errWritten(subject, want, v, nil)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	into := reflect.New(t)
	if err := json.Unmarshal(text, into.Interface()); err != nil {
		return nil, errWritten(subject, example(t), v, err)
	}
	b, err := Marshal(into.Interface())
	return msgpack.RawMessage(b), err
}

// shownMax bounds how much of a wrong value an error shows.
const shownMax = 64

// errWritten says that a value is not written as its type is: what is wanted, "" if only why tells.
func errWritten(subject, want string, v any, why error) error {
	got := kindName(v)
	switch v := v.(type) {
	case string:
		if len(v) > shownMax {
			v = strings.ToValidUTF8(v[:shownMax], "") + "..."
		}
		got = strconv.Quote(v)
	case json.Number:
		got = "the number " + v.String()
	}
	if want == "" {
		return api.Errorf(api.CodeInvalidArgument, "%s can't be %s: %v", subject, got, why)
	}
	return api.Errorf(api.CodeInvalidArgument, "%s wants %s, got %s", subject, want, got)
}

// kindName is what a JSON value is, for people.
func kindName(v any) string {
	switch v.(type) {
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "something else"
}

// exactNumber returns an int64, a uint64 if that is what it takes, or a float64 for what has a point or an exponent.
func exactNumber(n json.Number) (any, error) {
	s := n.String()
	if strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is too large a number", s)
		}
		return f, nil
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, nil
	}
	u, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return nil, fmt.Errorf(
			"%s does not fit into 64 bits; write it with a point, %s.0, to pass an approximate number", s, s)
	}
	return u, nil
}
