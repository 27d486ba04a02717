// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding"
	"encoding/json"
	"net"
	"net/netip"
	"reflect"
	"time"
)

// form says how people write the values of a type in JSON, where that is not as they are encoded.
type form int

const (
	// formPlain is as msgpack has it.
	formPlain form = iota
	// formTime is RFC 3339.
	formTime
	// formDuration is as time.Duration.String has it, or a number of nanoseconds.
	formDuration
	// formBinary is base64.
	formBinary
	// formText is what encoding/json makes of a type that has text of its own, such as net.IP.
	formText
	// formShown is text of a type that can't be read from it.
	formShown
)

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
)

// formOf returns the form of a type that is no pointer; nil is the type of any value.
func formOf(t reflect.Type) form {
	switch {
	case t == nil || t.Kind() == reflect.Interface:
		return formPlain
	case t == timeType:
		return formTime
	case t == durationType:
		return formDuration
	case has[encoding.TextMarshaler](t) && has[encoding.TextUnmarshaler](t):
		return formText
	case has[encoding.TextMarshaler](t) && !has[encoding.BinaryMarshaler](t):
		return formShown
	case decodesItself(t):
		return formPlain
	case (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() == reflect.Uint8:
		return formBinary
	}
	return formPlain
}

// has reports whether values of a type, or pointers to them, have the methods of an interface.
func has[I any](t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[I]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[I]())
}

// ownJSON reports whether a type is written in JSON by a method of its own, not as text.
func ownJSON(t reflect.Type) bool { return has[json.Marshaler](t) }

// example says what text a type takes, for people; "" if that is not known.
func example(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[net.IP](), reflect.TypeFor[netip.Addr]():
		return "an IP address such as 10.0.0.1"
	case reflect.TypeFor[netip.AddrPort]():
		return "an address with a port such as 10.0.0.1:80"
	case reflect.TypeFor[netip.Prefix]():
		return "a network such as 10.0.0.0/8"
	}
	if t.Name() == "UUID" {
		return "a UUID such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	}
	return ""
}

// pointersMax is how many pointers are followed to a type: a pointer may be to its own type.
const pointersMax = 8

// pointee returns what a type of pointers points to.
func pointee(t reflect.Type) reflect.Type {
	for i := 0; t != nil && t.Kind() == reflect.Pointer; i++ {
		if i == pointersMax {
			return nil
		}
		t = t.Elem()
	}
	return t
}

// elemOf returns the type of the elements of a list, nil for any.
func elemOf(t reflect.Type) reflect.Type {
	if t == nil || t.Kind() != reflect.Slice && t.Kind() != reflect.Array || decodesItself(t) {
		return nil
	}
	return t.Elem()
}

// entryOf returns the types of the keys and elements of a map, nil for any.
func entryOf(t reflect.Type) (key, elem reflect.Type) {
	if t == nil || t.Kind() != reflect.Map || decodesItself(t) {
		return nil, nil
	}
	return t.Key(), t.Elem()
}

// fieldsOf returns the types of the fields of a struct by the names that they are encoded under, nil for others.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if t == nil || t.Kind() != reflect.Struct || decodesItself(t) {
		return nil
	}
	return fieldTypes(t)
}

// Plain reports whether values of a type are in JSON as ToJSON writes those of any type.
func Plain(t reflect.Type) bool { return plain(t, make(map[reflect.Type]bool)) }

func plain(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t = pointee(t); t == nil || seen[t] {
		return true
	}
	seen[t] = true
	if f := formOf(t); f != formPlain {
		return f == formTime
	}
	key, elem := entryOf(t)
	if elem == nil {
		elem = elemOf(t)
	}
	if !plain(key, seen) || !plain(elem, seen) {
		return false
	}
	for _, f := range fieldsOf(t) { //kelpie:unordered all are looked at
		if !plain(f, seen) {
			return false
		}
	}
	return true
}
