// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// A frame on a link:
//
//	length   4 bytes, big endian: of all that follows
//	checksum 4 bytes, big endian: CRC-32C of all that follows
//	header   a msgpack array: kind, id, and what the kind says
//	payload  the rest
//
// Elements are only ever added to a header at its end; a reader ignores those it does not know.
const (
	lengthBytes   = 4
	checksumBytes = 4
	prefixBytes   = lengthBytes + checksumBytes
)

// frameKind is the first element of a header. Kinds are numbers on the wire: append-only.
type frameKind uint8

const (
	kindHello    frameKind = 1  // id 0, magic, version min, version max, cluster, node, incarnation, credentials
	kindWelcome  frameKind = 2  // id 0, version, cluster, node, incarnation
	kindRefusal  frameKind = 3  // as kindError, id 0
	kindRequest  frameKind = 4  // id, method, timeout in ms (0: none); payload
	kindResponse frameKind = 5  // id; payload
	kindError    frameKind = 6  // id, code, op, message, details (a map)
	kindCancel   frameKind = 7  // id
	kindPing     frameKind = 8  // id 0
	kindPong     frameKind = 9  // id 0
	kindGoaway   frameKind = 10 // id 0
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errChecksum = errors.New("frame with a wrong checksum")
	errHeader   = errors.New("frame with a malformed header")
)

// FrameLength returns how many bytes follow a frame's length, of which prefix are the four bytes.
// An error says that no frame begins like this.
func FrameLength(prefix [4]byte) (int, error) {
	n := binary.BigEndian.Uint32(prefix[:])
	if n <= checksumBytes || n > FrameBytesMax {
		return 0, fmt.Errorf("frame of %d bytes; allowed are %d to %d", n, checksumBytes+1, FrameBytesMax)
	}
	return int(n), nil
}

// SplitFrame returns the first frame of b without its length, as Link.Receive returns
// it, and what follows it. Both alias b. An error says that b does not begin with a whole frame.
func SplitFrame(b []byte) (frame, rest []byte, err error) {
	if len(b) < lengthBytes {
		return nil, nil, errors.New("frame cut short")
	}
	n, err := FrameLength([4]byte(b))
	if err != nil {
		return nil, nil, err
	}
	b = b[lengthBytes:]
	if len(b) < n {
		return nil, nil, errors.New("frame cut short")
	}
	return b[:n:n], b[n:], nil
}

// beginFrame appends room for length and checksum, and the beginning of a header of n elements.
func beginFrame(b []byte, n int, kind frameKind, id uint64) []byte {
	b = append(b, make([]byte, prefixBytes)...)
	b = api.AppendArrayHeader(b, n)
	b = api.AppendUint(b, uint64(kind))
	return api.AppendUint(b, id)
}

// endFrame fills in length and checksum of the frame whose prefix and header are b and
// whose payload is payload.
func endFrame(b, payload []byte) []byte {
	sum := crc32.Checksum(b[prefixBytes:], castagnoli)
	sum = crc32.Update(sum, castagnoli, payload)
	binary.BigEndian.PutUint32(b, uint32(len(b)-lengthBytes+len(payload)))
	binary.BigEndian.PutUint32(b[lengthBytes:], sum)
	return b
}

// appendRequest appends prefix and header of a request to b, which is empty.
func appendRequest(b []byte, id uint64, method string, timeoutMillis uint64, payload []byte) []byte {
	b = beginFrame(b, 4, kindRequest, id)
	b = api.AppendString(b, method)
	b = api.AppendUint(b, timeoutMillis)
	return endFrame(b, payload)
}

// appendResponse appends prefix and header of an answer to b, which is empty.
func appendResponse(b []byte, id uint64, payload []byte) []byte {
	return endFrame(beginFrame(b, 2, kindResponse, id), payload)
}

// appendBare appends a frame that is only a kind and an id to b, which is empty.
func appendBare(b []byte, kind frameKind, id uint64) []byte {
	return endFrame(beginFrame(b, 2, kind, id), nil)
}

// appendError appends a frame of kindError or kindRefusal to b, which is empty.
func appendError(b []byte, kind frameKind, id uint64, err error) []byte {
	e := api.ErrorFrom(err)
	code := e.Code
	if code == api.CodeOK { // an error nevertheless
		code = api.CodeInternal
	}
	b = beginFrame(b, 6, kind, id)
	b = api.AppendUint(b, uint64(code))
	b = api.AppendString(b, cut(e.Op, errorDetailByteMax))
	b = api.AppendString(b, cut(e.Message, errorTextBytesMax))
	b = appendDetails(b, e.Detail)
	return endFrame(b, nil)
}

// frame is a received frame, its checksum verified and the first two elements of its header read.
type frame struct {
	kind frameKind
	id   uint64
	// left is the number of elements still in the header.
	left    int
	decoder api.Decoder
}

// parseFrame reads the beginning of a frame as Link.Receive returns it.
func parseFrame(b []byte) (frame, error) {
	if len(b) <= checksumBytes {
		return frame{}, errHeader
	}
	if crc32.Checksum(b[checksumBytes:], castagnoli) != binary.BigEndian.Uint32(b) {
		return frame{}, errChecksum
	}
	return readHead(b)
}

// readHead reads the beginning of a frame of which not all may be there, so that its checksum can't be verified.
func readHead(b []byte) (frame, error) {
	if len(b) <= checksumBytes {
		return frame{}, errHeader
	}
	f := frame{decoder: api.NewDecoder(b[checksumBytes:])}
	f.left = f.decoder.Array() - 2
	kind := f.decoder.Uint()
	f.id = f.decoder.Uint()
	if f.decoder.Err() != nil || f.left < 0 || f.left > headerElementsMax || kind > 0xff {
		return frame{}, errHeader
	}
	f.kind = frameKind(kind)
	return f, nil
}

// end passes over the elements of the header that were not read, of which n were, and
// returns the payload.
func (f *frame) end(n int) ([]byte, error) {
	for ; n < f.left; n++ {
		f.decoder.Skip()
	}
	if f.decoder.Err() != nil || n > f.left {
		return nil, errHeader
	}
	return f.decoder.Rest(), nil
}

// request reads the rest of a request. Method aliases the frame.
func (f *frame) request() (method []byte, timeoutMillis uint64, payload []byte, err error) {
	method = f.decoder.StringBytes()
	timeoutMillis = f.decoder.Uint()
	payload, err = f.end(2)
	return method, timeoutMillis, payload, err
}

// error reads the rest of a frame of kindError or kindRefusal.
func (f *frame) error() (*api.Error, error) {
	code := f.decoder.Uint()
	e := &api.Error{Code: api.Code(code), Op: f.decoder.String(), Message: f.decoder.String()}
	e.Detail = readDetails(&f.decoder)
	if _, err := f.end(4); err != nil {
		return nil, err
	}
	if code == uint64(api.CodeOK) || code > 0xffff {
		return nil, errHeader
	}
	return e, nil
}
