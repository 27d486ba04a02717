// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// The codec follows pointers without counting. A value that contains itself would overflow the stack, which ends a
// Go process whatever recovers. Three checks keep it from that. Types that can't be encoded at all are refused by
// type. Values whose type can nest without bound are walked before they are encoded. And what the encoder writes is
// bounded, with a look at the stack now and then, as encoders of the author's own can't be walked.

const (
	// encodedBytesMax bounds what one value may encode to, as large as a frame on the wire: memory ends before the
	// value does if one substructure is shared over and over.
	encodedBytesMax = 16 << 20
	// walkDepthMax is how many containers inside one another the walk enters. It is above api.DepthMax, as an
	// embedded struct is no level of its own in the encoding: what lies between is left to the check of the
	// encoding.
	walkDepthMax = 2 * api.DepthMax
	// hopsMax is how many pointers and interfaces may lead straight to one another. They leave no trace in an
	// encoding.
	hopsMax = 100
	// framesMax is how deep the stack may be while a value is encoded; it is looked at once in framesEvery writes.
	framesMax   = 10_000
	framesEvery = 1024
	// pathNamesMax is how many steps of the way to what is too deep an error names.
	pathNamesMax = 6
)

var (
	errEncodedTooDeep = fmt.Errorf("it is nested deeper than %d levels, or contains itself", api.DepthMax)
	errEncodedTooLong = api.Errorf(api.CodeTooLarge,
		"it would take more than %d bytes encoded, or contains itself", encodedBytesMax)
)

// nesting is what a type says about how deep its values can be.
type nesting struct {
	// err says why values of the type can't be encoded or decoded at all.
	err error
	// unbounded types reach themselves or an interface.
	unbounded bool
	// fields are those of a struct whose values need a walk.
	fields []int
}

// nestings caches the nesting of types.
var nestings sync.Map // reflect.Type -> *nesting

func nestingOf(t reflect.Type) *nesting {
	if t == nil {
		return &nesting{}
	}
	if known, ok := nestings.Load(t); ok {
		return known.(*nesting)
	}
	x := typeWalk{entered: make(map[reflect.Type]bool), unbounded: make(map[reflect.Type]bool)}
	n := &nesting{unbounded: x.reaches(t), err: x.err}
	if n.err == nil && n.unbounded && t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			if f := t.Field(i); encoded(f) && nestingOf(f.Type).unbounded {
				n.fields = append(n.fields, i)
			}
		}
	}
	nestings.Store(t, n)
	return n
}

// typeWalk visits the types that one type is made of.
type typeWalk struct {
	entered   map[reflect.Type]bool // and not left yet
	unbounded map[reflect.Type]bool // of those that were left
	err       error
}

// reaches reports whether a type reaches itself, another one that does, or an interface.
func (x *typeWalk) reaches(t reflect.Type) bool {
	if known, ok := x.unbounded[t]; ok {
		return known
	}
	if x.entered[t] {
		return true
	}
	if encodesItself(t) {
		return false
	}
	x.entered[t] = true
	unbounded := x.parts(t)
	delete(x.entered, t)
	x.unbounded[t] = unbounded
	return unbounded
}

func (x *typeWalk) parts(t reflect.Type) (unbounded bool) {
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer:
		x.refuseRing(t)
		return x.reaches(t.Elem())
	case reflect.Slice, reflect.Array:
		return x.reaches(t.Elem())
	case reflect.Map:
		key, elem := x.reaches(t.Key()), x.reaches(t.Elem())
		return key || elem
	case reflect.Struct:
		x.refuseEmbedded(t, nil)
		for i := range t.NumField() {
			if f := t.Field(i); encoded(f) && x.reaches(f.Type) {
				unbounded = true
			}
		}
	}
	return unbounded
}

// refuseRing refuses a pointer that leads to nothing but pointers: the codec would never find an end to its type.
func (x *typeWalk) refuseRing(t reflect.Type) {
	seen := map[reflect.Type]bool{}
	for p := t; p.Kind() == reflect.Pointer; p = p.Elem() {
		if seen[p] {
			x.err = fmt.Errorf("type %v points to nothing but itself: it has no encoding", t)
			return
		}
		seen[p] = true
	}
}

