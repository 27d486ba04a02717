// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// jsonBytesMax bounds the JSON that is read for a request. The request is much smaller encoded,
// if anything: six characters of JSON can be one byte.
const jsonBytesMax = 8 * api.PayloadBytesMax

// readRequest reads the JSON argument of a call, from stdin if it is "-", and returns it as it is and encoded as a
// value of any type. Errors are CodeInvalidArgument and CodeTooLarge.
func readRequest(arg string, stdin io.Reader) (text, body []byte, err error) {
	text = []byte(arg)
	if arg == "-" {
		if text, err = io.ReadAll(io.LimitReader(stdin, jsonBytesMax+1)); err != nil {
			return nil, nil, fmt.Errorf("can't read the request from stdin: %w", err)
		}
	}
	if len(text) > jsonBytesMax {
		return nil, nil, tooLarge("more than " + strconv.Itoa(jsonBytesMax) + " bytes of JSON")
	}
	if body, err = encodeJSON(text); err != nil {
		return nil, nil, notJSON(arg, err)
	}
	return text, body, nil
}

// checkSize refuses an encoded request that no call carries.
func checkSize(body []byte) error {
	if len(body) > api.PayloadBytesMax {
		return tooLarge(strconv.Itoa(len(body)) + " bytes encoded")
	}
	return nil
}

// converter converts what people write and read of the calls of a method, by its types, which a node knows. Nodes of
// versions that can't do so leave it to what can be told without.
type converter struct {
	s                 *session
	namespace, method string
	// plain says that replies need no node.
	plain bool
}

// request encodes a request: as a value of any type it is body. Nothing has been called yet if it fails.
func (c *converter) request(ctx context.Context, text, body []byte) ([]byte, error) {
	reply, err := c.ask(ctx, &api.ConvertRequest{Request: text})
	switch api.CodeOf(err) {
	case api.CodeOK:
		c.plain = reply.Plain
		if text != nil {
			body = reply.Request
		}
	case api.CodeUnknownMethod, api.CodeUnknownNamespace: // an earlier version; the call tells if no node hosts it
		c.plain = true
	case api.CodeDeadlineExceeded, api.CodeUnknown:
		return nil, api.Errorf(api.CodeUnavailable, "%s of namespace %s was not called: %s", c.method, c.namespace,
			cli.Message(err))
	default:
		return nil, err
	}
	return body, checkSize(body)
}

// reply returns what an actor has answered as JSON. shown says why that is without the types of the method, if so.
func (c *converter) reply(ctx context.Context, body []byte) (text json.RawMessage, shown error, err error) {
	if !c.plain {
		reply, err := c.ask(ctx, &api.ConvertRequest{Reply: body})
		if err == nil {
			return reply.Reply, nil, nil
		}
		shown = err
	}
	text, err = transcodeAll(body)
	return text, shown, err
}

func (c *converter) ask(ctx context.Context, in *api.ConvertRequest) (*api.ConvertReply, error) {
	in.Namespace, in.Method = c.namespace, c.method
	return ask[api.ConvertRequest, api.ConvertReply](ctx, c.s, api.MethodConvert, in)
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
func encodeJSON(text []byte) ([]byte, error) { return codec.FromJSON("", nil, text) }

// transcodeAll returns the JSON of one msgpack value of any type.
func transcodeAll(b []byte) (json.RawMessage, error) { return codec.ToJSON(nil, b) }

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
