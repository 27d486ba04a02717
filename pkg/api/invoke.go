// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"strconv"
)

// InvokeFlags say how a call came to a node.
type InvokeFlags uint8

const (
	// InvokeForwarded is set by a node that passes a call on. The receiver
	// does not pass it on again: it answers CodeMoved.
	InvokeForwarded InvokeFlags = 1 << iota
	// InvokeMayClaim permits the receiver of a forwarded call to activate the actor.
	InvokeMayClaim
	// InvokeStale asks for a reading method to be answered from memory, without proof that nobody else has the actor
	// by now.
	InvokeStale
	// InvokeLastTry is set on a send that will be given up if it fails once more: the receiver then takes note,
	// durably, that it has failed.
	InvokeLastTry
	// InvokeOutside is set by the node that takes a send from a peer that is no node: anybody can name any sender.
	InvokeOutside
	// InvokePatient is set on a send whose deadline is later than that of its handler, so that the answer comes in
	// time.
	InvokePatient
	// InvokeRetry is set on a call of which an earlier try was sent and not answered: the node that had it may have
	// ended because of it.
	InvokeRetry
	// InvokeRedirect is set by a caller that may reach nodes which the one that it asks can't: it wants to know at once
	// where the actor's owner is, then.
	InvokeRedirect
)

// InvokeRequest is the payload of MethodInvoke: a call of one actor's method.
type InvokeRequest struct {
	Actor  ActorID
	Method string
	Flags  InvokeFlags
	// Key names the call; the zero key if the caller has given it none.
	Key CallKey
	// Chain are the actors whose handlers wait for the call, the outermost first; none for a call from outside.
	Chain []ActorID
	// Sender is the actor that has sent the call, as the SendNumber of its sends, which grow; zero for a call that
	// somebody waits for.
	Sender     ActorID
	SendNumber uint64
	// Body is the encoded request, up to PayloadBytesMax.
	Body []byte
}

const (
	invokeRequestFields = 13
	// Those of sends have their sender and number behind the others.
	sentRequestFields = invokeRequestFields + 3
)

// fields is how many the request is encoded with.
func (r *InvokeRequest) fields() int {
	if r.SendNumber == 0 && LaterFields == 0 {
		return invokeRequestFields
	}
	return sentRequestFields
}

// AppendTo appends the encoding: a msgpack array of all fields but the body, then the
// body as it is.
func (r *InvokeRequest) AppendTo(b []byte) []byte {
	b = AppendArrayHeader(b, r.fields()+LaterFields)
	b = AppendString(b, r.Actor.Namespace)
	b = AppendString(b, r.Actor.ID)
	b = AppendString(b, r.Method)
	b = AppendUint(b, uint64(r.Flags))
	b = AppendString(b, r.Key.Client)
	b = AppendUint(b, r.Key.Counter)
	b = AppendString(b, r.Key.Name)
	b = AppendString(b, r.Key.Path)
	b = AppendUint(b, r.Key.Birth)
	b = AppendUint(b, r.Key.Answered)
	b = AppendUint(b, r.Key.AnsweredHere)
	b = AppendInt(b, r.Key.Time)
	b = AppendArrayHeader(b, 2*len(r.Chain))
	for _, id := range r.Chain {
		b = AppendString(b, id.Namespace)
		b = AppendString(b, id.ID)
	}
	if r.SendNumber != 0 || LaterFields > 0 {
		b = AppendString(b, r.Sender.Namespace)
		b = AppendString(b, r.Sender.ID)
		b = AppendUint(b, r.SendNumber)
	}
	b = AppendLater(b)
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
	r.Flags = InvokeFlags(d.Uint())
	r.Key.Client = d.String()
	r.Key.Counter = d.Uint()
	r.Key.Name = d.String()
	r.Key.Path = d.String()
	r.Key.Birth = d.Uint()
	r.Key.Answered = d.Uint()
	r.Key.AnsweredHere = d.Uint()
	r.Key.Time = d.Int()
	links := d.Array()
	if d.Err() == nil && links <= 2*ChainMax {
		for range links / 2 {
			r.Chain = append(r.Chain, ActorID{Namespace: d.String(), ID: d.String()})
		}
	}
	known := invokeRequestFields
	if n >= sentRequestFields {
		known = sentRequestFields
		r.Sender = ActorID{Namespace: d.String(), ID: d.String()}
		r.SendNumber = d.Uint()
	}
	for i := known; i < n; i++ { // fields of later versions
		d.Skip()
	}
	if d.Err() != nil || n < invokeRequestFields || links > 2*ChainMax || links%2 != 0 {
		return InvokeRequest{}, Errorf(CodeInvalidArgument, "malformed request to an actor")
	}
	r.Body = d.Rest()
	return r, nil
}

