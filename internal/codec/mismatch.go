// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// mismatch says where a value that could not be decoded into a t has something of another kind, such as "add.count
// wants a whole number, got a string". subject names the value. It is "" if no kind is wrong: then only the decoder
// knows. b is well-formed.
func mismatch(subject string, t reflect.Type, b []byte) string {
	d := api.NewDecoder(b)
	return mismatched(subject, t, &d)
}

func mismatched(subject string, t reflect.Type, d *api.Decoder) string {
	b := d.Rest()
	for t.Kind() == reflect.Pointer && !decodesItself(t) {
		t = t.Elem()
	}
	if len(b) == 0 || isNil(b[0]) || decodesItself(t) || t.Kind() == reflect.Interface {
		d.Skip()
		return ""
	}
	want, takes := wants(t)
	if !takes(b[0]) {
		return fmt.Sprintf("%s wants %s, got %s", subject, want, formatName(b[0]))
	}
	switch {
	case isMap(b[0]) && t.Kind() == reflect.Struct:
		fields := fieldTypes(t)
		for range d.Map() {
			name := string(fieldName(d))
			field, known := fields[name]
			if !known {
				field = reflect.TypeFor[any]()
			}
			if wrong := mismatched(subject+"."+name, field, d); wrong != "" {
				return wrong
			}
		}
		return ""
	case isMap(b[0]) && t.Kind() == reflect.Map:
		for range d.Map() {
			key := keyName(d.Rest())
			if wrong := mismatched("a key of "+subject, t.Key(), d); wrong != "" {
				return wrong
			}
			if wrong := mismatched(subject+"."+key, t.Elem(), d); wrong != "" {
				return wrong
			}
		}
		return ""
	case isArray(b[0]) && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array):
		for i := range d.Array() {
			if wrong := mismatched(subject+"["+strconv.Itoa(i)+"]", t.Elem(), d); wrong != "" {
				return wrong
			}
		}
		return ""
	}
	d.Skip()
	return ""
}

// keyName is a key of a map for people.
func keyName(b []byte) string {
	if d := api.NewDecoder(b); len(b) > 0 && isString(b[0]) {
		return d.String()
	}
	return "?"
}

// wants returns what values a type takes, for people, and by the first byte of their encoding.
func wants(t reflect.Type) (name string, takes func(byte) bool) {
	text := func(b byte) bool { return isString(b) || isBinary(b) }
	switch t.Kind() {
	case reflect.Bool:
		return "a boolean", isBool
	case reflect.String:
		return "a string", text
	case reflect.Float32, reflect.Float64:
		return "a number", isNumber
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "binary", func(b byte) bool { return text(b) || isArray(b) }
		}
		return "a list", isArray
	case reflect.Map:
		return "an object", isMap
	case reflect.Struct:
		return "an object", func(b byte) bool { return isMap(b) || isArray(b) }
	}
	return "a whole number", isNumber
}

func formatName(b byte) string {
	switch {
	case isNumber(b):
		return "a number"
	case isString(b):
		return "a string"
	case isBinary(b):
		return "binary"
	case isBool(b):
		return "a boolean"
	case isMap(b):
		return "an object"
	case isArray(b):
		return "a list"
	}
	return "something else"
}

// fieldTypes are the types of a struct's fields by the names that they are encoded under.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	out := make(map[string]reflect.Type)
	eachField(t, func(name string, f reflect.Type) {
		if _, hidden := out[name]; !hidden {
			out[name] = f
		}
	})
	return out
}

// eachField calls f for the encoded fields of a struct in order, those of a struct itself before those of the structs
// that it embeds. The type has no struct that is embedded in itself.
func eachField(t reflect.Type, f func(name string, field reflect.Type)) {
	var embedded []reflect.Type
	for i := range t.NumField() {
		field := t.Field(i)
		if !encoded(field) {
			continue
		}
		name, inline := encodedName(field)
		if of := field.Type; field.Anonymous && inline && !decodesItself(of) {
			for of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			if of.Kind() == reflect.Struct {
				embedded = append(embedded, of)
				continue
			}
		}
		f(name, field.Type)
	}
	for _, e := range embedded {
		eachField(e, f)
	}
}
