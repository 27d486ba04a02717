// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"bufio"
	"encoding/binary"
	"net"
)

// coalescer lies between yamux and its connection, which yamux would make two system calls for
// a frame: one for the header, one for the body. It holds the header of a frame of data back until the
// body comes, and reads in large pieces. Like yamux, it has one writer and one reader at a time.
type coalescer struct {
	net.Conn
	reader *bufio.Reader
	held   []byte // a header whose body is still to come; has room for copyBytesMax
}

// copyBytesMax is the largest body that is copied behind its header for one write.
const copyBytesMax = 32 << 10

// A frame of yamux, https://github.com/hashicorp/yamux/blob/master/spec.md, begins with version, type (1 byte each),
// flags (2), stream (4), length (4). Only one of type data has a body, of that length.
const (
	yamuxHeaderBytes  = 12
	yamuxTypeOffset   = 1
	yamuxTypeData     = 0
	yamuxLengthOffset = 8
)

func newCoalescer(conn net.Conn) *coalescer {
	return &coalescer{Conn: conn, reader: bufio.NewReaderSize(conn, connBufferBytes),
		held: make([]byte, 0, yamuxHeaderBytes+copyBytesMax)}
}

func (c *coalescer) Read(p []byte) (int, error) { return c.reader.Read(p) }

// Write holds a header of data back, and writes everything else with what is held.
func (c *coalescer) Write(p []byte) (int, error) {
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
		n, err := c.Conn.Write(append(header, p...))
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
