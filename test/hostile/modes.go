// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// mode is a way to harm a node.
type mode struct {
	name string
	// workers do it at the same time, each again and again: when do returns, its connection is broken.
	workers int
	do      func(ctx context.Context, addr string) error
	// files is how many descriptors the node may have; 0 is as many as this process.
	files int
}

var modes = []mode{
	{"pings", 16, floodPings, 0},
	{"names", 8, inventNames, 0},
	{"frames", 30, lackByte, 0},
	{"admin", 8, askMuch, 0},
	{"pieces", 4, movePieces, 0},
	{"idle", 4096, stayIdle, 0},
	{"early", 64, sendEarly, 0},
	{"silent", 1000, staySilent, 256},
}

// retryPause is how long a worker waits whose connection was broken.
const retryPause = 50 * time.Millisecond

func modeOf(name string) *mode {
	for i := range modes {
		if modes[i].name == name {
			return &modes[i]
		}
	}
	return nil
}

func modeNames() (all []string) {
	for _, m := range modes {
		all = append(all, m.name)
	}
	return all
}

// harm does what the modes say until ctx ends.
func harm(ctx context.Context, addr string, names []string) error {
	var all sync.WaitGroup
	for _, name := range names {
		m := modeOf(name)
		if m == nil {
			return fmt.Errorf("-peer %q: must be among %s", name, strings.Join(modeNames(), ", "))
		}
		for range m.workers {
			all.Go(func() { m.repeat(ctx, addr) })
		}
	}
	all.Wait()
	return nil
}

func (m *mode) repeat(ctx context.Context, addr string) {
	for ctx.Err() == nil {
		one, cancel := context.WithCancel(ctx)
		_ = m.do(one, addr) // that the node breaks the connection is as it should be
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
}

// floodPings says hello and sends pings of yamux, whose answers it does not read.
func floodPings(ctx context.Context, addr string) error {
	conn, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.SetReadBuffer(4096); err != nil {
			return err
		}
	}
	greeting := hello()
	sent := append(yamuxOpened(), yamuxFrame(0, 0, 1, uint32(len(greeting)), greeting)...)
	pings := bytes.Repeat(yamuxFrame(2, 1, 0, 7, nil), 1000)
	for {
		if _, err := conn.Write(sent); err != nil {
			return err
		}
		sent = pings
	}
}

// inventNames tells of the load of nodes that there are not.
func inventNames(ctx context.Context, addr string) error {
	s, err := greet(ctx, addr)
	for err == nil {
		var ping []byte
		name := fmt.Sprintf("%016x%s", rand.Uint64(), strings.Repeat("x", 8<<10))
		if ping, err = msgpack.Marshal(api.Ping{Node: name, Load: api.Load{Activations: 1}}); err == nil {
			err = s.call(api.MethodPing, ping)
		}
	}
	return err
}

// lackByte sends the largest frames, but for their last byte, as calls and in bulk.
func lackByte(ctx context.Context, addr string) error {
	s, err := greet(ctx, addr)
	if err != nil {
		return err
	}
	cut := make([]byte, 4+rpc.FrameBytesMax-1)
	binary.BigEndian.PutUint32(cut, rpc.FrameBytesMax)
	bulk := make(chan error, 1)
	go func() {
		_, err := s.streams[rpc.ClassBulk].Write(cut)
		bulk <- err
	}()
	if _, err := s.streams[rpc.ClassCall].Write(cut); err != nil {
		return err
	}
	if err := <-bulk; err != nil {
		return err
	}
	_, err = receive(s.streams[rpc.ClassCall])
	return err
}

// askMuch makes requests of tools that have as many elements as fit into a frame.
func askMuch(ctx context.Context, addr string) error {
	s, err := greet(ctx, addr)
	for err == nil {
		if err = s.call(api.MethodBulk, array("shares", 0xc0)); err == nil { // nil
			err = s.call(api.MethodActors, array("states", 0xa0)) // ""
		}
	}
	return err
}

// array is a map of one field, an array of one-byte elements that fills a frame.
func array(field string, element byte) []byte {
	const elements = rpc.PayloadBytesMax - 1024
	b := api.AppendString([]byte{0x81}, field)
	b = binary.BigEndian.AppendUint32(append(b, 0xdd), elements)
	return append(b, bytes.Repeat([]byte{element}, elements)...)
}

// movePieces announces moves, and sends the first byte of each, or the first MiB.
func movePieces(ctx context.Context, addr string) error {
	s, err := greet(ctx, addr)
	for i := 0; err == nil; i++ {
		var move api.MoveID
		binary.BigEndian.PutUint64(move[:], rand.Uint64())
		var prepare []byte
		prepare, err = msgpack.Marshal(api.MovePrepareRequest{Move: move[:], From: nodeName,
			Actor: fmt.Sprintf("counter/%016x", rand.Uint64())})
		if err == nil {
			err = s.call(api.MethodMovePrepare, prepare)
		}
		if err == nil {
			p := api.MovePieceRequest{Move: move, Total: api.MoveBytesMax, Data: make([]byte, 1+i%2<<20)}
			err = s.call(api.MethodMovePiece, p.AppendTo(nil))
		}
	}
	return err
}

// stayIdle says hello, answers pings, and does no more.
func stayIdle(ctx context.Context, addr string) error {
	s, err := greet(ctx, addr)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-s.CloseChan():
	}
	return nil
}

// sendEarly sends in place of a hello as much of a large frame as it may.
func sendEarly(ctx context.Context, addr string) error {
	conn, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	const window = 256<<10 - 1
	data := make([]byte, window)
	binary.BigEndian.PutUint32(data, rpc.FrameBytesMax)
	if _, err := conn.Write(append(yamuxOpened(), yamuxFrame(0, 0, 1, window, data)...)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn)
	return err
}

// staySilent connects, and says nothing.
func staySilent(ctx context.Context, addr string) error {
	conn, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn)
	return err
}
