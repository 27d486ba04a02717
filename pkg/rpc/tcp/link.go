// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/hashicorp/yamux"

	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Sizes of the buffers that bytes are read into, of the connection and of its streams.
const (
	connBufferBytes    = 32 << 10
	streamBufferBytes  = 32 << 10
	controlBufferBytes = 4 << 10
)

// link implements rpc.Link. The streams of the accepting side come one by one.
type link struct {
	session    *yamux.Session
	remoteAddr string
	streams    [rpc.Classes]stream
	closeOnce  sync.Once
}

// stream is that of one class. Its fields may be used once ready is closed.
type stream struct {
	ready chan struct{}
	*yamux.Stream
	reader *bufio.Reader
}

func newLink(session *yamux.Session, remoteAddr string) *link {
	l := &link{session: session, remoteAddr: remoteAddr}
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
		l.streams[class].begin(s, newReader(s, class))
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
		l.streams[class].begin(s, newReader(s, class))
	}
	// A further stream has no business here, nor has anything once the session is over.
	_, _ = l.session.AcceptStream()
	l.Close()
}

func newReader(s *yamux.Stream, class rpc.Class) *bufio.Reader {
	if class == rpc.ClassControl {
		return bufio.NewReaderSize(s, controlBufferBytes)
	}
	return bufio.NewReaderSize(s, streamBufferBytes)
}

func (s *stream) begin(y *yamux.Stream, reader *bufio.Reader) {
	s.Stream, s.reader = y, reader
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

// Send implements rpc.Link.
func (l *link) Send(class rpc.Class, parts [][]byte) error {
	s, err := l.wait(class)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if _, err := s.Write(part); err != nil {
			return err
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
	if _, err := io.ReadFull(s.reader, prefix[:]); err != nil {
		return nil, err
	}
	n, err := rpc.FrameLength(prefix)
	if err != nil {
		return nil, err
	}
	frame, err := readFrame(s.reader, n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("frame cut short: %w", err)
	}
	return frame, err
}

// growBytes is how much is allocated for a frame before as much of it has come: a
// length alone, sent by anybody, must not cost megabytes.
const growBytes = 256 << 10

func readFrame(r io.Reader, n int) ([]byte, error) {
	frame := make([]byte, min(n, growBytes))
	if _, err := io.ReadFull(r, frame); err != nil || len(frame) == n {
		return frame, err
	}
	whole := make([]byte, n)
	copy(whole, frame)
	_, err := io.ReadFull(r, whole[len(frame):])
	return whole, err
}

// Close implements rpc.Link. The session waits for its goroutines when it closes, one of which may
// be the caller's to release; so nobody waits for it.
func (l *link) Close() {
	l.closeOnce.Do(func() { go l.session.Close() })
}

// RemoteAddr implements rpc.Link.
func (l *link) RemoteAddr() string { return l.remoteAddr }
