// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import "time"

// protocolVersionMin is the oldest version of the protocol that this package speaks; ProtocolVersion is the newest.
const protocolVersionMin = 1

// Limits of what crosses a connection.
const (
	// FrameBytesMax bounds a frame without its length.
	FrameBytesMax = 16 << 20
	// HelloBytesMax bounds a hello and its answer, and so what a peer can make us take before we know who it is.
	HelloBytesMax = 20_000
	// PayloadBytesMax bounds the payload of a request or an answer: a frame, with room for its header.
	PayloadBytesMax = FrameBytesMax - headerBytesMax
	// MethodBytesMax bounds the name of a method.
	MethodBytesMax = 255

	headerBytesMax = 64 << 10
	// headerElementsMax bounds the elements of a header, of which later versions may have
	// more than this one: passing over them costs time.
	headerElementsMax = 64
	// An error's text and details are cut to these, to fit into a header.
	errorTextBytesMax  = 8 << 10
	errorDetailsMax    = 16
	errorDetailByteMax = 1 << 10
	// identityBytesMax bounds each text of a hello.
	identityBytesMax = 4 << 10
)

// Sizes of what is queued for sending.
const (
	// inlineBytesMax is the largest payload that is copied next to its header, for
	// one write of many small frames; larger ones are sent from where they are.
	inlineBytesMax = 8 << 10
	// refusedBytesMin is the size of the smallest answer that is dropped for lack of room.
	refusedBytesMin = 4 << 10
	// requestBytes and taskBytes are about what a request takes until it is answered, beside its payload, and the task
	// that serves it.
	requestBytes = 512
	taskBytes    = 4 << 10
	// spareBytesMax is the largest buffer that a connection keeps for its next write.
	spareBytesMax = 256 << 10
)

// Times. They need not agree between peers.
const (
	// keepaliveInterval is how long a connection may be silent before it is pinged.
	keepaliveInterval = 2 * time.Second
	// silentIntervalsMax is after how many silent intervals the peer is taken for dead. It is
	// counted in ticks of our own, so that a process that was stopped for long
	// does not blame its peers.
	silentIntervalsMax = 3
	// handshakeTimeout is how long a server waits for the hello.
	handshakeTimeout = 5 * time.Second
	// helloDoublingsMax is how often the time doubles that a peer may take to answer the hello: to eight times the dial
	// timeout.
	helloDoublingsMax = 3
	// redialPatience is how long calls wait for a dial to an address that the last dial has not reached. The dial goes
	// on without them.
	redialPatience = 250 * time.Millisecond
	// lingerTimeout is how long a server that has answered everything leaves it to
	// the caller to close the connection, so that no answer is lost on the way.
	lingerTimeout = time.Second
	// timeoutMillisMax bounds what a peer may ask for, to stay clear of overflow: a year.
	timeoutMillisMax = 366 * 24 * 3600 * 1000
	// sweepInterval is how late the deadline of a call of Start may be noticed.
	sweepInterval = 10 * time.Millisecond
)

// Defaults of PoolConfig and ServerConfig.
const (
	defaultDialTimeout    = 5 * time.Second
	defaultBackoffMin     = 50 * time.Millisecond
	defaultBackoffMax     = 2 * time.Second
	defaultCallsMax       = 1 << 16
	defaultConnectionsMax = 1 << 12
	defaultRequestsMax    = 1 << 12
	defaultQueuedBytesMax = 64 << 20
	// defaultBudgetBytes is for all connections of a server together.
	defaultBudgetBytes = 64 << 20
)
