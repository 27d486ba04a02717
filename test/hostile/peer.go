// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"runtime"
	"time"

	"github.com/hashicorp/yamux"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Kinds of the frames that the peer makes by hand, of pkg/rpc.
const (
	kindHello   = 1
	kindWelcome = 2
	kindRequest = 4
	kindPing    = 8
	kindPong    = 9
)

const dialTimeout = 5 * time.Second

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is a whole frame.
func frame(head, payload []byte) []byte {
	b := make([]byte, 8, 8+len(head)+len(payload))
	b = append(append(b, head...), payload...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}

// head begins the header of a frame.
func head(elements int, kind, id uint64) []byte {
	return api.AppendUint(api.AppendUint(api.AppendArrayHeader(nil, elements), kind), id)
}

// hello is one that is good.
func hello() []byte {
	b := api.AppendString(head(9, kindHello, 0), "kelpie-rpc")
	b = api.AppendUint(api.AppendUint(b, rpc.ProtocolVersion), rpc.ProtocolVersion)
	for range 4 { // of no cluster and without a name
		b = api.AppendString(b, "")
	}
	return frame(b, nil)
}

func request(id uint64, method string, payload []byte) []byte {
	b := api.AppendString(head(4, kindRequest, id), method)
	return frame(api.AppendUint(b, uint64(callTimeout/time.Millisecond)), payload)
}

// dial connects, on Linux from an address that is not that of the callers.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	if runtime.GOOS == "linux" {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}
	}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn, nil
}

// session is a connection that has said a good hello, and answers pings.
type session struct {
	*yamux.Session
	streams [rpc.Classes]*yamux.Stream
	calls   uint64
}

func greet(ctx context.Context, addr string) (*session, error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	config := yamux.DefaultConfig()
	config.EnableKeepAlive, config.LogOutput = false, io.Discard
	y, err := yamux.Client(conn, config)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s := &session{Session: y}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, y.Close())
	}
	go s.answerPings()
	return s, nil
}

// begin opens the streams and shakes hands.
func (s *session) begin() (err error) {
	for class := range s.streams {
		if s.streams[class], err = s.OpenStream(); err != nil {
			return err
		}
		if _, err := s.streams[class].Write([]byte{byte(class)}); err != nil {
			return err
		}
	}
	control := s.streams[rpc.ClassControl]
	if _, err := control.Write(hello()); err != nil {
		return err
	}
	if kind, err := receive(control); err != nil || kind != kindWelcome {
		return errors.Join(errors.New("the peer is not welcome"), err)
	}
	return nil
}

func (s *session) answerPings() {
	for {
		kind, err := receive(s.streams[rpc.ClassControl])
		if err == nil && kind == kindPing {
			_, err = s.streams[rpc.ClassControl].Write(frame(head(2, kindPong, 0), nil))
		}
		if err != nil {
			s.Close()
			return
		}
	}
}

// receive passes over a frame and returns its kind.
func receive(r io.Reader) (kind byte, err error) {
	var prefix [10]byte // length, checksum, array, kind
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return 0, err
	}
	_, err = io.CopyN(io.Discard, r, int64(binary.BigEndian.Uint32(prefix[:]))-int64(len(prefix)-4))
	return prefix[9], err
}

// call makes a call and waits for its answer, whatever that is.
func (s *session) call(method string, payload []byte) error {
	s.calls++
	stream := s.streams[rpc.ClassCall]
	if _, err := stream.Write(request(s.calls, method, payload)); err != nil {
		return err
	}
	_, err := receive(stream)
	return err
}

// yamuxFrame is a frame of yamux of a type: 0 is data, 1 a window, 2 a ping.
func yamuxFrame(kind byte, flags uint16, stream, length uint32, body []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0, kind}, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(binary.BigEndian.AppendUint32(b, length), body...)
}

// yamuxOpened opens a stream for each class.
func yamuxOpened() (b []byte) {
	for class := range uint32(rpc.Classes) {
		b = append(b, yamuxFrame(1, 1, 2*class+1, 0, nil)...)
		b = append(b, yamuxFrame(0, 0, 2*class+1, 1, []byte{byte(class)})...)
	}
	return b
}
