// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"fmt"
	"reflect"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// checkIntegers passes over one value that is to be decoded by a shape, and refuses it if an integer in it is outside
// of what its place can hold: the decoder would keep its low bits, and so another number. The value is well-formed.
func (s *shape) checkIntegers(d *api.Decoder) error {
	b := d.Rest()
	switch {
	case s == nil || len(b) == 0:
	case s.integer != nil && isInteger(b[0]):
		return checkInteger(d, s.integer)
	case isMap(b[0]) && (s.key != nil || s.elem != nil):
		return s.checkMap(d)
	case isMap(b[0]) && s.fields != nil:
		return s.checkStruct(d)
	case isArray(b[0]) && (s.elem != nil || s.fields != nil):
		return s.checkArray(d)
	}
	d.Skip()
	return d.Err()
}

func (s *shape) checkMap(d *api.Decoder) error {
	for range d.Map() {
		if err := s.key.checkIntegers(d); err != nil {
			return err
		}
		if err := s.elem.checkIntegers(d); err != nil {
			return err
		}
	}
	return d.Err()
}

func (s *shape) checkStruct(d *api.Decoder) error {
	for range d.Map() {
		name := fieldName(d)
		if err := s.fields[string(name)].checkIntegers(d); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return d.Err()
}

// fieldName reads the name of a field, which may be encoded as binary too. Anything else names no field.
func fieldName(d *api.Decoder) []byte {
	switch format := d.Rest()[0]; {
	case isString(format):
		return d.StringBytes()
	case isBinary(format):
		return d.Bytes()
	}
	d.Skip()
	return nil
}

func (s *shape) checkArray(d *api.Decoder) error {
	for i := range d.Array() {
		elem := s.elem
		if i < len(s.order) {
			elem = s.order[i]
		}
		if err := elem.checkIntegers(d); err != nil {
			return err
		}
	}
	return d.Err()
}

// checkInteger reads an integer and holds it against a type.
func checkInteger(d *api.Decoder, t reflect.Type) error {
	signed := *d
	if n := signed.Int(); signed.Err() == nil {
		*d = signed
		return fit(holdsInt(t, n), n, t)
	}
	n := d.Uint() // over math.MaxInt64
	return fit(isUnsigned(t) && !t.OverflowUint(n), n, t)
}

func fit[N int64 | uint64](fits bool, n N, t reflect.Type) error {
	if fits {
		return nil
	}
	return fmt.Errorf("%d is out of the range of %s", n, t.Kind())
}

// holdsInt reports whether a type holds n. Floating-point types hold any, if not exactly.
func holdsInt(t reflect.Type, n int64) bool {
	switch {
	case isUnsigned(t):
		return n >= 0 && !t.OverflowUint(uint64(n))
	case t.Kind() <= reflect.Int64:
		return !t.OverflowInt(n)
	}
	return true
}

func isUnsigned(t reflect.Type) bool { return t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64 }
