// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
)

// schema is a JSON schema, of the draft of 2020-12, as far as Go types need it.
type schema struct {
	Type        any                `json:"type,omitempty"` // a string, or several
	Format      string             `json:"format,omitempty"`
	Encoding    string             `json:"contentEncoding,omitempty"`
	Description string             `json:"description,omitempty"`
	Minimum     *int64             `json:"minimum,omitempty"`
	Maximum     *uint64            `json:"maximum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Values      *schema            `json:"additionalProperties,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Defs        map[string]*schema `json:"$defs,omitempty"`
}

// DurationFormat is the format of durations in schemas: JSON schema knows another one.
const DurationFormat = "go-duration"

// Schema returns the JSON schema of the values of a type, as people and tools write them: what ToJSON writes, and
// FromJSON takes. Fields have the names that they are encoded under. None is required, as one that is missing is
// zero, and others are allowed, as they are ignored. nil is the type of any value.
func Schema(t reflect.Type) ([]byte, error) {
	w := schemaWalk{on: make(map[reflect.Type]string), defs: make(map[string]*schema)}
	s := w.of(t)
	if len(w.defs) > 0 {
		s.Defs = w.defs
	}
	return json.Marshal(s)
}

// schemaWalk describes types. A struct that contains itself becomes a definition, which it refers to.
type schemaWalk struct {
	on   map[reflect.Type]string // the structs on the way, "" for those that nothing has referred to
	defs map[string]*schema
}

func (w *schemaWalk) of(t reflect.Type) *schema {
	for t != nil && t.Kind() == reflect.Pointer && t.Elem().Kind() != reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return &schema{}
	}
	switch formOf(t) {
	case formTime:
		return &schema{Type: "string", Format: "date-time"}
	case formDuration:
		return &schema{Type: []string{"string", "integer"}, Format: DurationFormat,
			Description: durationExample + ", or a number of nanoseconds"}
	case formBinary:
		return &schema{Type: "string", Encoding: "base64"}
	case formText:
		if ownJSON(t) {
			return &schema{}
		}
		return &schema{Type: "string", Description: example(t)}
	case formShown:
		return &schema{Type: "string"}
	}
	if decodesItself(t) {
		return &schema{}
	}
	switch t.Kind() {
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Float32, reflect.Float64:
		return &schema{Type: "number"}
	case reflect.Slice, reflect.Array:
		return &schema{Type: "array", Items: w.of(t.Elem())}
	case reflect.Map:
		return &schema{Type: "object", Values: w.of(t.Elem())}
	case reflect.Struct:
		return w.ofStruct(t)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return integerSchema(t)
	}
	return &schema{}
}

func (w *schemaWalk) ofStruct(t reflect.Type) *schema {
	if name, within := w.on[t]; within {
		if name == "" {
			name = t.Name()
			for i := 2; w.defs[name] != nil; i++ {
				name = t.Name() + strconv.Itoa(i)
			}
			w.on[t], w.defs[name] = name, &schema{}
		}
		return &schema{Ref: "#/$defs/" + name}
	}
	w.on[t] = ""
	s := &schema{Type: "object", Properties: make(map[string]*schema)}
	eachField(t, func(name string, f reflect.Type) {
		if s.Properties[name] == nil {
			s.Properties[name] = w.of(f)
		}
	})
	name := w.on[t]
	delete(w.on, t)
	if name == "" {
		return s
	}
	*w.defs[name] = *s
	return &schema{Ref: "#/$defs/" + name}
}

// integerSchema says what an integer type holds, where that is less than 64 bits, or no negative number.
func integerSchema(t reflect.Type) *schema {
	s := &schema{Type: "integer"}
	bits := t.Bits()
	switch {
	case isUnsigned(t):
		least := int64(0)
		s.Minimum = &least
		if bits < 64 {
			most := uint64(1)<<bits - 1
			s.Maximum = &most
		}
	case bits < 64:
		least, most := int64(math.MinInt64)>>(64-bits), uint64(math.MaxInt64)>>(64-bits)
		s.Minimum, s.Maximum = &least, &most
	}
	return s
}
