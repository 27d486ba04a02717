// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"bufio"
	"encoding/binary"
	"net"
	"sync/atomic"
)

// coalescer lies between yamux and its connection, which yamux would make two system calls for
// a frame: one for the header, one for the body. It holds the header of a frame of data back until the
// body comes, and reads in large pieces. Like yamux, it has one writer and one reader at a time.
type coalescer struct {
	net.Conn
	guard
	held    []byte // a header whose body is still to come
	written atomic.Int64
}

// copyBytesMax is the largest body that is copied behind its header for one write.
const copyBytesMax = 32 << 10

// keptBytesMax is the largest buffer that is kept for the next write.
const keptBytesMax = 4 << 10

// A frame of yamux, https://github.com/hashicorp/yamux/blob/master/spec.md, begins with version, type (1 byte each),
// flags (2), stream (4), length (4). Only one of type data has a body, of that length.
const (
	yamuxHeaderBytes  = 12
	yamuxTypeOffset   = 1
	yamuxTypeData     = 0
	yamuxLengthOffset = 8
)

func newCoalescer(conn net.Conn) *coalescer {
	c := &coalescer{Conn: conn}
	c.guard.reader, c.guard.sent = bufio.NewReaderSize(conn, connBufferBytes), &c.written
	return c
}

// Read reads what the guard lets through.
func (c *coalescer) Read(p []byte) (int, error) { return c.guard.Read(p) }

// Write holds a header of data back, and writes everything else with what is held.
func (c *coalescer) Write(p []byte) (int, error) {
	c.written.Add(int64(len(p)))
	if len(c.held) == 0 {
		if announcesBody(p) {
			c.held = append(c.held, p...)
			return len(p), nil
		}
		return c.Conn.Write(p)
	}
	header := c.held
	c.held = c.held[:0]
	if len(p) <= copyBytesMax {
		both := append(header, p...)
		n, err := c.Conn.Write(both)
		if cap(both) <= keptBytesMax {
			c.held = both[:0]
		} else {
			c.held = nil
		}
		return max(n-yamuxHeaderBytes, 0), err
	}
	both := net.Buffers{header, p}
	n, err := both.WriteTo(c.Conn)
	return max(int(n)-yamuxHeaderBytes, 0), err
}

func announcesBody(p []byte) bool {
	return len(p) == yamuxHeaderBytes && p[yamuxTypeOffset] == yamuxTypeData &&
		binary.BigEndian.Uint32(p[yamuxLengthOffset:]) > 0
}
