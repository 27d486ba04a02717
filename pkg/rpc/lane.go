// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import "github.com/kelpiehq/kelpie/pkg/env"

// lane is what waits to be sent in one class. It is guarded by its connection's lock.
// Small frames are gathered in one buffer; large payloads stay where they are and are
// woven in when the lane is taken.
type lane struct {
	buffer []byte
	large  []largePayload
	spare  []byte   // the buffer taken before, to be used again
	parts  [][]byte // the parts taken before, to be used again
	left   []func() // to be called when what is queued has left
	gone   []func() // those taken before, to be used again
	bytes  int      // queued
	// charged are the bytes of what is queued that count on the connection's account.
	charged int
	frames  uint64 // ever queued
	taken   uint64 // ever taken, of frames

	writing    bool // there is a writer
	writer     env.Parker
	writerIdle bool // parked, to be woken by who queues
	reader     env.Parker
	readerIdle bool // parked until there is room, to be woken by who takes
}

// largePayload follows the first at bytes of the lane's buffer.
type largePayload struct {
	at      int
	payload []byte
}

// push queues a frame: prefix and header, which are copied, and payload, which is if it is small. It
// returns the frame's number in the lane.
func (l *lane) push(header, payload []byte) uint64 {
	l.buffer = append(l.buffer, header...)
	if len(payload) <= inlineBytesMax {
		l.buffer = append(l.buffer, payload...)
	} else {
		l.large = append(l.large, largePayload{at: len(l.buffer), payload: payload})
	}
	l.bytes += len(header) + len(payload)
	l.frames++
	return l.frames
}

// take returns all that is queued, in order. It is valid until the next take.
func (l *lane) take() [][]byte {
	parts := l.parts[:0]
	at := 0
	for _, large := range l.large {
		parts = append(parts, l.buffer[at:large.at], large.payload)
		at = large.at
	}
	if at < len(l.buffer) {
		parts = append(parts, l.buffer[at:])
	}
	clear(l.large)
	l.large = l.large[:0]
	l.buffer, l.spare = l.spare[:0], l.buffer
	if cap(l.buffer) > spareBytesMax {
		l.buffer = nil
	}
	l.parts = parts
	l.bytes = 0
	l.taken = l.frames
	return parts
}

// takeCharged returns what counts of what was taken.
func (l *lane) takeCharged() int {
	charged := l.charged
	l.charged = 0
	return charged
}

// takeLeft returns what is to be called when what was taken has left. It is valid until the next takeLeft.
func (l *lane) takeLeft() []func() {
	left := l.left
	clear(l.gone)
	l.left, l.gone = l.gone[:0], left
	return left
}

// wakeWriter returns the writer's parker if the writer must be woken because something was queued.
func (l *lane) wakeWriter() env.Parker {
	if !l.writerIdle {
		return nil
	}
	l.writerIdle = false
	return l.writer
}

// wakeReader returns the reader's parker if the reader waits for room.
func (l *lane) wakeReader() env.Parker {
	if !l.readerIdle {
		return nil
	}
	l.readerIdle = false
	return l.reader
}

func unpark(p env.Parker) {
	if p != nil {
		p.Unpark()
	}
}
