// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"
	"golang.org/x/time/rate"

	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Sizes of the buffers that bytes are read into, of the connection and of its streams. Every connection has them, so
// they are small: what is larger goes past them.
const (
	connBufferBytes    = 4 << 10
	streamBufferBytes  = 4 << 10
	controlBufferBytes = 512
)

// link implements rpc.Link. The streams of the accepting side come one by one.
type link struct {
	session   *yamux.Session
	wire      *coalescer
	streams   [rpc.Classes]stream
	account   *rpc.Account
	waste     *rate.Limiter // of what is received for nothing; of the listener, nil at the dialing end
	wasted    atomic.Int64  // bytes received for nothing that have not waited for their turn
	closeOnce sync.Once
}

// stream is that of one class. Its fields may be used once ready is closed.
type stream struct {
	ready chan struct{}
	*yamux.Stream
	// reader is made when the first frame comes: many connections of a server never call.
	reader *bufio.Reader
}

func newLink(session *yamux.Session, wire *coalescer, waste *rate.Limiter) *link {
	l := &link{session: session, wire: wire, waste: waste}
	for i := range l.streams {
		l.streams[i].ready = make(chan struct{})
	}
	return l
}

// openStreams opens a stream per class, whose first byte says which.
func (l *link) openStreams() error {
	for class := range rpc.Class(rpc.Classes) {
		s, err := l.session.OpenStream()
		if err != nil {
			return err
		}
		if _, err := s.Write([]byte{byte(class)}); err != nil {
			return err
		}
		l.streams[class].begin(s)
	}
	return nil
}

// acceptStreams waits for the peer's streams. Anything but one per class breaks the link.
func (l *link) acceptStreams() {
	for range rpc.Classes {
		s, err := l.session.AcceptStream()
		if err != nil {
			l.Close()
			return
		}
		var first [1]byte
		_, err = io.ReadFull(s, first[:])
		class := rpc.Class(first[0])
		if err != nil || class >= rpc.Classes || l.streams[class].begun() {
			l.Close()
			return
		}
		l.streams[class].begin(s)
	}
}

func (s *stream) begin(y *yamux.Stream) {
	s.Stream = y
	close(s.ready)
}

func (s *stream) begun() bool { return s.Stream != nil }

// wait blocks until the stream of a class is there.
func (l *link) wait(class rpc.Class) (*stream, error) {
	s := &l.streams[class]
	select {
	case <-s.ready:
		return s, nil
	default:
	}
	select {
	case <-s.ready:
		return s, nil
	case <-l.session.CloseChan():
		return nil, yamux.ErrSessionShutdown
	}
}

// Gather implements rpc.Link. It doubles the throughput of many small calls.
func (l *link) Gather() { runtime.Gosched() }

// Charge implements rpc.Link.
func (l *link) Charge(account *rpc.Account) { l.account = account }

// Waste implements rpc.Link.
func (l *link) Waste(n int) { l.wasted.Add(int64(n)) }

// payForWaste waits until it is the turn of what was received for nothing.
func (l *link) payForWaste() error {
	if l.waste == nil {
		return nil
	}
	for left := int(l.wasted.Swap(0)); left > 0 && !l.session.IsClosed(); left -= wasteAtOnce {
		if err := l.waste.WaitN(context.Background(), min(left, wasteAtOnce)); err != nil {
			return err
		}
	}
	return nil
}

// Greeted implements rpc.Link.
func (l *link) Greeted() { l.wire.greeted.Store(true) }

// sendBytes is how much is handed to yamux at once: the peer has unreadTimeout for each.
const sendBytes = 256 << 10

// Send implements rpc.Link.
func (l *link) Send(class rpc.Class, parts [][]byte) error {
	s, err := l.wait(class)
	if err != nil {
		return err
	}
	for _, part := range parts {
		for len(part) > 0 {
			n := min(len(part), sendBytes)
			if err := s.SetWriteDeadline(time.Now().Add(unreadTimeout)); err != nil {
				return err
			}
			if _, err := s.Write(part[:n]); err != nil {
				return err
			}
			part = part[n:]
		}
	}
	return nil
}

