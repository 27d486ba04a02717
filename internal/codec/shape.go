// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding"
	"reflect"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// shape is what a type says about the integers in its encoding. A nil shape says nothing: values of that type
// decode themselves, or take any number.
type shape struct {
	// integer is an integer or floating-point type, for a number; nil for others.
	integer reflect.Type
	// key and elem are of the entries of a map, elem also of the elements of an array.
	key, elem *shape
	// fields are of a struct, by name, and in order for one that is encoded as an array.
	fields map[string]*shape
	order  []*shape
}

// shapes caches the shapes of types.
var shapes sync.Map // reflect.Type -> *shape

func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	s := newShape(t, make(map[reflect.Type]*shape))
	shapes.Store(t, s)
	return s
}

// newShape returns the shape of a type. seen are those on the way to it, for types that contain themselves.
func newShape(t reflect.Type, seen map[reflect.Type]*shape) *shape {
	if decodesItself(t) {
		return nil
	}
	if s, ok := seen[t]; ok {
		return s
	}
	s := new(shape)
	switch t.Kind() {
	case reflect.Pointer:
		return newShape(t.Elem(), seen)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		s.integer = t
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return nil // a binary
		}
		seen[t] = s
		s.elem = newShape(t.Elem(), seen)
	case reflect.Map:
		seen[t] = s
		s.key, s.elem = newShape(t.Key(), seen), newShape(t.Elem(), seen)
	case reflect.Struct:
		seen[t] = s
		s.fields = make(map[string]*shape)
		s.addFields(t, seen)
	default:
		return nil
	}
	return s
}

var selfDecoders = []reflect.Type{
	reflect.TypeFor[msgpack.CustomDecoder](), reflect.TypeFor[msgpack.Unmarshaler](),
	reflect.TypeFor[encoding.BinaryUnmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
}

func decodesItself(t reflect.Type) bool {
	for _, d := range selfDecoders {
		if t.Implements(d) || reflect.PointerTo(t).Implements(d) {
			return true
		}
	}
	return false
}

// addFields adds the fields of a struct under the names that msgpack gives them. Those of an embedded struct count
// as its own.
func (s *shape) addFields(t reflect.Type, seen map[reflect.Type]*shape) {
	for i := range t.NumField() {
		f := t.Field(i)
		if !encoded(f) {
			continue
		}
		name, inline := encodedName(f)
		field := newShape(f.Type, seen)
		if f.Anonymous && inline && field != nil && field.fields != nil {
			s.inline(field)
			continue
		}
		s.add(name, field)
		s.order = append(s.order, field)
	}
}

// inline adds the fields of an embedded struct, but for those that fields of the struct itself hide.
func (s *shape) inline(embedded *shape) {
	for name, field := range embedded.fields { //kelpie:unordered each has a name of its own
		s.add(name, field)
	}
	s.order = append(s.order, embedded.order...)
}

func (s *shape) add(name string, field *shape) {
	if _, hidden := s.fields[name]; !hidden {
		s.fields[name] = field
	}
}