// refuseEmbedded refuses a struct that is embedded in itself: its fields would be listed for ever. within are those
// that it is in.
func (x *typeWalk) refuseEmbedded(t reflect.Type, within []reflect.Type) {
	if slices.Contains(within, t) {
		x.err = fmt.Errorf("type %v is embedded in itself: it has no encoding; give the field a name", t)
		return
	}
	within = append(within, t)
	for i := range t.NumField() {
		f := t.Field(i)
		embedded := f.Type
		for hops := 0; embedded.Kind() == reflect.Pointer && hops < hopsMax; hops++ {
			embedded = embedded.Elem()
		}
		if f.Anonymous && embedded.Kind() == reflect.Struct && encoded(f) && !encodesItself(embedded) {
			x.refuseEmbedded(embedded, within)
		}
	}
}

// encoded reports whether the codec looks at a field of a struct.
func encoded(f reflect.StructField) bool {
	tag := f.Tag.Get("msgpack")
	if tag == "" {
		tag = f.Tag.Get("json")
	}
	name, _, _ := strings.Cut(tag, ",")
	return name != "-" && (f.IsExported() || f.Anonymous)
}

var selfEncoders = []reflect.Type{
	reflect.TypeFor[msgpack.CustomEncoder](), reflect.TypeFor[msgpack.Marshaler](),
	reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.TextMarshaler](),
}

// encodesItself reports whether values of a type are encoded by a method of theirs, or as their message.
func encodesItself(t reflect.Type) bool {
	if t == reflect.TypeFor[error]() {
		return true
	}
	if t.Kind() == reflect.Interface {
		return false // whatever it holds decides
	}
	return slices.ContainsFunc(selfEncoders, func(e reflect.Type) bool {
		return t.Implements(e) || t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(e)
	})
}

// checkDepth refuses a value that can't be encoded because it is nested too deep. n is the nesting of its type.
func checkDepth(v any, n *nesting) error {
	if n.err != nil || !n.unbounded {
		return n.err
	}
	w := valueWalk{left: encodedBytesMax}
	err := w.value(reflect.ValueOf(v), 0, 0)
	if errors.Is(err, errEncodedTooDeep) && len(w.path) > 0 {
		slices.Reverse(w.path)
		names := w.path[:min(len(w.path), pathNamesMax)]
		return fmt.Errorf("%w: at %s and deeper", err, strings.Join(names, "."))
	}
	return err
}

// valueWalk visits the parts of a value that may be nested without bound. It goes where the encoder would go.
type valueWalk struct {
	left int      // how many more values are visited: each takes a byte at least
	path []string // of what is too deep, the innermost field first
}

// value visits v, which is depth containers deep. hops pointers and interfaces lead straight to it.
func (w *valueWalk) value(v reflect.Value, depth, hops int) error {
	if !v.IsValid() {
		return nil
	}
	n := nestingOf(v.Type())
	if n.err != nil || !n.unbounded {
		return n.err
	}
	if depth > walkDepthMax || hops > hopsMax {
		return errEncodedTooDeep
	}
	if w.left--; w.left < 0 {
		return errEncodedTooLong
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return w.value(v.Elem(), depth, hops+1)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := w.value(v.Index(i), depth+1, 0); err != nil {
				return err
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); { //kelpie:unordered any that is too deep refuses them all
			if err := errors.Join(w.value(it.Key(), depth+1, 0), w.value(it.Value(), depth+1, 0)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for _, i := range n.fields {
			if err := w.value(v.Field(i), depth+1, 0); err != nil {
				w.path = append(w.path, v.Type().Field(i).Name)
				return err
			}
		}
	}
	return nil
}

// encodingBuffer is what an encoder writes to: bytes, as long as they and the stack are bounded.
type encodingBuffer struct {
	bytes  []byte
	writes int
}

func (b *encodingBuffer) Write(p []byte) (int, error) {
	if err := b.look(len(p)); err != nil {
		return 0, err
	}
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

func (b *encodingBuffer) WriteByte(c byte) error {
	if err := b.look(1); err != nil {
		return err
	}
	b.bytes = append(b.bytes, c)
	return nil
}

func (b *encodingBuffer) look(more int) error {
	if len(b.bytes)+more > encodedBytesMax {
		return errEncodedTooLong
	}
	if b.writes++; b.writes%framesEvery == 0 {
		var deepest [1]uintptr
		if runtime.Callers(framesMax, deepest[:]) > 0 {
			return errEncodedTooDeep
		}
	}
	return nil
}
