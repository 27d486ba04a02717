// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Limits of a request of HandleTyped, for each field whose tag "limit" sets none.
const (
	// requestTextMax bounds a string or binary, in bytes: the longest key of a store fits.
	requestTextMax = 16 << 10
	// requestListMax bounds the elements of a list or map.
	requestListMax = 256
	// keyTextMax bounds a key of a map, in bytes: such keys are names.
	keyTextMax = 1 << 10
)

// answerBytesMax bounds the memory that a decoded answer takes, beside its texts: see shape.check.
const answerBytesMax = 64 << 20

var errAnswerTooLarge = errors.New("its lists take too much memory")

// shape is what a message may look like, by the type that it is decoded into. A message is checked against it before
// anything is allocated: msgpack's decoder believes any length that it reads, wraps integers that do not fit, and
// recurses as deep as the message says.
type shape struct {
	kind   reflect.Kind
	name   string // of the field, for errors
	bits   int    // of an integer
	limit  int    // bytes of a text, or elements of a list or map; 0 is no limit of its own
	size   int64  // memory that an element of the list or map takes
	elem   *shape // of a list or map, or what a pointer points to
	fields map[string]*shape
}

// checker checks one message.
type checker struct {
	d api.Decoder
	// requested says that the limits of a request apply where the type sets none.
	requested bool
	// left is the memory that lists and maps may still take.
	left int64
}

var shapes sync.Map // of reflect.Type to *shape

// checkShape checks that b is one value of v's type, within the limits.
func checkShape(b []byte, v any, requested bool) error {
	t := reflect.TypeOf(v).Elem()
	s, ok := shapes.Load(t)
	if !ok {
		s, _ = shapes.LoadOrStore(t, newShape(t, t.Name(), 0, make(map[reflect.Type]*shape)))
	}
	c := checker{d: api.NewDecoder(b), requested: requested, left: answerBytesMax}
	return c.check(s.(*shape))
}

var timeType = reflect.TypeFor[time.Time]()

// newShape returns the shape of a type. made are the structs that it is inside of.
func newShape(t reflect.Type, name string, limit int, made map[reflect.Type]*shape) *shape {
	s := &shape{kind: t.Kind(), name: name, limit: limit}
	if t == timeType {
		s.kind = reflect.Invalid // whatever it is encoded as
		return s
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.bits = t.Bits()
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64:
	case reflect.Pointer:
		s.elem = newShape(t.Elem(), name, limit, made)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			s.kind = reflect.String
			break
		}
		s.elem, s.size = newShape(t.Elem(), name, 0, made), int64(t.Elem().Size())
	case reflect.Map:
		s.elem, s.size = newShape(t.Elem(), name, 0, made), int64(t.Elem().Size()+t.Key().Size())
	case reflect.Struct:
		if same := made[t]; same != nil {
			return same
		}
		made[t] = s
		s.fields = make(map[string]*shape)
		s.addFields(t, made)
	default:
		s.kind = reflect.Invalid
	}
	return s
}

func (s *shape) addFields(t reflect.Type, made map[reflect.Type]*shape) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("msgpack"), ",")
		switch {
		case name == "-", !f.IsExported():
			continue
		case f.Anonymous && f.Type.Kind() == reflect.Struct && (name == "" || strings.Contains(options, "inline")):
			s.addFields(f.Type, made)
			continue
		case name == "":
			name = f.Name
		}
		limit, err := strconv.Atoi(f.Tag.Get("limit"))
		if err != nil && f.Tag.Get("limit") != "" {
			panic("rpc: the limit of " + t.Name() + "." + f.Name + " is no number")
		}
		s.fields[name] = newShape(f.Type, name, limit, made)
	}
}

// check reads one value of a shape, or nil.
func (c *checker) check(s *shape) error {
	if c.d.Nil() {
		return nil
	}
	switch s.kind {
	case reflect.Pointer:
		return c.check(s.elem)
	case reflect.Struct:
		return c.fields(s)
	case reflect.Slice:
		return c.list(s, c.d.Array(), false)
	case reflect.Map:
		return c.list(s, c.d.Map(), true)
	case reflect.String:
		return c.text(s)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return c.signed(s)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return c.unsigned(s)
	}
	c.d.Skip()
	return c.d.Err()
}

// fields reads a map by the names of a struct's fields. Others are of later versions.
func (c *checker) fields(s *shape) error {
	for range c.d.Map() {
		name := c.d.StringBytes()
		field := s.fields[string(name)]
		if field == nil {
			c.d.Skip()
		} else if err := c.check(field); err != nil {
			return err
		}
		if err := c.d.Err(); err != nil {
			return err
		}
	}
	return c.d.Err()
}

// list reads n elements, with keys before them if keyed.
func (c *checker) list(s *shape, n int, keyed bool) error {
	if err := c.d.Err(); err != nil {
		return err
	}
	if limit := c.limit(s, requestListMax); limit > 0 && n > limit {
		return fmt.Errorf("%s has %d elements: at most %d are allowed", s.name, n, limit)
	}
	if c.left -= int64(n) * s.size; c.left < 0 {
		return errAnswerTooLarge
	}
	for range n {
		if keyed {
			if err := c.text(s); err != nil {
				return err
			}
		}
		if err := c.check(s.elem); err != nil {
			return err
		}
	}
	return nil
}

// limit is that of a shape, or that of every request.
func (c *checker) limit(s *shape, requested int) int {
	if s.limit == 0 && c.requested {
		return requested
	}
	return s.limit
}

// text reads a string or binary, either of which a field of the other type takes.
func (c *checker) text(s *shape) error {
	n := c.d.TextLength()
	if err := c.d.Err(); err != nil {
		return err
	}
	limit := c.limit(s, requestTextMax)
	if s.elem != nil { // the key of a map
		limit = keyTextMax
	}
	if limit > 0 && n > limit {
		return fmt.Errorf("%s has %d bytes: at most %d are allowed", s.name, n, limit)
	}
	return nil
}

func (c *checker) signed(s *shape) error {
	i := c.d.Int()
	if err := c.d.Err(); err != nil {
		return outside(s, err)
	}
	if least := int64(-1) << (s.bits - 1); i < least || i > ^least {
		return outside(s, nil)
	}
	return nil
}

func (c *checker) unsigned(s *shape) error {
	u := c.d.Uint()
	if err := c.d.Err(); err != nil {
		return outside(s, err)
	}
	if s.bits < 64 && u>>s.bits != 0 {
		return outside(s, nil)
	}
	return nil
}

// outside is the error of what is no integer of a field's type.
func outside(s *shape, err error) error {
	if err != nil {
		return fmt.Errorf("%s is no %s: %w", s.name, s.kind, err)
	}
	return fmt.Errorf("%s is outside of the range of %s", s.name, s.kind)
}
