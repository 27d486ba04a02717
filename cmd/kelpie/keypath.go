// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// keyHelp is how keys of the store are written.
const keyHelp = `Keys are tuples, written as paths below the cluster's prefix: claim/counter/a.
An element that is not text begins with '#': #7 is an integer, #x00ff bytes,
#null, #true and #false themselves. In text, %2F stands for '/', %25 for '%',
and %23 for a '#' at its beginning. A key of text, whole numbers, true, false
and null can also be written as a JSON array, ["claim","counter","a"], and any
key of the store as its bytes, 0x02....`

// formatKey writes a key of the store as keyHelp says: a path without registry.Prefix if it can be one, else bytes.
func formatKey(key []byte) string {
	t, err := tuple.Unpack(key)
	if err == nil && len(t) > 0 && t[0] == registry.Prefix {
		if path, ok := formatPath(t[1:]); ok {
			return path
		}
	}
	return "0x" + hex.EncodeToString(key)
}

// parseKey is the inverse of formatKey. Errors are CodeInvalidArgument.
func parseKey(s string) ([]byte, error) {
	var t tuple.Tuple
	var err error
	switch {
	case strings.HasPrefix(s, "0x"):
		key, err := hex.DecodeString(s[2:])
		if err != nil {
			return nil, keyError(s, "is not hexadecimal")
		}
		return key, nil
	case strings.HasPrefix(s, "["):
		t, err = parseTupleJSON(s)
	default:
		t, err = parsePath(s)
	}
	if err != nil {
		return nil, keyError(s, err.Error())
	}
	return tuple.Pack(append(tuple.Tuple{registry.Prefix}, t...)...), nil
}

func keyError(key, reason string) error {
	return api.Errorf(api.CodeInvalidArgument, "key %q: %s", key, reason)
}

// formatPath reports false for a tuple that a path can't tell from another.
func formatPath(t tuple.Tuple) (string, bool) {
	if len(t) == 1 && t[0] == "" {
		return "", false // the path of no elements
	}
	parts := make([]string, len(t))
	for i, elem := range t {
		switch e := elem.(type) {
		case string:
			parts[i] = escapeElement(e, i == 0)
		case int64, uint64, *big.Int, nil, bool:
			parts[i] = "#" + scalarText(e)
		case []byte:
			parts[i] = "#x" + hex.EncodeToString(e)
		default:
			return "", false
		}
	}
	return strings.Join(parts, "/"), true
}

func scalarText(v any) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(v)
}

// escapeElement escapes what would be taken for something else, or can't be seen.
func escapeElement(s string, first bool) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		// At the beginning of a path, '[' is that of an array and 0x that of hexadecimal.
		special := i == 0 && (c == '#' || first && (c == '[' || strings.HasPrefix(s, "0x")))
		if special || c == '/' || c == '%' || c <= ' ' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func parsePath(s string) (tuple.Tuple, error) {
	if s == "" {
		return nil, nil
	}
	var t tuple.Tuple
	for part := range strings.SplitSeq(s, "/") {
		var elem any
		var err error
		if strings.HasPrefix(part, "#") {
			elem, err = parseScalar(part[1:])
		} else {
			elem, err = unescapeElement(part)
		}
		if err != nil {
			return nil, err
		}
		t = append(t, elem)
	}
	return t, nil
}

func parseScalar(s string) (any, error) {
	switch {
	case s == "null":
		return nil, nil
	case s == "true" || s == "false":
		return s == "true", nil
	case strings.HasPrefix(s, "x"):
		b, err := hex.DecodeString(s[1:])
		if err != nil {
			return nil, fmt.Errorf("#%s is not hexadecimal", s)
		}
		return b, nil
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return nil, fmt.Errorf("#%s is neither a whole number nor #null, #true, #false or #x with hexadecimal; write "+
			"%%23 for a '#' in text", s)
	}
	return checkInteger(n)
}

// integerBytesMax is the size of the greatest integer of a tuple.
const integerBytesMax = 255

func checkInteger(n *big.Int) (any, error) {
	if n.BitLen() > 8*integerBytesMax {
		return nil, fmt.Errorf("an integer has at most %d bytes", integerBytesMax)
	}
	return n, nil
}

func unescapeElement(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("%% needs two hexadecimal digits behind it; write %%25 for itself")
		}
		c, err := hex.DecodeString(s[i+1 : i+3])
		if err != nil {
			return "", fmt.Errorf("%%%s is not two hexadecimal digits; write %%25 for '%%'", s[i+1:i+3])
		}
		b.WriteByte(c[0])
		i += 2
	}
	return b.String(), nil
}

func parseTupleJSON(s string) (tuple.Tuple, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var elems []any
	if err := d.Decode(&elems); err != nil {
		return nil, fmt.Errorf("is not a JSON array: %s", jsonCause(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("has text after the JSON array")
	}
	t := make(tuple.Tuple, len(elems))
	for i, elem := range elems {
		switch e := elem.(type) {
		case string, bool, nil:
			t[i] = e
		case json.Number:
			n, ok := new(big.Int).SetString(e.String(), 10)
			if !ok {
				return nil, fmt.Errorf("%s is not a whole number", e)
			}
			var err error
			if t[i], err = checkInteger(n); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("element %d is neither text nor a whole number, true, false or null", i)
		}
	}
	return t, nil
}
