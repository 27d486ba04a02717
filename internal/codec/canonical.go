// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"reflect"
	"slices"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// mayBeUnordered caches, by type, whether its encodings may depend on the order of a map.
var mayBeUnordered sync.Map // reflect.Type -> bool

// unordered reports whether values of a type may hold maps.
func unordered(t reflect.Type) bool {
	if t == nil {
		return false
	}
	if known, ok := mayBeUnordered.Load(t); ok {
		return known.(bool)
	}
	holds := holdsMaps(t, make(map[reflect.Type]bool))
	mayBeUnordered.Store(t, holds)
	return holds
}

func holdsMaps(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Map, reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return holdsMaps(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsMaps(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// canonical returns a msgpack value with the entries of its maps in order of their encoded keys. Errors
// are those of api.Decoder: nesting over api.DepthMax among them.
func canonical(b []byte) ([]byte, error) {
	d := api.NewDecoder(b)
	if d.Skip(); d.Err() != nil {
		return nil, d.Err()
	}
	out, _, err := appendCanonical(make([]byte, 0, len(b)), b)
	return out, err
}

// appendCanonical appends the first value of b, and returns what follows it.
func appendCanonical(out, b []byte) (_, rest []byte, err error) {
	d := api.NewDecoder(b)
	switch {
	case isMap(b[0]):
		n := d.Map()
		return appendMap(append(out, b[:len(b)-len(d.Rest())]...), d.Rest(), n)
	case isArray(b[0]):
		n := d.Array()
		out, rest = append(out, b[:len(b)-len(d.Rest())]...), d.Rest()
		for range n {
			if out, rest, err = appendCanonical(out, rest); err != nil {
				return nil, nil, err
			}
		}
		return out, rest, nil
	}
	d.Skip()
	return append(out, b[:len(b)-len(d.Rest())]...), d.Rest(), d.Err()
}

// appendMap appends the n entries that b begins with.
func appendMap(out, b []byte, n int) (_, rest []byte, err error) {
	type entry struct{ key, value []byte }
	entries := make([]entry, n)
	for i := range entries {
		if entries[i].key, b, err = appendCanonical(nil, b); err != nil {
			return nil, nil, err
		}
		if entries[i].value, b, err = appendCanonical(nil, b); err != nil {
			return nil, nil, err
		}
	}
	slices.SortStableFunc(entries, func(x, y entry) int { return bytes.Compare(x.key, y.key) })
	for _, e := range entries {
		out = append(append(out, e.key...), e.value...)
	}
	return out, b, nil
}
