// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// InvokeFlags say how a call came to a node.
type InvokeFlags uint8

const (
	// InvokeForwarded is set by a node that passes a call on. The receiver
	// does not pass it on again: it answers CodeMoved.
	InvokeForwarded InvokeFlags = 1 << iota
	// InvokeMayClaim permits the receiver of a forwarded call to activate the actor.
	InvokeMayClaim
)

// InvokeRequest is the payload of MethodInvoke: a call of one actor's method.
type InvokeRequest struct {
	Actor  ActorID
	Method string
	// Key is the idempotency key; empty for none.
	Key   string
	Flags InvokeFlags
	// Body is the encoded request, up to PayloadBytesMax.
	Body []byte
}

const invokeRequestFields = 5

// AppendTo appends the encoding: a msgpack array of all fields but the body, then the
// body as it is.
func (r *InvokeRequest) AppendTo(b []byte) []byte {
	b = AppendArrayHeader(b, invokeRequestFields)
	b = AppendString(b, r.Actor.Namespace)
	b = AppendString(b, r.Actor.ID)
	b = AppendString(b, r.Method)
	b = AppendString(b, r.Key)
	b = AppendUint(b, uint64(r.Flags))
	return append(b, r.Body...)
}

// DecodeInvokeRequest decodes; Body aliases b. Errors are CodeInvalidArgument.
func DecodeInvokeRequest(b []byte) (InvokeRequest, error) {
	var r InvokeRequest
	d := NewDecoder(b)
	n := d.Array()
	r.Actor.Namespace = d.String()
	r.Actor.ID = d.String()
	r.Method = d.String()
	r.Key = d.String()
	r.Flags = InvokeFlags(d.Uint())
	for i := invokeRequestFields; i < n; i++ { // fields of later versions
		d.Skip()
	}
	if d.Err() != nil || n < invokeRequestFields {
		return InvokeRequest{}, Errorf(CodeInvalidArgument, "malformed request to an actor")
	}
	r.Body = d.Rest()
	return r, nil
}

// InvokeReply is the payload of a successful answer to MethodInvoke.
type InvokeReply struct {
	// OwnerAddress is where the actor was found, if not at the node that answers.
	OwnerAddress string
	// Body is the encoded reply, up to PayloadBytesMax.
	Body []byte
}

// AppendTo appends the encoding, as InvokeRequest's.
func (r *InvokeReply) AppendTo(b []byte) []byte {
	b = AppendArrayHeader(b, 1)
	b = AppendString(b, r.OwnerAddress)
	return append(b, r.Body...)
}

// DecodeInvokeReply decodes; Body aliases b. Errors are CodeInternal.
func DecodeInvokeReply(b []byte) (InvokeReply, error) {
	var r InvokeReply
	d := NewDecoder(b)
	n := d.Array()
	r.OwnerAddress = d.String()
	for i := 1; i < n; i++ {
		d.Skip()
	}
	if d.Err() != nil || n < 1 {
		return InvokeReply{}, Errorf(CodeInternal, "malformed reply of an actor")
	}
	r.Body = d.Rest()
	return r, nil
}

// Details of an error with CodeMoved.
const (
	DetailOwnerNode    = "owner_node"
	DetailOwnerAddress = "owner_address"
)

// DetailCode is the detail of an error with CodeApplication that holds the application's own code.
const DetailCode = "code"
