// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// HandleTyped registers a method whose request and reply are structs, encoded as
// maps by the names in their msgpack tags, so that versions can differ in fields.
//
// A request that has a number outside of the range of its field, a text of more than 16 KiB or a list of more than
// 256 elements is refused with api.CodeInvalidArgument before anything is allocated. A field's tag limit:"N" sets
// another limit for it: in bytes of a text, in elements of a list.
func HandleTyped[Req, Resp any](m *Mux, method string, h func(ctx context.Context, req *Req) (*Resp, error)) {
	m.Handle(method, func(ctx context.Context, r *Request) ([]byte, error) {
		req := new(Req)
		if err := decode(r.Payload, req, true); err != nil {
			return nil, api.Errorf(api.CodeInvalidArgument, "malformed request to %s: %w", method, err)
		}
		resp, err := h(ctx, req)
		if err != nil {
			return nil, err
		}
		return msgpack.Marshal(resp)
	})
}

// CallTyped calls a method of HandleTyped, in ClassCall. Errors are as of Pool.Call; an answer
// that can't be decoded is api.CodeInternal, a request that can't be encoded api.CodeInvalidArgument.
func CallTyped[Req, Resp any](ctx context.Context, p *Pool, addr, method string, req *Req) (*Resp, error) {
	payload, err := msgpack.Marshal(req)
	if err != nil {
		return nil, notSentError(api.CodeInvalidArgument, "cannot encode the request to "+method, err)
	}
	answer, err := p.Call(ctx, addr, ClassCall, method, payload)
	if err != nil {
		return nil, err
	}
	resp := new(Resp)
	if err := decode(answer, resp, false); err != nil {
		return nil, api.Errorf(api.CodeInternal, "malformed answer to %s: %w", method, err)
	}
	return resp, nil
}

// decode decodes one value that is within the limits of its type, of a request or of an answer.
func decode(b []byte, v any, requested bool) (err error) {
	if err := checkShape(b, v, requested); err != nil {
		return err
	}
	defer env.Caught(&err) // msgpack's decoder panics on some values that are well-formed
	return msgpack.Unmarshal(b, v)
}