// InvokeReply is the payload of a successful answer to MethodInvoke.
type InvokeReply struct {
	// OwnerAddress is where the actor was found, if not at the node that answers.
	OwnerAddress string
	// Version is one of the store's that the node has seen lately, from which the caller's next calls can be born.
	Version uint64
	// Body is the encoded reply, up to PayloadBytesMax.
	Body []byte
}

const invokeReplyFields = 2

// AppendTo appends the encoding, as InvokeRequest's.
func (r *InvokeReply) AppendTo(b []byte) []byte {
	b = AppendArrayHeader(b, invokeReplyFields+LaterFields)
	b = AppendString(b, r.OwnerAddress)
	b = AppendUint(b, r.Version)
	b = AppendLater(b)
	return append(b, r.Body...)
}

// DecodeInvokeReply decodes; Body aliases b. Errors are CodeInternal.
func DecodeInvokeReply(b []byte) (InvokeReply, error) {
	var r InvokeReply
	d := NewDecoder(b)
	n := d.Array()
	r.OwnerAddress = d.String()
	r.Version = d.Uint()
	for i := invokeReplyFields; i < n; i++ {
		d.Skip()
	}
	if d.Err() != nil || n < invokeReplyFields {
		return InvokeReply{}, Errorf(CodeInternal, "malformed reply of an actor")
	}
	r.Body = d.Rest()
	return r, nil
}

// Details of an error with CodeMoved: who has the actor. A CodeUnavailable with them is that of a node that can't reach
// the owner: the caller may.
const (
	DetailOwnerNode    = "owner_node"
	DetailOwnerAddress = "owner_address"
)

// DetailCode is the detail of an error with CodeApplication that holds the application's own code.
const DetailCode = "code"

// DetailFinal is the detail, with any value, of an error with CodeUnknown that another try would only get again.
const DetailFinal = "final"

// DetailBirth is the detail of a final CodeUnknown that refuses a call for its birth alone: it holds a version of the
// store. A caller that knows that no earlier try of the call can have run may make it again under the same key, born
// at that version.
const DetailBirth = "birth"

// RefusedBirth returns the version that a call can be born at which was refused for its birth alone (see DetailBirth).
func RefusedBirth(err error) (version uint64, ok bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != CodeUnknown {
		return 0, false
	}
	version, bad := strconv.ParseUint(e.Detail[DetailBirth], 10, 64)
	return version, bad == nil
}

// DetailRetryAfter is the detail of an error, mostly with CodeOverloaded, that says after how many milliseconds to
// try again.
const DetailRetryAfter = "retry_after_ms"

// DetailRan is the detail, with any value, of an error with CodeDeadlineExceeded to a send whose handler has run.
const DetailRan = "ran"

// DetailStoreSilent is the detail of an error with CodeUnavailable of a node that can't reach the store: for how many
// milliseconds it has had no answer.
const DetailStoreSilent = "store_silent_ms"

// DetailGivenUp is the detail, with any value, of an error to a send that the receiver will not run any more: it has
// failed at its last try.
const DetailGivenUp = "given_up"
