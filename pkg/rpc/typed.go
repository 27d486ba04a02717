// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import "context"

// HandleTyped registers a method whose request and reply are structs, encoded as
// maps by the names in their msgpack tags, so that versions can differ in fields.
func HandleTyped[Req, Resp any](m *Mux, method string, h func(ctx context.Context, req *Req) (*Resp, error)) {
	panic("soon")
}

// CallTyped calls a method of HandleTyped, in ClassCall.
func CallTyped[Req, Resp any](ctx context.Context, p *Pool, addr, method string, req *Req) (*Resp, error) {
	panic("soon")
}
