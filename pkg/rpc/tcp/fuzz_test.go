// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// source is a connection from which some bytes come.
type source struct {
	net.Conn
	io.Reader
}

func (s source) Read(p []byte) (int, error) { return s.Reader.Read(p) }

// pieces cuts data as cuts say, each by the size of a piece; 0 stands for a header of yamux.
func pieces(data, cuts []byte) (all [][]byte) {
	for _, cut := range cuts {
		n := int(cut)
		if n == 0 {
			n = yamuxHeaderBytes
		}
		n = min(n, len(data))
		all, data = append(all, data[:n]), data[n:]
	}
	return append(all, data)
}

// FuzzCoalescer writes any bytes, cut in any way. What it passes on is their beginning, of which it holds at most one
// header back.
func FuzzCoalescer(f *testing.F) {
	header := []byte{0, yamuxTypeData, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12}
	f.Add(append(bytes.Clone(header), header...), []byte{0, 0})
	f.Add(bytes.Repeat(header, 5), []byte{0, 3, 0, 9})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		r := &recorder{}
		c := newCoalescer(r)
		for _, piece := range pieces(data, cuts) {
			if n, err := c.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("of %d bytes, %d are written, %v", len(piece), n, err)
			}
		}
		written := bytes.Join(r.writes, nil)
		if !bytes.HasPrefix(data, written) || len(data)-len(written) > yamuxHeaderBytes {
			t.Fatalf("%x is written as %x", data, written)
		}
	})
}

// FuzzGuard reads any bytes as what a peer sends. What comes through is whole frames of yamux of types that are known,
// of which none announces more than a piece, and before the hello no more data than a hello.
func FuzzGuard(f *testing.F) {
	opened := []byte{0, yamuxTypeWindow, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0}
	data := []byte{0, yamuxTypeData, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 'h', 'i'}
	ping := []byte{0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7}
	large := append([]byte{0, yamuxTypeData, 0, 0, 0, 0, 0, 1, 0, 0, 0x50, 0}, make([]byte, 0x5000)...)
	f.Add(append(opened, data...), false)
	f.Add(append(bytes.Clone(data), ping...), true)
	f.Add(large, true)
	f.Fuzz(func(t *testing.T, sent []byte, greeted bool) {
		c := newCoalescer(source{Reader: bytes.NewReader(sent)})
		c.greeted.Store(greeted)
		read, _ := io.ReadAll(c)
		received := 0
		for len(read) >= yamuxHeaderBytes {
			kind, length := read[yamuxTypeOffset], int(binary.BigEndian.Uint32(read[yamuxLengthOffset:]))
			read = read[yamuxHeaderBytes:]
			switch kind {
			case yamuxTypeData:
				if length > pieceBytes {
					t.Fatalf("a frame announces %d bytes", length)
				}
				received += length
				read = read[min(length, len(read)):]
			case yamuxTypeWindow, yamuxTypeGoAway:
			default:
				t.Fatalf("a frame of type %d comes through", kind)
			}
		}
		if !greeted && received > helloBytes {
			t.Fatalf("%d bytes come through before the hello", received)
		}
	})
}
