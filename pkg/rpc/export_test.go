// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import "github.com/kelpiehq/kelpie/pkg/api"

// What tests that speak the protocol by hand need of it.

func HelloFrame(versionMin, versionMax uint64, cluster string) []byte {
	return appendHello(nil, hello{versionMin: versionMin, versionMax: versionMax, peer: PeerInfo{ClusterID: cluster}})
}

func WelcomeFrame() []byte { return appendWelcome(nil, &Identity{}, ProtocolVersion) }

func RequestFrame(id uint64, method string, timeoutMillis uint64, payload []byte) []byte {
	return append(appendRequest(nil, id, method, timeoutMillis, payload), payload...)
}

func ResponseFrame(id uint64, payload []byte) []byte {
	return append(appendResponse(nil, id, payload), payload...)
}

func ErrorFrame(id uint64, err error) []byte { return appendError(nil, kindError, id, err) }

func CancelFrame(id uint64) []byte { return appendBare(nil, kindCancel, id) }

func PingFrame() []byte { return appendBare(nil, kindPing, 0) }

func GoawayFrame() []byte { return appendBare(nil, kindGoaway, 0) }

// HeaderFrame returns a frame whose header are the given bytes.
func HeaderFrame(header []byte) []byte {
	return endFrame(append(make([]byte, prefixBytes), header...), nil)
}

// UnknownFrame returns a well-formed frame of a kind that nobody knows.
func UnknownFrame() []byte { return appendBare(nil, 200, 1) }

// ReadAnswer reads a response or an error, as Link.Receive returns it.
func ReadAnswer(b []byte) (id uint64, payload []byte, answer *api.Error, err error) {
	f, err := parseFrame(b)
	if err != nil {
		return 0, nil, nil, err
	}
	switch f.kind {
	case kindResponse:
		payload, err = f.end(0)
	case kindError, kindRefusal:
		answer, err = f.error()
	default:
		err = errKind
	}
	return f.id, payload, answer, err
}

// IsWelcome reports whether b, as Link.Receive returns it, is a welcome.
func IsWelcome(b []byte) bool {
	_, err := new(Identity).parseWelcome(b)
	return err == nil
}

// Decode decodes a typed request or answer.
func Decode(b []byte, v any, requested bool) error { return decode(b, v, requested) }
