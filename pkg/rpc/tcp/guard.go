// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// guard reads what a peer sends for yamux, and lets through only what a link needs. yamux trusts its peer: it answers
// each ping in a goroutine of its own, makes a stream of whatever is opened, and allocates what a frame of data says
// that it holds. Of all that a peer can send, only data takes memory here, as it comes.
type guard struct {
	reader *bufio.Reader
	// sent are the bytes written to the peer, which allow it to answer by as many updates of windows.
	sent *atomic.Int64
	// greeted says that the peer may send more than a hello.
	greeted atomic.Bool

	header  [yamuxHeaderBytes]byte
	pending []byte // of header, what yamux has still to read
	body    int    // bytes of the frame that are still to come
	piece   int    // bytes of the piece that yamux knows about, of these
	opened  int    // streams
	control int64  // frames without data
	data    int64  // bytes of data, until greeted
	turn    int    // bytes since other tasks were let run
}

const (
	// pieceBytes is the largest frame of data that yamux sees: it allocates as much before the data has come.
	pieceBytes = 16 << 10
	// A peer may send controlMin frames without data, and one more for every controlBytes that we send: yamux updates a
	// window once half of it was used.
	controlMin   = 64
	controlBytes = 32 << 10
	// helloBytes is how much data a peer may send before its hello was good: that, a class for each stream, and its
	// length.
	helloBytes = rpc.HelloBytesMax + rpc.Classes + 4
	// turnBytes is after how many bytes the others may run: reading never blocks while a peer floods us, and a task of
	// Go runs for 10 ms before another takes its place. A frame without data is a frameCost of them.
	turnBytes = 64 << 10
	frameCost = turnBytes / 16
)

// Types and flags of yamux's frames, beside those of coalescer.go.
const (
	yamuxVersionOffset = 0
	yamuxFlagsOffset   = 2
	yamuxTypeWindow    = 1
	yamuxTypeGoAway    = 3
	yamuxFlagSyn       = 1
)

var (
	errControl  = errors.New("the peer sends control frames that nothing asks for")
	errStreams  = errors.New("the peer opens more streams than there are classes")
	errTooEarly = errors.New("the peer sends more than a hello before its hello was answered")
)

// Read implements io.Reader for yamux.
func (g *guard) Read(p []byte) (int, error) {
	for {
		switch {
		case len(g.pending) > 0:
			n := copy(p, g.pending)
			g.pending = g.pending[n:]
			return n, nil
		case g.piece > 0:
			n, err := g.reader.Read(p[:min(len(p), g.piece)])
			g.piece -= n
			g.body -= n
			g.spend(n)
			return n, err
		case g.body > 0:
			g.announce(min(g.body, pieceBytes))
			g.header[yamuxFlagsOffset], g.header[yamuxFlagsOffset+1] = 0, 0 // they came with the first piece
			continue
		}
		if err := g.next(); err != nil {
			return 0, err
		}
	}
}

// announce has yamux read a header of n bytes of data.
func (g *guard) announce(n int) {
	binary.BigEndian.PutUint32(g.header[yamuxLengthOffset:], uint32(n))
	g.piece, g.pending = n, g.header[:]
}

// next reads a header.
func (g *guard) next() error {
	if _, err := io.ReadFull(g.reader, g.header[:]); err != nil {
		return err
	}
	g.spend(frameCost)
	g.pending = g.header[:]
	length := binary.BigEndian.Uint32(g.header[yamuxLengthOffset:])
	if binary.BigEndian.Uint16(g.header[yamuxFlagsOffset:])&yamuxFlagSyn != 0 {
		if g.opened++; g.opened > rpc.Classes {
			return errStreams
		}
	}
	if g.header[yamuxVersionOffset] != 0 {
		return fmt.Errorf("frame of version %d of yamux", g.header[yamuxVersionOffset])
	}
	switch kind := g.header[yamuxTypeOffset]; {
	case kind == yamuxTypeData && length > 0:
		return g.begin(length)
	case kind == yamuxTypeData, kind == yamuxTypeWindow, kind == yamuxTypeGoAway:
		if g.control++; g.control > controlMin+g.sent.Load()/controlBytes {
			return errControl
		}
		return nil
	}
	return errControl
}

// spend lets the others run once this connection has had its turn.
func (g *guard) spend(bytes int) {
	if g.turn += bytes; g.turn >= turnBytes {
		g.turn = 0
		runtime.Gosched()
	}
}

// begin begins a frame of data, of which yamux checks that the window has room for it piece by piece.
func (g *guard) begin(length uint32) error {
	if length > windowBytes {
		return fmt.Errorf("frame of %d bytes of data, and the window has %d", length, windowBytes)
	}
	if !g.greeted.Load() {
		if g.data += int64(length); g.data > helloBytes {
			return errTooEarly
		}
	}
	g.body = int(length)
	g.announce(min(g.body, pieceBytes))
	return nil
}