// Receive implements rpc.Link.
func (l *link) Receive(class rpc.Class) ([]byte, error) {
	s, err := l.wait(class)
	if err != nil {
		return nil, err
	}
	var prefix [4]byte
	if err := s.first(prefix[:1], class); err != nil {
		return nil, err
	}
	// What is in the buffer comes at once; the rest has to within a time.
	timed := s.reader.Buffered() < len(prefix)-1
	if timed {
		if err := s.SetReadDeadline(time.Now().Add(frameTimeout)); err != nil {
			return nil, err
		}
	}
	if _, err := io.ReadFull(s.reader, prefix[1:]); err != nil {
		return nil, cutShort(err)
	}
	n, err := rpc.FrameLength(prefix)
	if err != nil {
		return nil, err
	}
	if n > rpc.HelloBytesMax && !l.wire.greeted.Load() {
		return nil, fmt.Errorf("%w: a frame of %d bytes", errTooEarly, n)
	}
	if err := l.payForWaste(); err != nil {
		return nil, err
	}
	if s.reader.Buffered() < n {
		timed = true
		if err := s.expect(n); err != nil {
			return nil, err
		}
	}
	frame, err := l.readFrame(s.reader, n, s.expect)
	if timed || err != nil { // a frame that was passed over has had time, too
		s.Shrink() // what yamux has received it into
		err = cmp.Or(cutShort(err), s.SetReadDeadline(time.Time{}))
	}
	if err != nil {
		return nil, err
	}
	return frame, nil
}

// first reads the first byte of a frame, however long it takes to come.
func (s *stream) first(b []byte, class rpc.Class) error {
	if s.reader != nil {
		_, err := io.ReadFull(s.reader, b)
		return err
	}
	if _, err := io.ReadFull(s.Stream, b); err != nil {
		return err
	}
	size := streamBufferBytes
	if class == rpc.ClassControl {
		size = controlBufferBytes
	}
	s.reader = bufio.NewReaderSize(s.Stream, size)
	return nil
}

// expect has n bytes arrive within a time.
func (s *stream) expect(n int) error {
	longer := time.Duration(n) * time.Second / frameBytesPerSecond
	return s.SetReadDeadline(time.Now().Add(frameTimeout + longer))
}

func cutShort(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("frame cut short: %w", err)
	case errors.Is(err, yamux.ErrTimeout):
		return fmt.Errorf("frame that has begun does not end: %w", err)
	}
	return err
}

// growBytes is how much is allocated for a frame before as much of it has come, and then as much again as has come: a
// length alone must not cost megabytes.
const growBytes = 64 << 10

// readFrame reads a frame of n bytes. It counts on the account what it allocates, until it returns. It calls expect
// with how many bytes it waits for from then on.
func (l *link) readFrame(r io.Reader, n int, expect func(n int) error) ([]byte, error) {
	var frame []byte
	for at := 0; at < n; at = len(frame) {
		size := min(n, max(growBytes, 4*at))
		if !l.account.Take(size) {
			l.account.Give(at)
			return nil, l.discard(r, frame, n, expect)
		}
		grown := make([]byte, size)
		copy(grown, frame)
		l.account.Give(at)
		frame = grown
		if _, err := io.ReadFull(r, frame[at:]); err != nil {
			l.account.Give(size)
			return nil, err
		}
	}
	l.account.Give(n)
	return frame, nil
}

// discard passes over the rest of a frame of n bytes for which there is no room, of which begun has come. It returns
// an *rpc.NoRoomError once it has. All links of a listener together pass over so much in a second that those that get
// room lose little of the processor's time. The time that a link waits for its turn is not the peer's.
func (l *link) discard(r io.Reader, begun []byte, n int, expect func(n int) error) error {
	head := make([]byte, min(n, rpc.HeadBytesMax))
	at := copy(head, begun)
	if len(begun) < len(head) {
		if _, err := io.ReadFull(r, head[at:]); err != nil {
			return err
		}
	}
	for left := n - max(len(begun), len(head)); left > 0; {
		some := min(left, wasteAtOnce)
		if err := l.waste.WaitN(context.Background(), some); err != nil {
			return err
		}
		if err := expect(some); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, r, int64(some)); err != nil {
			return err
		}
		left -= some
	}
	return &rpc.NoRoomError{Head: head}
}

// Close implements rpc.Link. The session waits for its goroutines when it closes, one of which may
// be the caller's to release; so nobody waits for it.
func (l *link) Close() {
	l.closeOnce.Do(func() { go l.session.Close() })
}

// RemoteAddr implements rpc.Link.
func (l *link) RemoteAddr() string { return l.wire.RemoteAddr().String() }
