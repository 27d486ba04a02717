// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// jsonBytesMax bounds the JSON that is read for a request. The request is much smaller encoded,
// if anything: six characters of JSON can be one byte.
const jsonBytesMax = 8 * api.PayloadBytesMax

// readRequest encodes the JSON argument of a call, read from stdin if it is "-", as actors' requests are. Errors are
// CodeInvalidArgument and CodeTooLarge.
func readRequest(arg string, stdin io.Reader) ([]byte, error) {
	text := []byte(arg)
	if arg == "-" {
		var err error
		if text, err = io.ReadAll(io.LimitReader(stdin, jsonBytesMax+1)); err != nil {
			return nil, fmt.Errorf("can't read the request from stdin: %w", err)
		}
	}
	if len(text) > jsonBytesMax {
		return nil, tooLarge("more than " + strconv.Itoa(jsonBytesMax) + " bytes of JSON")
	}
	body, err := encodeJSON(text)
	if err != nil {
		return nil, notJSON(arg, err)
	}
	if len(body) > api.PayloadBytesMax {
		return nil, tooLarge(strconv.Itoa(len(body)) + " bytes encoded")
	}
	return body, nil
}

func notJSON(arg string, err error) error {
	wrong := api.Errorf(api.CodeInvalidArgument, "the request is not JSON: %s", jsonCause(err))
	if first, _ := utf8.DecodeRuneInString(arg); unicode.IsLetter(first) {
		return cli.Advise(wrong, "put text into double quotes, inside those of the shell: '\"text\"'")
	}
	return wrong
}

func tooLarge(size string) error {
	return api.Errorf(api.CodeTooLarge, "the request has %s; a call carries at most %d bytes", size,
		api.PayloadBytesMax)
}

// encodeJSON encodes one JSON value as msgpack. Whole numbers stay exact in 64 bits.
func encodeJSON(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is text after the value")
	}
	v, err := exactNumbers(v)
	if err != nil {
		return nil, err
	}
	return actor.Marshal(v)
}

// exactNumbers replaces the numbers within v, in place, by Go's.
func exactNumbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		return exactNumber(v)
	case []any:
		for i := range v {
			if v[i], err = exactNumbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			if v[name], err = exactNumbers(v[name]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
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

// jsonCause says what is wrong with JSON in a person's words.
func jsonCause(err error) string {
	if errors.Is(err, io.EOF) {
		return "it is empty"
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("%v (byte %d)", e, e.Offset)
	}
	return err.Error()
}
