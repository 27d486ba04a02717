// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// SendBytesMax is the size of the largest encoded request of a message or an alarm: each is one value of the store.
const SendBytesMax = 90_000

// SendRequest is the request of MethodSend: which method is to be called with which encoded request.
type SendRequest struct {
	Method string
	Body   []byte
}

const (
	sendVersion = 1
	sendFields  = 2
)

// AppendTo appends the request, encoded.
func (r *SendRequest) AppendTo(b []byte) []byte {
	b = AppendArrayHeader(append(b, sendVersion), sendFields)
	b = AppendString(b, r.Method)
	return AppendBytes(b, r.Body)
}

// DecodeSendRequest reads a request back. Its Body shares memory with b. Errors are CodeInvalidArgument.
func DecodeSendRequest(b []byte) (r SendRequest, err error) {
	if len(b) == 0 || b[0] != sendVersion {
		return r, Errorf(CodeInvalidArgument, "malformed message from outside")
	}
	d := NewDecoder(b[1:])
	fields := d.Array()
	r.Method, r.Body = d.String(), d.Bytes()
	if d.Err() != nil || fields < sendFields {
		return r, Errorf(CodeInvalidArgument, "malformed message from outside")
	}
	return r, nil
}
